"""Only files below the named folders are read, whatever a path looks like."""

import os

import pytest

from unmask.mcp.folders import AllowedFolders, FolderError, RequestError


@pytest.fixture
def place(tmp_path):
    """`in/a.png`, `in/deep/b.png`, `other/c.png`, and `secret.png` outside."""
    for name in ("in/a.png", "in/deep/b.png", "other/c.png", "secret.png", "inside.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_files_below_a_folder_are_found_absolute_or_relative(place):
    allowed = AllowedFolders([place / "in", place / "other"])
    assert allowed.file("a.png") == allowed.file(str(place / "in" / "a.png")) == place / "in" / "a.png"
    assert allowed.file("deep/b.png") == place / "in" / "deep" / "b.png"
    assert allowed.file("c.png") == place / "other" / "c.png"


def test_links_are_followed_before_the_question_whether_a_file_is_inside(place):
    (place / "in" / "link.png").symlink_to(place / "secret.png")
    (place / "in" / "up").symlink_to(place)
    (place / "other" / "back.png").symlink_to(place / "in" / "a.png")
    (place / "in" / "circle").symlink_to("circle")
    allowed = AllowedFolders([place / "in"])
    for path in ("link.png", "up/secret.png", "circle"):
        with pytest.raises(RequestError, match=r"not below|no such file"):
            allowed.file(path)
    assert allowed.file(str(place / "other" / "back.png")) == place / "in" / "a.png"


def test_a_folder_may_be_a_link_itself(place):
    (place / "alias").symlink_to(place / "in")
    assert AllowedFolders([place / "alias"]).file("a.png") == place / "in" / "a.png"


@pytest.mark.parametrize("path", ["../secret.png", "deep/../a.png", "..", "", "a\0.png"])
def test_a_path_with_dots_is_refused_even_where_it_stays_inside(place, path):
    with pytest.raises(RequestError, match=r"without \.\."):
        AllowedFolders([place / "in"]).file(path)


def test_outside_it_is_not_told_whether_there_is_a_file(place):
    allowed = AllowedFolders([place / "in"])
    told = []
    for name in ("secret.png", "nothing.png", "inside.png", "other/c.png"):
        with pytest.raises(RequestError, match="not below") as refused:
            allowed.file(str(place / name))
        told.append(str(refused.value))
    assert len(set(told)) == 1


@pytest.mark.parametrize("path", ["nothing.png", "deep", "pipe"])
def test_only_plain_files_are_scanned(place, path):
    os.mkfifo(place / "in" / "pipe")
    with pytest.raises(RequestError, match="no such file"):
        AllowedFolders([place / "in"]).file(path)


def test_a_folder_must_be_named_and_there(place):
    with pytest.raises(FolderError, match="--allow FOLDER"):
        AllowedFolders([])
    for path in (place / "nowhere", place / "secret.png"):
        with pytest.raises(FolderError, match="no such folder"):
            AllowedFolders([path])
