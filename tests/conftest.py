"""Fixtures for every room: the real data where it is present, and toy faces where it need not be real."""

import os
from pathlib import Path

import pytest

import toys as toy_faces

HERE = Path(__file__).parent
SLOW = (
    "training",
    "models",
    "studies",
    "cli/test_cli_hostile.py",
    "cli/test_cli_study.py",
    "scanning/test_scanning_fuzz.py",
    "serve/test_serve_fuzz.py",
    "serve/test_serve_jobs.py",
    "serve/test_serve_memory.py",
)
"""Folders and files whose tests take seconds each; a single slow test elsewhere carries the mark itself."""


def pytest_ignore_collect(collection_path, config):
    """Leave files of slow tests unread where no slow test is wanted: PyTorch takes long to import, or is not there."""
    unwanted = "not slow" in config.option.markexpr
    return True if unwanted and collection_path in [HERE / place for place in SLOW] else None


def pytest_collection_modifyitems(items):
    """Mark tests as slow by their place, and as a browser's by the fixture of that name."""
    slow = [HERE / place for place in SLOW]
    if gone := [place.name for place in slow if not place.exists()]:
        raise pytest.UsageError(f"tests/conftest.py: SLOW names what is not there: {', '.join(gone)}")
    for item in items:
        if any(item.path.is_relative_to(place) for place in slow):
            item.add_marker("slow")
        if "browser" in item.fixturenames:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def data_root():
    """Folder of the real data; tests that need it are marked ``data`` and skipped where it is absent."""
    root = Path(os.environ.get("UNMASK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"no real data at {root}; set UNMASK_DATA")
    return root


@pytest.fixture(scope="session")
def astronaut():
    """A portrait, (512, 512, 3) uint8 RGB; NASA's, in the public domain, from scikit-image."""
    data = pytest.importorskip("skimage.data")
    return data.astronaut()


@pytest.fixture
def toys():
    """Coloured squares for faces; see toys.py."""
    return toy_faces


@pytest.fixture
def finder():
    return toy_faces.SquareFinder()


@pytest.fixture
def detector():
    return toy_faces.ColourDetector()


@pytest.fixture
def make_video(tmp_path):
    return lambda frames, name="toy.mp4": toy_faces.write_video(tmp_path / name, frames)


@pytest.fixture
def two_faces(make_video):
    """2 s, a red face that moves to the right and a blue one that stays."""
    still = ((200, 120, 260, 190), toy_faces.BLUE)
    moving = [((20 + 2 * i, 40, 80 + 2 * i, 110), toy_faces.RED) for i in range(20)]
    return make_video([toy_faces.draw([square, still]) for square in moving], "two.mp4")


@pytest.fixture
def toy_scanner(monkeypatch, detector, finder):
    """Every scan of this test uses the toy detector and the toy finder; gives the detector."""
    from unmask.scanning import loading

    monkeypatch.setattr(loading, "_load_detector", lambda name, threads, beside: detector)
    monkeypatch.setattr(loading, "_load_card", lambda name: detector.card)
    monkeypatch.setattr(loading, "_load_finder", lambda threads: finder)
    return detector
