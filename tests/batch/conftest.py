import pytest
from PIL import Image

import toys
from unmask.batch import Ledger, open_log


@pytest.fixture
def make_image(tmp_path):
    """Write a picture of one toy face; each number has bytes of its own."""

    def make(name, number=0, colour=toys.RED):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = toys.draw([((20, 40, 80, 110), colour)])
        image[-1, -8:, 0] = [96 + (number >> 6 * place) % 64 for place in range(8)]
        Image.fromarray(image).save(path)
        return path

    return make


@pytest.fixture
def log_path(tmp_path):
    return tmp_path / "results.jsonl"


@pytest.fixture
def open_ledger(log_path):
    """Open a ledger on the test's log, as one run does; each call closes the one before."""
    opened = []

    def close():
        for log in opened:
            log.close()
        opened.clear()

    def make(key="key", resume=True):
        close()
        opened.append(open_log(log_path, resume))
        return Ledger(opened[-1], key)

    yield make
    close()
