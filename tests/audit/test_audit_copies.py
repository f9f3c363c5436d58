import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from unmask.audit import audit, hashes, near_pairs
from unmask.audit.copies import NEAR, blank
from unmask.audit.file_facts import picture_facts, thumbnail


def shrunk(pixels):
    return thumbnail(Image.fromarray(pixels))[None]


def test_a_hash_is_the_signs_of_low_frequencies_about_their_median():
    random = np.random.default_rng(0)
    thumbnails = random.integers(0, 256, (3, 2, 32, 32), dtype=np.uint8)
    packed = hashes(thumbnails)
    assert packed.shape == (3, 8)
    for n in range(3):
        for frame in range(2):
            low = dctn(thumbnails[n, frame].astype(float), norm="ortho")[:16, :16].ravel()[1:]
            bits = np.unpackbits(packed[n, 4 * frame : 4 * frame + 4].view(np.uint8))
            assert bits[0] == 0
            np.testing.assert_array_equal(bits[1:], low > np.median(low))


def test_of_no_pictures_there_are_no_hashes():
    """Of a set of blank pictures none is left to compare."""
    assert hashes(np.zeros((0, 3, 32, 32), np.uint8)).shape == (0, 12)


@pytest.mark.parametrize("frames", [1, 3])
def test_near_pairs_are_those_of_a_loop_over_all(frames):
    random = np.random.default_rng(1)
    base = random.integers(0, 2, (300, 256 * frames), dtype=np.uint8)
    for copy in range(0, 300, 7):
        base[copy] = base[copy // 2] ^ (random.random(256 * frames) < 0.05)
    pairs, apart = near_pairs(np.packbits(base, axis=1).view(np.uint64), 20)
    wanted = {
        (a, b): (base[a] != base[b]).sum() / frames
        for a in range(300)
        for b in range(a + 1, 300)
        if (base[a] != base[b]).sum() <= 20 * frames
    }
    assert len(wanted) > 20
    assert dict(zip(map(tuple, pairs.tolist()), apart, strict=True)) == wanted


@pytest.mark.parametrize(
    "changed",
    [
        {"quality": 30},
        {"format": "WEBP", "quality": 80},
        {"format": "PNG"},
    ],
)
def test_a_picture_coded_anew_is_near_and_another_is_not(toy_scene, toy_encode, changed):
    random = np.random.default_rng(2)
    scenes = [toy_scene(random) for _ in range(8)]
    first = np.stack([picture_facts(toy_encode(pixels))[1] for pixels in scenes])[:, None]
    again = np.stack([picture_facts(toy_encode(pixels, **changed))[1] for pixels in scenes])[:, None]
    pairs, _ = near_pairs(hashes(np.concatenate([first, again])), NEAR)
    assert {tuple(pair) for pair in pairs.tolist()} == {(n, n + 8) for n in range(8)}


def test_a_picture_half_as_large_and_brighter_is_near(toy_scene):
    pixels = toy_scene(np.random.default_rng(3))
    half = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC))
    brighter = np.clip(0.8 * pixels.astype(float) + 40, 0, 255).astype(np.uint8)
    thumbnails = np.stack([shrunk(pixels), shrunk(half), shrunk(brighter)])
    pairs, _ = near_pairs(hashes(thumbnails), NEAR)
    assert {tuple(pair) for pair in pairs.tolist()} >= {(0, 1), (0, 2)}


def test_a_grey_picture_shows_nothing(toy_scene):
    grey = np.full((64, 64, 3), 90, np.uint8)
    thumbnails = np.stack([shrunk(grey), shrunk(toy_scene(np.random.default_rng(4)))])
    assert blank(thumbnails).tolist() == [True, False]


def kinds(report):
    return {finding.kind: finding.severity for finding in report.findings}


def test_planted_copies_are_found_where_they_matter(faces, toy_encode, tmp_path):
    toys = faces(sources=16)
    train, val = toys.rows[0], toys.rows[6]
    assert (train["split"], val["split"]) == ("train", "val")
    toys.add("again.jpg", "real", "s0", "train", train["data"])
    pixels = np.asarray(Image.open(io.BytesIO(val["data"])))
    toys.add("leaked.jpg", "real", "unknown", "train", toy_encode(pixels, quality=60))
    wrong = np.asarray(Image.open(io.BytesIO(toys.rows[2]["data"])))
    toys.add("wrong.jpg", "fake", "other", "train", toy_encode(wrong, quality=80))
    report = audit(toys.write(tmp_path / "set"))
    assert kinds(report) == {
        "copies across splits": "serious",
        "copies across labels": "serious",
        "duplicates": "notice",
        "near-duplicates": "notice",
    }
    counts = report.counts
    assert (counts.exact, counts.near, counts.across_splits, counts.across_labels) == (1, 2, 1, 1)
    leaked = next(pair for pair in report.pairs if "across_splits" in pair.kinds)
    assert (leaked.first, leaked.second, leaked.places) == ("real3.jpg", "leaked.jpg", ("val", "train"))
    assert leaked.distance is not None and leaked.distance <= NEAR


def test_the_same_bytes_under_both_labels_are_serious_even_in_one_source(faces, tmp_path):
    toys = faces(sources=8)
    toys.add("same.jpg", "fake", "s0", "train", toys.rows[0]["data"])
    report = audit(toys.write(tmp_path / "set"))
    assert kinds(report)["copies across labels"] == "serious"


def test_a_fake_that_hardly_differs_from_its_real_one_is_noticed(faces, toy_encode, tmp_path):
    toys = faces(sources=8)
    pixels = np.asarray(Image.open(io.BytesIO(toys.rows[0]["data"])))
    toys.add("untouched.jpg", "fake", "s0", "train", toy_encode(pixels, quality=93))
    assert kinds(audit(toys.write(tmp_path / "set"))) == {"real and fake alike": "notice"}


def test_frames_of_one_video_are_no_copies_of_each_other(faces, toy_encode, tmp_path):
    toys = faces(sources=4)
    pixels = np.asarray(Image.open(io.BytesIO(toys.rows[0]["data"])))
    toys.add("next.jpg", "real", "s0", "train", toy_encode(pixels, quality=70))
    for row in toys.rows:
        row["video"] = f"{row['label']}-{row['source']}.mp4"
    assert audit(toys.write(tmp_path / "set")).counts.near == 0


def test_pictures_that_show_nothing_are_named_and_no_copies(faces, toy_encode, tmp_path):
    toys = faces(sources=4)
    for level in (20, 21, 200):
        grey = np.full((64, 64, 3), level, np.uint8)
        toys.add(f"grey{level}.jpg", "real", f"grey{level}", "train", toy_encode(grey))
    report = audit(toys.write(tmp_path / "set"))
    assert report.summary.blank == ["grey20.jpg", "grey21.jpg", "grey200.jpg"]
    assert report.counts.near == 0


def test_copies_across_two_sets_are_found(faces, toy_encode, tmp_path):
    ours, theirs = faces(sources=6, seed=1), faces(sources=6, seed=2)
    ours.rows[0]["data"] = theirs.rows[3]["data"]
    folder, training = ours.write(tmp_path / "ours"), theirs.write(tmp_path / "theirs")
    from unmask.audit import Options

    report = audit(folder, Options(training=training))
    assert kinds(report)["copies across splits"] == "serious"
    assert report.pairs[0].places == ("ours/train", "theirs/train")
