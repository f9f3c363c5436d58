"""A worker whose scans do what the upload says: a JSON object of what to do, in place of a video.

``{"seconds": s}`` takes its time, ``{"draft": true}`` begins with a file of the report, ``{"die": n}`` kills the worker
in the first n attempts, ``{"raise": text}`` raises; anything that is not JSON is unreadable. Each scan leaves a line in
``scans.log``.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from unmask.report import Coverage, DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.report.page import save_report
from unmask.serve.worker import main

DETECTOR = DetectorInfo("jrc", "1", "0" * 64, "tight")


class ToyScan:
    def __init__(self, settings):
        self.log = settings.folder / "scans.log"

    def __call__(self, job, upload, report, progress):
        told = self.read(upload)
        if told and "draft" in told:
            report.mkdir()
            (report / "face.jpg").write_bytes(b"toy")
        self.note(job, "begun")
        if told is None:
            result = ScanResult(job.name, "video", "unreadable", DETECTOR, "not a toy")
        else:
            self.obey(job, told, progress)
            frame = FrameScore(0.0, (1, 2, 30, 40), 0.9, 0.8, None)
            result = ScanResult(
                job.name, "image", "ok", DETECTOR, None, "likely_fake", 0.8, (0.7, 0.9),
                (TrackScore(0, 0.8, (frame,)),), Coverage(None, 1, 1), 0.1,
            )  # fmt: skip
        save_report([result], report)
        self.note(job, "ended")
        return result

    @staticmethod
    def read(upload: Path):
        try:
            return json.loads(upload.read_bytes()[:1000])
        except ValueError:
            return None

    @staticmethod
    def obey(job, told, progress):
        if "raise" in told:
            raise RuntimeError(told["raise"])
        steps = 10
        for step in range(steps):
            progress(step / steps)
            time.sleep(told.get("seconds", 0) / steps)
        if job.attempts <= told.get("die", 0):
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, job, what):
        with self.log.open("a") as file:
            file.write(f"{job.id} {job.attempts} {what}\n")


if __name__ == "__main__":
    sys.exit(main(ToyScan))
