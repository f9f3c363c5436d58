"""Near-duplicates verified by features and by time."""

from types import SimpleNamespace

import numpy as np

from unmask.audit import audit
from unmask.audit.auditing import Options
from unmask.audit.copies import Copy, count_copies
from unmask.audit.inspection import InspectedSet
from unmask.audit.listing import FileInspection, Row
from unmask.audit.verification import Descriptors, describe_pictures, verify
from unmask.evaluation.sets import Item

SAME, OTHER = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


def rows_of(*videos):
    """Rows of videos given as a name and times, all of sources of their own."""
    rows = []
    for video, times in videos:
        for number, time in enumerate(times):
            item = Item("toy", "real", video, video, video, 0, number)
            rows.append(
                Row(item, "train", f"{video}/{number}", {"time": float(time)} if time is not None else {})
            )
    return InspectedSet(rows, [FileInspection("ok")] * len(rows), ["toy"] * len(rows))


def verdicts(inspected, copies, describe=lambda index: SAME):
    return {(copy.first, copy.second): copy.verified for copy in verify(copies, inspected, describe)}


def test_a_pair_counts_when_its_features_agree():
    inspected = rows_of(("a", [None]), ("b", [None]), ("c", [None]))
    copies = [Copy(0, 1, 10, False), Copy(0, 2, 10, False), Copy(1, 2, 40, False)]
    found = verdicts(inspected, copies, lambda index: OTHER if index == 2 else SAME)
    # What lies beyond the pairs that look alike and is not verified, is no finding.
    assert found == {(0, 1): True, (0, 2): False}
    counts = count_copies(verify(copies, inspected, lambda index: OTHER if index == 2 else SAME), inspected)
    assert (counts.near, counts.across_sources, counts.not_verified) == (1, 1, 1)


def test_a_cut_copy_that_hashes_alone_would_miss_is_found():
    inspected = rows_of(("a", [None]), ("b", [None]))
    assert count_copies([Copy(0, 1, 40, False)], inspected).near == 0
    assert count_copies(verify([Copy(0, 1, 40, False)], inspected, lambda index: SAME), inspected).near == 1


def test_frames_of_two_videos_agree_in_time_where_two_pairs_lie_equally_far_apart():
    inspected = rows_of(("a", [0, 4, 8]), ("b", [2, 6, 30]))
    recorded = [Copy(0, 3, 10, False), Copy(1, 4, 10, False)]
    chance = [Copy(2, 5, 10, False)]
    assert verdicts(inspected, recorded + chance) == {(0, 3): True, (1, 4): True, (2, 5): False}
    # Two frames of a video say nothing about time.
    assert verdicts(rows_of(("a", [0, 4]), ("b", [2, 30, 60])), [Copy(1, 3, 10, False)]) == {(1, 3): True}


def test_files_with_the_same_bytes_and_related_rows_are_left_as_they_are():
    inspected = rows_of(("a", [0]), ("b", [0]))
    assert verdicts(inspected, [Copy(0, 1, 0.0, True)], lambda index: 1 / 0) == {(0, 1): None}
    one = rows_of(("a", [0, 4]))
    assert verdicts(one, [Copy(0, 1, 10, False)], lambda index: 1 / 0) == {(0, 1): None}


def test_a_descriptor_is_made_of_normalised_tokens_two_by_two():
    tokens = np.random.default_rng(0).normal(2, 3, (1, 16, 6)).astype(np.float32)
    trunk = SimpleNamespace(maps=lambda crops: np.repeat(tokens, len(crops), axis=0))
    found = describe_pictures(trunk, [np.zeros((9, 7, 3), np.uint8)])
    normal = (tokens[0] - tokens[0].mean(1, keepdims=True)) / tokens[0].std(1, keepdims=True)
    wanted = np.concatenate(
        [normal[places].mean(0) for places in ([0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15])]
    )
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), rtol=1e-4, atol=1e-6)


def test_the_audit_verifies_what_it_is_asked_to(faces, toy_scene, toy_encode, tmp_path, monkeypatch):
    pixels, toys = toy_scene(np.random.default_rng(7)), faces()
    toys.add("copy.jpg", "real", "x1", "train", toy_encode(pixels))
    toys.add("again.jpg", "real", "x2", "val", toy_encode(pixels, quality=40))
    folder = toys.write(tmp_path / "toys")
    monkeypatch.setattr(Descriptors, "__call__", lambda self, index: SAME)
    assert audit(folder, Options(verify=True)).counts.across_splits == 1
    monkeypatch.setattr(Descriptors, "__call__", lambda self, index: np.eye(99, dtype=np.float32)[index])
    counts = audit(folder, Options(verify=True)).counts
    assert (counts.across_splits, counts.not_verified, counts.alike_across_splits) == (0, 1, 1)
