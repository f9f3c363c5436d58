"""Scanners that worker processes can import: toy faces, and file names that make trouble."""

import os
import signal
import time
from pathlib import Path

import toys
from unmask.detectors import DetectorError
from unmask.scanning import Scanner


class TroubledScanner(Scanner):
    """Scans toy faces, and does what a file's name says: crash, crash-once, hang or quit."""

    def scan(self, path):
        name = Path(path).stem
        if name == "crash" or (name == "crash-once" and _first_time(path)):
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "quit":
            os._exit(7)
        if name == "hang":
            time.sleep(60)
        return super().scan(path)


def troubled(settings):
    return TroubledScanner(settings, toys.ColourDetector(), toys.SquareFinder())


def without_weights(settings):
    class Broken(Scanner):
        @property
        def detector(self):
            raise DetectorError("the weights are gone")

    return Broken(settings, toys.ColourDetector(), toys.SquareFinder())


def ends_at_once(settings):
    os._exit(3)


def _first_time(path):
    mark = Path(path).with_suffix(".mark")
    if mark.exists():
        return False
    mark.touch()
    return True
