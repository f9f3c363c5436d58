"""Names of copies: free, and cut where the file system would not take them."""

import os

import pytest

from unmask.free_names import unused_path


@pytest.mark.skipif(os.name == "nt", reason="counts bytes of names")
@pytest.mark.parametrize("letter", ["a", "é", "漢", "😀", "e\u0301", "\udcff"])
def test_long_names_are_cut_at_a_character_and_stay_apart(tmp_path, letter):
    longest, width = os.pathconf(tmp_path, "PC_NAME_MAX"), len(os.fsencode(letter))
    for number in range(1, 12):
        copy = unused_path(tmp_path, letter * ((longest - 4) // width), ".annotated.png")
        copy.write_bytes(b"")
        end = f"{'' if number == 1 else f'-{number}'}.annotated.png"
        assert copy.name.endswith(end) and longest - width < len(os.fsencode(copy.name)) <= longest
        stem = copy.name.removesuffix(end)
        assert set(stem) == set(letter) and len(stem) % len(letter) == 0
    assert len(list(tmp_path.iterdir())) == 11
