import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.datasets.families import FAMILIES, family_of
from unmask.evaluation import Options, evaluate
from unmask.statistics import Settings
from unmask.training.cards import trained_families
from unmask.training.recipes import load_recipe


def test_a_family_is_stated_or_known_by_method_or_set():
    assert family_of("gan_swap", "FaceSwap") == "gan_swap"
    assert family_of("", "Face2Face") == "reenactment"
    assert family_of("", "Deepfakes") == "swap_video"
    assert family_of("", "", "dfdc-faces") == "swap_video"
    assert family_of("", "something new") == ""


@pytest.fixture
def report(make_crops, encode_jpeg, make_detector, tmp_path):
    """Real crops at grey levels around 120, swaps brighter, generated ones the same: the toy detector tells swaps."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        label, family = (("real", ""), ("fake", "swap_video"), ("fake", "generated"))[number % 3]
        level = 120 + 25 * (family == "swap_video") + random.normal(0, 12)
        rows.append(
            {"file": f"{number}.jpg", "label": label, "family": family, "source": f"s{number // 3}",
             "data": encode_jpeg(int(np.clip(level, 0, 255)))}
        )  # fmt: skip
    folder = make_crops("mixed", rows)
    detector = make_detector(families=("swap_video",))
    return evaluate(detector, [folder], tmp_path / "out", Options(intervals=Settings(resamples=200)))


def test_families_are_told_apart_into_known_and_unseen(report, tmp_path):
    results = {one.family: one for one in report.families.results}
    assert results["swap_video"].known is True and results["generated"].known is False
    assert (results["swap_video"].real, results["swap_video"].fake) == (20, 20)
    rows = report.predictions.at("frame")
    real = [row.logit for row in rows if row.label == 0]
    for name, places in (("swap_video", 1), ("generated", 2)):
        fakes = [row for row in rows if row.label == 1 and int(row.path.split(".")[0]) % 3 == places]
        logits = [row.logit for row in fakes]
        wanted = roc_auc_score([0] * len(real) + [1] * len(logits), real + logits)
        assert results[name].auc.value == pytest.approx(wanted)
        assert results[name].missed.value == pytest.approx(np.mean([row.score < 0.6 for row in fakes]))
    (reals,) = report.families.false_positives
    called = np.mean([row.score >= 0.6 for row in rows if row.label == 0])
    assert reals.rate.value == pytest.approx(called)
    assert reals.rate.low <= called <= reals.rate.high
    assert report.families.summary(False)["mean"] == results["generated"].auc.value
    assert report.families.summary(None)["minimum"] == min(one.auc.value for one in results.values())
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| generated | **unseen** | mixed |" in page
    assert report.to_dict()["families"]["unseen"]["mean"] == results["generated"].auc.value


def test_the_card_names_what_a_recipe_trains_on():
    pytest.importorskip("torch", reason="needs the extra [train]")

    recipe = load_recipe("recipes/jrc.yaml")
    assert trained_families(recipe) == ("blend_self", "swap_video")
    assert set(trained_families(recipe)) <= set(FAMILIES)
