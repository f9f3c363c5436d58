"""What a row is of: contents, and everything but the file that a result depends on."""

import dataclasses
import hashlib
import os

import pytest

from toy_detectors import write_detector
from unmask.batch import fingerprint, identity, scan_key
from unmask.batch.identity import WITHOUT_EFFECT, short_hash
from unmask.detectors import KnownKinds, load_card
from unmask.detectors.card import (
    Calibration,
    Card,
    Distribution,
    Familiarity,
    Quality,
    TrunkReference,
)
from unmask.media import Limits
from unmask.scanning import Scanner, Settings, detector_info
from unmask.verdict import card_gates


def test_a_fingerprint_is_of_the_bytes(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"some bytes")
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    seen = fingerprint(path, largest=100)
    assert seen.content == hashlib.sha256(b"some bytes").hexdigest()
    assert (seen.bytes, seen.modified) == (10, 1_700_000_000.123456)
    assert seen.still_holds(path)
    path.write_bytes(b"other bytes")
    assert not seen.still_holds(path)


def test_what_is_too_large_or_no_file_is_not_read(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"some bytes")
    assert fingerprint(path, largest=9).content is None and fingerprint(path, largest=9).bytes == 10
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "missing", tmp_path / "pipe", tmp_path / "zero\0byte"):
        assert dataclasses.astuple(fingerprint(other, 100)) == (None, None, None)


OTHER = {
    "frames": 7, "every": 2.0, "seconds": 3.0, "minimum_face": 30.0, "faces": 5, "crops": 50,
    "stability": True,
    "limits": Limits(video_side=100), "facts": True,
    "trust_anchors": "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----",
}  # fmt: skip


def test_the_key_depends_on_every_setting_but_those_without_effect(tmp_path):
    card = load_card(write_detector(tmp_path / "toy"))
    plain = scan_key(card, Settings())
    for field in dataclasses.fields(Settings):
        if field.name in WITHOUT_EFFECT:
            continue
        assert field.name in OTHER, f"does {field.name} change a score? see WITHOUT_EFFECT"
        changed = dataclasses.replace(Settings(), **{field.name: OTHER[field.name]})
        assert scan_key(card, changed) != plain, field.name
    assert scan_key(card, Settings(threads=3, detector="elsewhere")) == plain


TRUNK = {"name": "clip", "sha256": "2" * 64, "output": "tokens"}
QUALITY = {
    "reconstruction_error": {"quantiles": {"0.5": 0.02, "0.9": 0.03, "0.99": 0.05}, "faces": 10},
    "gates": {"small": [1.0, 4.5]},
    "fitted_on": "toys",
    "familiarity": {
        "sha256": "5" * 64,
        "trunk": "6" * 64,
        "distances": {"quantiles": {"0.5": 1.0, "0.95": 1.5, "0.99": 2.0}, "faces": 10},
    },
}
KINDS = {"sha256": "9" * 64, "trunk": "6" * 64, "slope": 0.2, "unknown": 1.0}
RATIOS = {"slope": 2.0, "intercept": 0.5, "prior": 0.5, "reals": 99, "fakes": 99}
GATE = {"name": "new", "measure": "x", "starts_at": 1.0, "saturates_at": 3.0, "text": "x is {value}"}
EFFECTIVE = [
    {"stills": ["jrc-stills"]},
    {"sha256": "1" * 64},
    {"question": "face_generated"},
    {"input": {"unit": "face", "crop_profile": "tight", "size": 32}},
    {"input": {"unit": "face", "crop_profile": "wide", "size": 64}},
    {"input": {"unit": "frame", "size": 32}},
    {"mirror": True},
    {"threshold": 0.55},
    {"band": [0.3, 0.6]},
    {"trunk": None},
    {"trunk": TRUNK | {"sha256": "3" * 64}},
    {"trunk": TRUNK | {"output": "other"}},
    {"trunk": TRUNK | {"output": "token", "earlier": ["s"]}},  # Run together these read the same.
    {"trunk": TRUNK | {"tuned": "4" * 64}},
    {"calibration": {"slope": 2.5, "intercept": 0.5}},
    {"calibration": {"slope": 2.0, "intercept": 0.6}},
    {"calibration": {"slope": 2.0, "intercept": 0.5, "within_sd": 0.4}},
    {"calibration": {"slope": 2.0, "intercept": 0.5, "between_sd": 0.4}},
    {"calibration": RATIOS},
    {"gates": []},
    {"gates": [GATE]},
    {"gates": [GATE | {"starts_at": 2.0}]},
    {"quality": None},
    {"quality": QUALITY | {"reconstruction_error": None}},
    {"quality": QUALITY | {"reconstruction_error": {"quantiles": {"0.5": 0.01, "0.99": 0.05}, "faces": 10}}},
    {"quality": QUALITY | {"reconstruction_error": {"quantiles": {"0.5": 0.02, "0.99": 0.06}, "faces": 10}}},
    {"quality": QUALITY | {"familiarity": None}},
    {"quality": QUALITY | {"familiarity": QUALITY["familiarity"] | {"sha256": "7" * 64}}},
    {
        "quality": QUALITY
        | {
            "familiarity": QUALITY["familiarity"]
            | {"distances": {"quantiles": {"0.5": 1.0, "0.95": 1.5, "0.99": 3.0}, "faces": 10}}
        }
    },
    {"kinds": None},
    {"kinds": KINDS | {"sha256": "8" * 64}},
    {"kinds": KINDS | {"slope": 0.3}},
    {"kinds": KINDS | {"unknown": 2.0}},
    {"quality": QUALITY | {"gates": {}}},
    {"quality": QUALITY | {"gates": {"small": [1.5, 4.5]}}},
    {"quality": QUALITY | {"gates": {"small": [1.0, 4.6]}}},
    {"quality": QUALITY | {"gates": {"small": [1.0, 4.5], "blurred": [9.0, 9.0]}}},
    {"quality": QUALITY | {"gates": {"small": [1.0, 4.5], "unlike real faces": [1.0, 1.0]}}},
]
LINEAGE = {
    "parent": "x", "parent_version": "1", "parent_card_sha256": "x", "data_sha256": "x", "files": 1, "groups": 1,
    "rates": [],
}  # fmt: skip
WITHOUT_EFFECT_IN_CARDS = [
    {"name": "other"}, {"version": "2"}, {"description": "x"}, {"licence": "MIT"}, {"tasks": ["x"]}, {"limits": "x"},
    {"data": [{"name": "x", "terms": "x"}]}, {"metrics": {"auc": 1.0}}, {"recipe": {"x": 1}},
    {"families": ["swap_video"]},
    {"calibration": {"slope": 2.0, "intercept": 0.5, "reals": 99}},  # Without the class mix there is no ratio.
    {"lineage": LINEAGE},
    {"localiser": {"sha256": "9" * 64, "trunk": "x", "threshold": 0.5}},  # Maps are shown beside scores, as parts are.
    {"parts": {"sha256": "9" * 64, "trunk": "x"}},
    {"kinds": KINDS | {"trunk": "x", "fitted_on": "x", "enrolled": [{"name": "x", "faces": 5, "separation": 3.0}]}},
    {"quality": QUALITY | {"fitted_on": "others"}},
    {"quality": QUALITY | {"familiarity": QUALITY["familiarity"] | {"trunk": "8" * 64}}},
    {"quality": QUALITY | {"reconstruction_error": QUALITY["reconstruction_error"] | {"faces": 11, "sets": ["x"]}}},
]  # fmt: skip
CHANGES = EFFECTIVE + WITHOUT_EFFECT_IN_CARDS


