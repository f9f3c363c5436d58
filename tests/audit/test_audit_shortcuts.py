import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.audit import Options, audit, facts_by_auc
from unmask.audit.units import Units, merged
from unmask.statistics import Settings, UndefinedMetricError
from unmask.statistics.weighted import RankingMetrics

FAST = Settings(resamples=200)
STARTUP_ENVIRONMENT = Options(intervals=FAST)


def units(labels, facts, clusters=None):
    labels = np.asarray(labels, np.int64)
    clusters = np.arange(len(labels)) if clusters is None else clusters
    return Units(labels, np.array(clusters).astype(str), facts, [[n] for n in range(len(labels))])


def varied(random):
    """Options of an encoder that follow nothing."""
    return {"quality": int(random.integers(70, 96)), "subsampling": int(random.integers(0, 3))}


def padded(low=70, high=96, **more):
    """Options of an encoder whose files' sizes follow nothing: a colour profile of any length is among the bytes."""

    def options(random):
        quality, profile = int(random.integers(low, high)), bytes(int(random.integers(1, 20_000)))
        return {"quality": quality, "icc_profile": profile, **more}

    return options


@pytest.mark.parametrize("seed", range(3))
def test_one_class_at_another_jpeg_quality_is_named_first(faces, tmp_path, seed):
    toys = faces(seed=seed, real=padded(86, 96), fake=padded(70, 86))
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    first = report.findings[0]
    assert (first.severity, first.kind) == ("serious", "shortcut")
    # Nothing else is as telling: neither one quality's tables nor the size of the file.
    assert first.text == "jpeg_quality tells real from fake: AUC 1.000 [1.000, 1.000], higher in real"
    assert report.facts[0].fact == "jpeg_quality"
    assert max(fact.auc.value for fact in report.facts[1:]) < 0.8


def test_of_facts_that_tell_the_same_the_cause_is_named_first(faces, tmp_path):
    """Where each class has one quality, tables and sizes of files differ as well: the quality is what is named."""
    toys = faces(real={"quality": 90}, fake={"quality": 80})
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.findings[0].text.startswith(
        "jpeg_quality tells real from fake: AUC 1.000 [1.000, 1.000], higher in real; so do quantisation_tables"
    )
    assert report.findings[1].kind == "zero-pixel control"


def test_a_shortcut_in_part_of_a_class_is_named_first(faces, tmp_path):
    # Half of the fakes went through a second encoder; every other fact varies.
    other = padded(40, 60)

    def fake(random):
        return (other if random.random() < 0.6 else padded())(random)

    toys = faces(sources=40, real=padded(), fake=fake)
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.findings[0].kind == "shortcut"
    assert report.facts[0].name == "jpeg_quality"
    assert report.facts[0].auc.value > report.facts[1].auc.value + 0.1


@pytest.mark.parametrize(
    ("fact", "real", "fake"),
    [
        ("chroma_subsampling", {"subsampling": 0}, {"subsampling": 2}),
        ("progressive", {}, {"progressive": True}),
        ("encoder", {}, {"comment": b"Lavc60.31.102"}),
        ("metadata_blocks", {"dpi": (72, 72)}, {}),
    ],
)
def test_other_shortcuts_are_named_first(faces, tmp_path, fact, real, fake):
    report = audit(
        faces(real=padded(**real), fake=padded(**fake)).write(tmp_path / "set"), STARTUP_ENVIRONMENT
    )
    first, *others = report.facts
    assert (first.fact, first.auc.value, first.is_shortcut) == (fact, 1.0, True)
    assert max(other.auc.value for other in others) < 0.8


