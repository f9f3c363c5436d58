"""Pictures that break off, and animations: judged by what is there, never by filler, and the result says so."""

import numpy as np
import pytest
from PIL import Image

from unmask.demo.clips import portrait
from unmask.media import MediaError, open_media
from unmask.scanning import Scanner, Settings

SIDE = 320


@pytest.fixture(scope="module")
def scanner():
    with Scanner(Settings(threads=1)) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def two_stories():
    """The portrait, and below it as large a picture without a face."""
    face = np.asarray(portrait().resize((SIDE, SIDE)))
    rng = np.random.default_rng(1)
    return np.concatenate([face, rng.integers(90, 160, face.shape, dtype=np.uint8)])


def cut_off(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def break_of(path):
    """The rows at which the picture breaks off."""
    with open_media(path) as media:
        try:
            frame = next(media.sample(1))
        except MediaError:
            return ()
    return frame.present[1::2]


def test_a_face_that_is_there_is_judged_as_in_the_part_that_is_there(scanner, two_stories, tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(two_stories).save(path)
    result = scanner.scan(cut_off(path, 0.85))
    assert (result.status, result.kind) == ("ok", "image")
    assert result.detail.startswith("only in part: the file breaks off") and "%" in result.detail
    whole = tmp_path / "part.png"
    share = int(result.detail.split("upper ")[1].split("%")[0]) / 100
    rows = next(n for n in range(SIDE, 2 * SIDE) if f"{n / (2 * SIDE):.0%}" == f"{share:.0%}")
    Image.fromarray(two_stories[:rows]).save(whole)
    expected = scanner.scan(whole)
    assert result.verdict == expected.verdict
    assert result.score == pytest.approx(expected.score, abs=0.02)


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "tiff", "webp"])
def test_a_face_that_the_break_cuts_in_half_is_left_out_and_said(scanner, tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    portrait().resize((SIDE, SIDE)).crop((0, 0, SIDE, 150)).save(path)  # The face: from row 39 to row 109.
    data = path.read_bytes()
    for share in range(90, 30, -1):
        path.write_bytes(data[: len(data) * share // 100])
        if any(row in (range(48, 65) if ending == "bmp" else range(80, 105)) for row in break_of(path)):
            break
    result = scanner.scan(path)
    assert result.status == "no_face", result.tracks
    assert result.detail.startswith("only in part: ")
    assert "a face is left out where the picture breaks off" in result.detail


def test_boxes_count_from_the_corner_of_the_whole_picture(scanner, two_stories, tmp_path):
    path = tmp_path / "picture.bmp"
    Image.fromarray(np.concatenate([two_stories[SIDE:], two_stories[:SIDE]])).save(path)
    whole = scanner.scan(path).tracks[0].frames[0].box
    result = scanner.scan(cut_off(path, 0.8))
    assert result.status == "ok" and "lower 80%" in result.detail
    assert result.tracks[0].frames[0].box == pytest.approx(whole, abs=8)


def test_an_animation_is_scanned_as_a_video(scanner, tmp_path):
    face = portrait().resize((SIDE, SIDE))
    shifted = [face.rotate(0, translate=(number, 0), fillcolor=(120, 120, 120)) for number in range(6)]
    path = tmp_path / "moving.webp"
    shifted[0].save(path, save_all=True, append_images=shifted[1:], duration=200, quality=90)
    result = scanner.scan(path)
    assert (result.status, result.kind, result.detail) == ("ok", "video", None)
    assert result.coverage.duration == pytest.approx(1.2) and result.coverage.frames_sampled >= 2
    result = scanner.scan(cut_off(path, 0.7))
    assert (result.status, result.kind) == ("ok", "video")
    assert "breaks off" in result.detail


def test_what_cannot_be_decoded_at_all_stays_unreadable(scanner, tmp_path):
    path = tmp_path / "picture.jpg"
    portrait().save(path)
    path.write_bytes(path.read_bytes()[:400])
    result = scanner.scan(path)
    assert (result.status, result.verdict) == ("unreadable", None)