@pytest.fixture
def key_of(tmp_path):
    """The key of a card of many parts, some of them changed."""
    folder = write_detector(tmp_path / "toy", trunk=TRUNK, quality=QUALITY, kinds=KINDS)
    values = load_card(folder).model_dump(mode="json")
    return lambda change: scan_key(Card.model_validate(values | change), Settings())


@pytest.mark.parametrize("change", EFFECTIVE, ids=str)
def test_the_key_depends_on_what_a_verdict_depends_on(key_of, change):
    assert key_of(change) != key_of({})


@pytest.mark.parametrize("change", WITHOUT_EFFECT_IN_CARDS, ids=str)
def test_the_key_does_not_depend_on_the_rest_of_the_card(key_of, change):
    assert key_of(change) == key_of({})


@pytest.mark.parametrize("change", [{"prior": 0.4}, {"fakes": 98}, {"log10_lr_bounds": [-1.0, 1.0]}], ids=str)
def test_the_key_depends_on_what_a_likelihood_ratio_depends_on(key_of, change):
    assert key_of({"calibration": RATIOS | change}) != key_of({"calibration": RATIOS})


def test_every_field_of_a_card_is_tried():
    for model, tried in (
        (Card, {name for change in CHANGES for name in change}),
        (TrunkReference, {"name", "sha256", "output", "earlier", "tuned"}),  # A trunk is found by its hash.
        (
            Calibration,
            {"kind", "log10_lr_bounds"}
            | {name for c in EFFECTIVE + WITHOUT_EFFECT_IN_CARDS for name in c.get("calibration", ())},
        ),
        (Quality, {"reconstruction_error", "gates", "fitted_on", "familiarity"}),
        (Familiarity, {"sha256", "trunk", "distances"}),
        (KnownKinds, {"sha256", "slope", "unknown", "trunk", "fitted_on", "enrolled"}),
        (Distribution, {"quantiles", "faces", "sets"}),
    ):
        untold = set(model.model_fields) - tried
        assert not untold, (
            f"does {untold} of {model.__name__} change a verdict? say so above, and see scan_key"
        )


def test_the_key_depends_on_the_version_of_the_code(key_of, monkeypatch):
    before = key_of({})
    monkeypatch.setattr(identity, "SCAN_VERSION", identity.SCAN_VERSION + 1)
    assert key_of({}) != before


def test_the_key_depends_on_the_default_gates(key_of, monkeypatch):
    before = key_of({})
    small, *others = card_gates.GATES
    monkeypatch.setattr(card_gates, "GATES", (dataclasses.replace(small, starts_at=80), *others))
    assert key_of({}) != before


def test_short_hashes_take_any_name():
    assert len(short_hash("a\udcff", 1, None)) == 16 and short_hash("a", "b") != short_hash("ab")


def test_a_detector_is_named_as_by_a_scan(tmp_path):
    folder = write_detector(tmp_path / "toy")
    with Scanner(Settings(detector=str(folder))) as scanner:
        assert detector_info(load_card(folder)) == scanner.detector_info


def test_the_key_depends_on_every_detector(tmp_path):
    one, other = (
        load_card(write_detector(tmp_path / "one")),
        load_card(write_detector(tmp_path / "b", mirror=True)),
    )
    keys = {
        scan_key(one, Settings(), further) for further in ((), (one,), (other,), (one, other), (other, one))
    }
    assert len(keys) == 5