def test_another_format_is_named_before_what_it_changes(faces, tmp_path):
    # A picture that is no JPEG has none of a JPEG's facts, so that each of them tells as much.
    toys = faces(real=padded(), fake=padded(format="WEBP"))
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.facts[0].name == "format = jpeg"
    assert report.findings[0].text.startswith("format = jpeg tells real from fake: AUC 1.000")
    ties = {found.fact for found in report.facts if found.auc.value == 1.0}
    assert {"jpeg_quality", "chroma_subsampling", "quantisation_tables", "progressive"} <= ties


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_reported_on_a_clean_set(faces, tmp_path, seed):
    toys = faces(sources=30, seed=seed, real=varied, fake=varied)
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.findings == []
    assert len(report.facts) >= 4


def test_a_column_of_the_manifest_counts_when_it_is_asked_for(faces, tmp_path):
    toys = faces()
    for row in toys.rows:
        row["camera"] = "a" if row["label"] == "real" else "b"
    folder = toys.write(tmp_path / "set")
    assert audit(folder, STARTUP_ENVIRONMENT).findings == []
    asked = audit(folder, Options(columns=("camera",), intervals=FAST))
    assert asked.facts[0].name in ("camera = a", "camera = b")
    assert asked.facts[0].is_shortcut


def test_aucs_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.arange(200) % 2
    level = random.normal(labels * 0.8, 1.0).round(1)
    word = np.where(random.random(200) < 0.3 + 0.3 * labels, "a", "b")
    facts = [{"level": float(a), "word": str(b)} for a, b in zip(level, word, strict=True)]
    found = {fact.fact: fact for fact in facts_by_auc(units(labels, facts), FAST)}
    assert found["level"].auc.value == pytest.approx(roc_auc_score(labels, level))
    assert found["word"].auc.value == pytest.approx(roc_auc_score(labels, word == "a"))
    assert (found["word"].name, found["word"].higher_in) == ("word = a", "fake")


def test_auc_alone_equals_that_among_all_metrics():
    random = np.random.default_rng(0)
    labels, values = random.integers(0, 2, 60), random.integers(0, 9, 60).astype(float)
    weights = random.integers(0, 4, (20, 60))
    metrics = RankingMetrics(labels, values)
    np.testing.assert_allclose(metrics.auc(weights), metrics(weights)["auc"])


@pytest.mark.parametrize("paired", [True, False])
def test_chance_is_called_by_its_name(paired):
    """Of 30 sets without any shortcut, the smallest of 6 adjusted p is under 0.05 in one or two."""
    alarms = 0
    for seed in range(30):
        random = np.random.default_rng(seed)
        sources = np.repeat(np.arange(20), 4)
        labels = np.arange(80) % 2 if paired else np.repeat(random.permutation(np.arange(20) % 2), 4)
        # Facts follow the source, as a camera does.
        table = random.normal(size=(20, 6))[sources] + 0.3 * random.normal(size=(80, 6))
        facts = [{f"fact{n}": float(value) for n, value in enumerate(row)} for row in table]
        found = facts_by_auc(units(labels, facts, sources), Settings(resamples=1))
        alarms += min(fact.p for fact in found) < 0.05
    assert alarms <= 5


def test_crops_of_one_video_count_once():
    assert merged([{"a": 1.0, "b": "x"}, {"a": 3.0, "b": "y"}, {"a": None, "b": "y"}]) == {"a": 2.0, "b": "y"}


def test_one_class_has_no_shortcut(faces, tmp_path):
    toys = faces(sources=8)
    toys.rows = [row for row in toys.rows if row["label"] == "real"]
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.facts == []
    assert "all 8 items are real" in report.facts_reason
    with pytest.raises(UndefinedMetricError, match="no readable item"):
        facts_by_auc(units([], []), FAST)


def test_two_videos_a_class_are_too_few_to_accuse(faces, tmp_path):
    toys = faces(sources=4, fake={"quality": 40})
    for n, row in enumerate(toys.rows):
        row["source"] = f"own{n}"
    toys.rows = toys.rows[:4]
    report = audit(toys.write(tmp_path / "set"), STARTUP_ENVIRONMENT)
    assert report.facts[0].auc.value == 1.0
    assert report.facts[0].p > 0.05
    assert "shortcut" not in {finding.kind for finding in report.findings}
