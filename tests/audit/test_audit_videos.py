import csv
import shutil

import numpy as np
import pytest

import sound_toys
from unmask.audit import Options, audit
from unmask.statistics import Settings

STARTUP_ENVIRONMENT = Options(intervals=Settings(resamples=200))


@pytest.fixture
def videos(make_videos):
    """Write 8 sources, a real and a fake clip each; fakes last longer."""
    rows = [
        {
            "path": f"{label}/{n}.avi",
            "label": label,
            "source": f"s{n}",
            "split": "val" if n % 4 == 3 else "train",
            "grey": [60 + 20 * n] * frames,
        }
        for n in range(8)
        for label, frames in (("real", 4), ("fake", 8))
    ]
    return make_videos("videos", rows)


def test_facts_of_videos_are_held_against_the_label(videos):
    report = audit(videos, STARTUP_ENVIRONMENT)
    assert report.summary.kind == "videos"
    assert report.summary.statuses == {"ok": 16}
    assert report.findings[0].kind == "shortcut"
    assert report.facts[0].fact == "duration"
    assert {"codec", "frame_rate"}.isdisjoint(fact.fact for fact in report.facts)


@pytest.mark.slow
@pytest.mark.parametrize("silent", ["fake", None])
def test_a_silence_before_the_sound_of_fakes_is_a_shortcut(tmp_path, silent):
    """Ten sources with sound, of noise from the first sample on; that of fakes may begin 0.2 s later."""
    random = np.random.default_rng(3)
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "source"])
        for number in range(10):
            for label in ("real", "fake"):
                samples = 0.1 * random.standard_normal((1, 16_000)).astype(np.float32)
                samples[:, : 3200 if label == silent else random.integers(0, 400)] = 0
                name = f"{label}{number}.mkv"
                sound_toys.write(tmp_path / name, samples, 16_000, seconds=1.0)
                table.writerow([name, label, f"s{number}"])
    facts = {fact.fact: fact for fact in audit(tmp_path, STARTUP_ENVIRONMENT).facts}
    silence = facts["leading_silence"]
    assert silence.is_shortcut == (silent == "fake")
    if silent:
        assert (silence.auc.value, silence.higher_in) == (1.0, "fake")
        assert silence.auc.low is not None


def test_a_copied_video_is_found_and_a_broken_one_has_a_status(videos):
    shutil.copyfile(videos / "real" / "3.avi", videos / "real" / "0.avi")
    (videos / "fake" / "5.avi").write_bytes(b"nothing")
    report = audit(videos, STARTUP_ENVIRONMENT)
    exact = [pair for pair in report.pairs if pair.distance is None]
    assert [(pair.first, pair.second) for pair in exact] == [("real/0.avi", "real/3.avi")]
    assert "across_splits" in exact[0].kinds
    assert sum(report.summary.statuses.values()) == 16
    assert list(report.summary.unread) == ["fake/5.avi"]
    assert any(finding.kind == "files" for finding in report.findings)
