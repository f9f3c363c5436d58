"""What a row is of: contents, and everything but the file that a result depends on."""

import dataclasses
import hashlib
import os

import pytest

from toy_detectors import write_detector
from unmask.batch import fingerprint, scan_key
from unmask.batch.identity import WITHOUT_EFFECT, short_hash
from unmask.detectors import load_card
from unmask.findings import detector_info
from unmask.media import Limits
from unmask.scanning import Scanner, Settings


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
    "limits": Limits(video_side=100),
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


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.55}, {"band": (0.3, 0.6)}, {"sha256": "1" * 64}, {"crop_profile": "tight"}, {"mirror": True},
    ],
)  # fmt: skip
def test_the_key_depends_on_the_detector(tmp_path, change):
    card = load_card(write_detector(tmp_path / "toy"))
    assert scan_key(card.model_copy(update=change), Settings()) != scan_key(card, Settings())
    assert scan_key(card.model_copy(update={"description": "x"}), Settings()) == scan_key(card, Settings())


def test_short_hashes_take_any_name():
    assert len(short_hash("a\udcff", 1, None)) == 16 and short_hash("a", "b") != short_hash("ab")


def test_a_detector_is_named_as_by_a_scan(tmp_path):
    folder = write_detector(tmp_path / "toy")
    with Scanner(Settings(detector=str(folder))) as scanner:
        assert detector_info(load_card(folder)) == scanner.detector_info
