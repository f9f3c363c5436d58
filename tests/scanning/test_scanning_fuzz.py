"""Seeded mutants of every format through a whole scan: one status each, and the scanner lives on.

Every fifth is scanned with its evidence, and its page is built: technical facts and content credentials are fuzzed.
``UNMASK_MUTANTS`` is the number for each format (45 unless told), ``UNMASK_FIRST_MUTANT`` the first one's.
"""

import json
import os
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import mutants
import toy_detectors
from unmask.faces import Face
from unmask.report.page import page
from unmask.report.schema import schema
from unmask.scanning import Scanner, Settings

COUNT = int(os.environ.get("UNMASK_MUTANTS", "45"))
FIRST = int(os.environ.get("UNMASK_FIRST_MUTANT", "0"))
SECONDS = 60.0  # For a file of a few kilobytes, on a machine that does other things too.
MEGABYTES = 1000
EVIDENCE_EVERY = 5  # No divisor of the number of ways, so that mutants of every way have their turn.


class WholePicture:
    """Takes every picture for one face."""

    def find(self, image):
        height, width = image.shape[:2]
        return [Face((0.0, 0.0, float(width), float(height)), 0.9, np.zeros((5, 2), np.float32))]


@pytest.fixture(scope="module")
def files():
    return {name: mutants.seed(name) for name in mutants.SEEDS}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    detector = toy_detectors.write_detector(tmp_path_factory.mktemp("fuzz") / "detector")
    return Settings(detector=str(detector), threads=1)


@pytest.fixture(scope="module")
def scanner(settings):
    with Scanner(settings, finder=WholePicture()) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def reporter(settings):
    """Scans as the other one does, and gathers evidence."""
    with Scanner(replace(settings, evidence=True), finder=WholePicture()) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def outcomes():
    """How many mutants of all formats got which status."""
    return Counter()


@pytest.fixture(scope="module")
def valid():
    return jsonschema.Draft202012Validator(schema())


def megabytes_of_decoding(scanner):
    """The most memory that the living processes which decode have had; 0 where the system does not tell."""
    highest = 0
    for process in scanner._decoding._idle:
        status = Path(f"/proc/{process._process.pid}/status")
        text = status.read_text() if status.exists() else ""
        highest += sum(int(kilobytes) for kilobytes in re.findall(r"VmHWM:\s*(\d+) kB", text)) // 1000
    return highest


def test_there_are_a_thousand():
    assert COUNT * len(mutants.SEEDS) >= 1000 or "UNMASK_MUTANTS" in os.environ


@pytest.mark.parametrize("name", mutants.SEEDS)
def test_seeds_are_valid(tmp_path, scanner, files, name):
    path = tmp_path / name
    path.write_bytes(files[name])
    result = scanner.scan(path)
    assert (result.status, result.detail) == ("ok", None)


@pytest.mark.parametrize("name", mutants.SEEDS)
def test_mutants_get_one_status_each(tmp_path, scanner, reporter, files, valid, outcomes, name):
    """A mutant at fault stays in the test's folder, under its number."""
    seen = Counter()
    for number in range(FIRST, FIRST + COUNT):
        way, data = mutants.mutant(files, name, number)
        path = tmp_path / f"{number}-{way}-{name}"
        path.write_bytes(data)
        who = f"mutant {number} ({way}) of {name}: {path}"
        started = time.monotonic()
        working = scanner if number % EVIDENCE_EVERY else reporter
        try:
            result = working.scan(path)
            html = page([result]).encode() if working is reporter else b""
        except Exception as error:
            raise AssertionError(f"{who} raised {error!r}") from error
        assert time.monotonic() - started < SECONDS, who
        errors = [error.message for error in valid.iter_errors(result.to_dict())]
        assert not errors, f"{who}: {errors}"
        json.dumps(result.to_dict(), allow_nan=False)
        assert "\n" not in (result.detail or "") and str(tmp_path) not in (result.detail or ""), who
        assert str(tmp_path) not in str(result.evidence and result.evidence.to_dict()), who
        assert b"<script" not in html, who
        assert megabytes_of_decoding(working) < MEGABYTES, who
        seen[result.status] += 1
        path.unlink()
    assert seen.total() == COUNT
    outcomes.update(seen)


def test_mutants_reach_the_decoders_and_break_them(outcomes):
    """Or else they would test nothing but the first look at a file, or nothing at all."""
    if outcomes.total() < 500:
        pytest.skip("too few mutants were scanned to tell")
    share = outcomes["ok"] / outcomes.total()
    assert 0.2 < share < 0.9, outcomes
