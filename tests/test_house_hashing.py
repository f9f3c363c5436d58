"""Hashes of files, begun in advance or not."""

import hashlib
import os

import pytest

from unmask import hashing


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(b"weights")
    return path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_a_hash_that_was_begun_is_used_once(file, monkeypatch):
    read = []
    digest = hashing._digest
    monkeypatch.setattr(hashing, "_digest", lambda path: read.append(path) or digest(path))
    hashing.begin_hashing([file])
    assert [hashing.file_sha256(file) for _ in range(2)] == [sha256(b"weights")] * 2
    assert read == [file, file]


def test_a_file_that_changed_since_is_hashed_again(file):
    hashing.begin_hashing([file])
    file.write_bytes(b"changed")
    os.utime(file, ns=(1, 1))
    assert hashing.file_sha256(file) == sha256(b"changed")


def test_a_missing_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        hashing.file_sha256(tmp_path / "none.bin")
