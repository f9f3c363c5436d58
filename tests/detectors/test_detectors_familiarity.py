"""The distance of a face from the photographed faces that a detector learned from."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from scipy.spatial.distance import mahalanobis

from unmask.demo.clips import portrait
from unmask.detectors import DetectorError, built_in, load_card, load_detector
from unmask.detectors.familiarity import FAMILIARITY_NAME, MEASURE, fit_reference_faces
from unmask.scanning import Scanner
from unmask.verdict import UNFAMILIAR


def test_with_all_components_it_is_the_mahalanobis_distance():
    rng = np.random.default_rng(0)
    means = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) * 9 + 4).astype(np.float32)
    reference = fit_reference_faces(means, np.ones(500), 6)
    inverse = np.linalg.inv(np.cov(means.T, bias=True))
    for tokens in rng.normal(4, 20, (5, 10, 8)).astype(np.float32):
        wanted = mahalanobis(tokens[:, :6].mean(0), means.mean(0), inverse) ** 2 / 6
        assert reference.distance(tokens) == pytest.approx(wanted, rel=2e-3)
    assert reference.distances(means).mean() == pytest.approx(1, abs=1e-2)


def test_a_set_counts_by_its_weight_and_not_by_its_size():
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, (300, 4)), rng.normal(5, 1, (30, 4))
    means, weights = np.concatenate([one, other]), np.r_[np.full(300, 1 / 300), np.full(30, 1 / 30)]
    reference = fit_reference_faces(means.astype(np.float32), weights, 4)
    assert reference.centre == pytest.approx((one.mean(0) + other.mean(0)) / 2, abs=1e-5)


def blocks(picture):
    small = picture.resize((64, 64), Image.Resampling.BOX).quantize(16).convert("RGB")
    return small.resize(picture.size, Image.Resampling.NEAREST)


def plaster(picture):
    grey = np.asarray(ImageOps.grayscale(picture).filter(ImageFilter.GaussianBlur(1.5)), float)
    relief = 175 + 0.1 * (grey - 128) + 4.0 * np.gradient(grey, axis=1)
    return Image.fromarray(np.clip(relief, 0, 255).astype(np.uint8)).convert("RGB")


def dots(picture):
    grey = np.asarray(ImageOps.grayscale(picture).filter(ImageFilter.BoxBlur(2)), float) / 255
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    screen = 0.5 + 0.25 * (np.sin((x + y) * np.pi / 5) + np.sin((x - y) * np.pi / 5))
    return Image.fromarray(((grey > screen) * 255).astype(np.uint8)).convert("RGB")


@pytest.fixture(scope="module")
def scanner():
    with Scanner() as scanner:
        yield scanner


@pytest.mark.parametrize("made", [blocks, plaster, dots])
def test_what_is_no_photograph_gets_no_verdict(tmp_path, scanner, made):
    made(portrait()).save(tmp_path / "picture.png")
    result = scanner.scan(tmp_path / "picture.png")
    if result.status == "no_face":
        pytest.skip("the finder takes it for no face either")
    assert result.verdict == "inconclusive"
    assert UNFAMILIAR in [reason.gate for reason in result.reasons if reason.effect == "abstains"]


def test_a_photograph_keeps_its_verdict(tmp_path, scanner):
    portrait().save(tmp_path / "picture.jpg", quality=90)
    result = scanner.scan(tmp_path / "picture.jpg")
    assert result.verdict == "likely_real" and UNFAMILIAR not in [reason.gate for reason in result.reasons]


@pytest.mark.parametrize("angle", [90, 180, 235])
def test_a_photograph_keeps_its_verdict_upside_down(tmp_path, scanner, angle):
    picture = portrait().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(120, 120, 120))
    picture.save(tmp_path / "picture.png")
    result = scanner.scan(tmp_path / "picture.png")
    assert result.verdict == "likely_real"
    x0, y0, x1, y1 = result.tracks[0].frames[0].box
    if angle == 180:  # The box stays where the face is on the picture: in its lower right half.
        assert 230 < (x0 + x1) / 2 < 512 and 330 < (y0 + y1) / 2 < 512


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "jrc"
    shutil.copytree(built_in()["jrc"], folder)
    return folder


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text())
    card["quality"]["familiarity"] |= changes
    (folder / "card.json").write_text(json.dumps(card))


def test_statistics_that_were_changed_or_are_missing_are_refused(copied):
    (copied / FAMILIARITY_NAME).write_bytes(b"other")
    with pytest.raises(DetectorError, match=r"familiarity\.npz is not the file"):
        load_detector(copied)
    (copied / FAMILIARITY_NAME).unlink()
    load_detector(copied)  # The trunk's are the same.
    change_card(copied, sha256="0" * 64)
    with pytest.raises(DetectorError, match=r"familiarity\.npz is not the file"):
        load_detector(copied)


def test_statistics_of_another_trunk_are_refused(copied):
    change_card(copied, trunk="another")
    with pytest.raises(DetectorError, match="another trunk"):
        load_detector(copied)


def test_a_card_without_statistics_has_no_distance_and_the_same_scores(copied):
    card = json.loads((copied / "card.json").read_text())
    card["quality"]["familiarity"] = None
    (copied / "card.json").write_text(json.dumps(card))
    crops = np.asarray(portrait().crop((120, 20, 330, 230)).resize((224, 224)))[None]
    without, with_it = (one.predict({"crops": crops}) for one in (load_detector(copied), load_detector()))
    assert MEASURE not in without.measures and with_it.measures[MEASURE].shape == (1,)
    assert without.logits == with_it.logits


def test_the_statistics_of_the_built_in_detector_are_small():
    (file,) = built_in()["jrc"].parent.glob(f"*/{FAMILIARITY_NAME}")
    assert file.parent.name == load_card().trunk.name and file.stat().st_size < 1 << 20
    assert load_card().quality.familiarity.distances.faces >= 1000
