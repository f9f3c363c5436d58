"""A toy detector of each kind of input, each a folder of card and ONNX file: five opinions on a clip."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from toy_detectors import write_unit_detector
from unmask.cli.main import build
from unmask.media.source import DecodedMedia
from unmask.report import ScanResult
from unmask.report.page import page
from unmask.report.schema import schema
from unmask.report.table import table
from unmask.scanning import Settings, scan
from unmask.serve.views import scan_view
from unmask.verdict import at_prior_odds

RATE = 8000
FACE = {"unit": "face", "crop_profile": "tight", "size": 32}
CLIP = {"unit": "face_clip", "crop_profile": "tight", "size": 32, "frames": 8, "rate": 10.0}
UNITS = {
    "face": (FACE, "face_manipulated"),
    "frame": ({"unit": "frame", "size": 32}, "face_generated"),
    "clip": (CLIP, "face_flickers"),
    "sound": ({"unit": "audio", "rate": RATE, "seconds": 1.0}, "sound_generated"),
    "clip-with-sound": (CLIP | {"audio": {"rate": RATE, "seconds": 0.8}}, "sound_belongs_to_face"),
}
KINDS = {
    "face": ["face", "face"], "frame": ["picture"], "clip": ["face", "face"], "sound": ["sound"],
    "clip-with-sound": ["face", "face"],
}  # fmt: skip


def write_clip(path, frames, tone=None, rate=10):
    """A video of pictures with a tone of this height beside it."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        stream.options = {"crf": "10", "preset": "ultrafast", "bf": "0"}
        track = None if tone is None else file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(picture))
            if track is not None:
                count = RATE // rate
                times = (np.arange(count) + number * count) / RATE
                samples = (tone * 32767 * np.sin(2 * np.pi * 250 * times)).astype(np.int16)[None]
                sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                sound.rate, sound.pts, sound.time_base = RATE, number * count, Fraction(1, RATE)
                file.mux(track.encode(sound))
        file.mux(stream.encode())
        if track is not None:
            file.mux(track.encode())
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Its logit is 0.05 x the mean of what it sees - 2, and -3 for what it hears alone."""
    root = tmp_path_factory.mktemp("detectors")
    return {
        name: write_unit_detector(
            root / name, spec, 0.05, 3.0 if name == "sound" else 2.0, ["level"], question=question
        )
        for name, (spec, question) in UNITS.items()
    }


def pictures(toys, count=60):
    still = ((200, 120, 260, 190), toys.BLUE)
    return [toys.draw([((20 + n, 40, 80 + n, 110), toys.RED), still]) for n in range(count)]


@pytest.fixture
def talking(tmp_path, toys):
    return write_clip(tmp_path / "talking.mkv", pictures(toys), tone=0.5)


def settings(folders, *names, **changes):
    first, *further = (str(folders[name]) for name in names or UNITS)
    return Settings(detector=first, further_detectors=tuple(further), **changes)


@pytest.fixture
def result(talking, folders, finder):
    return scan(talking, settings(folders), finder=finder)


def test_five_detectors_have_five_opinions(result):
    assert [opinion.detector.name for opinion in result.opinions] == list(UNITS)
    assert [opinion.question for opinion in result.opinions] == [question for _, question in UNITS.values()]
    for opinion in result.opinions:
        assert [subject.kind for subject in opinion.subjects] == KINDS[opinion.detector.name]
        assert (opinion.verdict is None, opinion.decisive is None) == (False, False)
    faces, frame, clip, sound, both = result.opinions
    assert sound.score == pytest.approx(1 / (1 + np.exp(3)), abs=1e-3)  # The mean of a tone is 0.
    assert frame.score == pytest.approx(1 / (1 + np.exp(2 - 0.05 * 123)), abs=0.02)
    # Of two faces that look the same, each counts at lowered odds.
    for opinion in (faces, clip, both):
        assert opinion.subjects[0].score == pytest.approx(1 / (1 + np.exp(2 - 0.05 * 109)), abs=0.02)
        assert opinion.score == pytest.approx(
            at_prior_odds(opinion.subjects[opinion.decisive].score, 2**0.5 - 1)
        )
        assert {round(subject.box[0], -1) for subject in opinion.subjects} <= {20, 30, 40, 50, 200}
    assert (frame.subjects[0].box, sound.subjects[0].box) == (None, None)
    assert 0 <= sound.subjects[0].start < sound.subjects[0].end <= 6.01


def test_the_file_has_the_strongest_statement_and_the_first_detectors_faces(result):
    frame = result.opinions[1]
    assert (result.status, result.verdict) == ("ok", "likely_fake")
    assert result.score == pytest.approx(at_prior_odds(frame.score, 1 / 5))
    assert result.detector.name == "face" and len(result.tracks) == 2
    assert [track.score for track in result.tracks] == [s.score for s in result.opinions[0].subjects]
    assert result.decisive_track is None  # It is the picture that decides.


@pytest.mark.parametrize("name", UNITS)
def test_an_opinion_does_not_depend_on_the_others(talking, folders, finder, result, name):
    alone = scan(talking, settings(folders, name), finder=finder)
    assert alone.opinions == tuple(one for one in result.opinions if one.detector.name == name)
    assert (alone.verdict, alone.score) == (alone.opinions[0].verdict, alone.opinions[0].score)


def test_threads_and_isolation_change_nothing(talking, folders, finder, result):
    other = scan(talking, settings(folders, threads=1, isolated=False), finder=finder)
    assert other.opinions == result.opinions


def test_they_are_in_the_json_the_table_the_report_and_on_the_web_page(result):
    row = json.loads(json.dumps(result.to_dict()))
    Draft202012Validator(schema()).validate(row)
    assert [opinion["detector"]["name"] for opinion in row["opinions"]] == list(UNITS)
    assert ScanResult.from_dict(row).to_dict() == row
    view = scan_view(row)
    questions = [opinion["question"] for opinion in view["opinions"]]
    assert len(set(questions)) == 5 and "Face flickers?" in questions
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table([result]))
    text, html = console.export_text(), page([result])
    for question in questions:
        assert question in text and question in html


def test_of_an_image_only_pictures_and_faces_are_judged(tmp_path, folders, toys, finder):
    path = tmp_path / "picture.png"
    Image.fromarray(pictures(toys, 1)[0]).save(path)
    result = scan(path, settings(folders), finder=finder)
    assert [opinion.verdict is None for opinion in result.opinions] == [False, False, True, True, True]
    assert result.detail == (
        "clip found no video to judge; sound found no sound to judge; clip-with-sound found no video to judge"
    )
    # Those that found nothing were not asked: the odds are those of two questions.
    scores = [at_prior_odds(opinion.score, 1 / 2) for opinion in result.opinions[:2]]
    assert result.score in [pytest.approx(score) for score in scores]


def test_a_silent_video_has_no_opinion_on_sound(tmp_path, folders, toys, finder):
    path = write_clip(tmp_path / "silent.mkv", pictures(toys))
    result = scan(path, settings(folders), finder=finder)
    assert [opinion.verdict is None for opinion in result.opinions] == [False, False, False, True, True]
    only = scan(path, settings(folders, "sound"), finder=finder)
    assert (only.status, only.verdict, only.detail) == ("no_face", None, "sound found no sound to judge")
    assert [opinion.subjects for opinion in only.opinions] == [()]


def test_a_measure_of_the_graph_and_a_gate_of_the_card_make_a_reason(talking, tmp_path, finder):
    gate = {"name": "bright", "measure": "level", "starts_at": 50.0, "saturates_at": 90.0, "reject_at": 100.0}
    folder = write_unit_detector(
        tmp_path / "gated", UNITS["frame"][0], measures=["level"], gates=[gate | {"text": "it is bright: {value:.0f}"}]
    )  # fmt: skip
    result = scan(talking, Settings(detector=str(folder)), finder=finder)
    assert result.verdict == "inconclusive"
    assert [(reason.gate, reason.effect) for reason in result.reasons] == [("bright", "abstains")]
    assert result.reasons[0].text.startswith("it is bright: 12")


def test_one_detector_of_faces_reads_no_sound_and_finds_faces_once_a_frame(
    talking, folders, finder, monkeypatch
):
    ordered, sample = [], DecodedMedia.sample
    monkeypatch.setattr(DecodedMedia, "audio", lambda media, wanted: pytest.fail("sound is read"))
    monkeypatch.setattr(
        DecodedMedia, "sample", lambda media, wanted: ordered.append(wanted) or sample(media, wanted)
    )
    result = scan(talking, settings(folders, "face", isolated=False), finder=finder)
    assert finder.asked == result.coverage.frames_sampled
    assert all(wanted.burst is None for wanted in ordered) and len(ordered) <= 2


def test_frames_that_several_detectors_want_are_decoded_and_searched_once(
    talking, folders, finder, monkeypatch
):
    ordered, sample = [], DecodedMedia.sample
    monkeypatch.setattr(
        DecodedMedia, "sample", lambda media, wanted: ordered.append(wanted) or sample(media, wanted)
    )
    chosen = settings(folders, "face", "frame", "clip", "clip-with-sound", frames=4, isolated=False)
    scan(talking, chosen, finder=finder)
    assert [wanted.burst is None for wanted in ordered] == [True, False]
    # Once on each frame, and at both ends of each burst.
    assert finder.asked == 4 + 2 * 4


def test_the_option_may_be_repeated(talking, folders):
    words = ["scan", str(talking), "--json"]
    for name in ("frame", "sound", "frame"):
        words += ["--detector", str(folders[name])]
    done = CliRunner().invoke(build(["scan"]), words)
    row = json.loads(done.stdout)
    assert (done.exit_code, row["detector"]["name"]) == (0, "frame")
    assert [opinion["detector"]["name"] for opinion in row["opinions"]] == ["frame", "sound"]
