"""What the tests of the page share: results put into a server as its workers would, and a browser's complaints."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from unmask.report import (
    Coverage,
    DetectorInfo,
    Evidence,
    FaceEvidence,
    FrameScore,
    FrameView,
    Opinion,
    ScanResult,
    Subject,
    TrackScore,
    subjects_of,
)
from unmask.report.heatmaps import jpeg
from unmask.report.page import save_report
from unmask.serve.files import report_folder
from unmask.serve.jobs import NewJob, new_id
from unmask.serve.pictures import save_pictures
from unmask.verdict import Reason

DETECTOR = DetectorInfo("jrc", "1", "0" * 64, "wide", 0.52, (0.36, 0.55))
TIMES = (1.0, 3.0, 5.0, 7.0)


def scan(verdict, score, interval, name="clip.mp4", scores=None, faces=1, evidence=True):
    """Make the result of a video of 8 s, looked at four times; scores : of the first face's frames."""
    tracks = []
    for number in range(faces):
        own = scores if number == 0 and scores else (score if number == 0 else 0.1,) * len(TIMES)
        frames = tuple(
            FrameScore(time, (10 + 60 * number, 20, 50 + 60 * number, 70), 0.9, value)
            for time, value in zip(TIMES, own, strict=True)
        )
        tracks.append(
            TrackScore(number, float(np.mean([value for value in own if value is not None])), frames)
        )
    shown = evidence_of(tracks) if evidence else None
    coverage = Coverage(8.0, len(TIMES), len(TIMES), times=TIMES)
    return ScanResult(
        name,
        "video",
        "ok",
        DETECTOR,
        None,
        verdict,
        score,
        interval,
        tuple(tracks),
        coverage,
        0.5,
        decisive_track=0,
        evidence=shown,
    )


def several_opinions():
    """Make the result of a video on which three detectors have an opinion."""
    result = scan("likely_fake", 0.9, (0.8, 0.95))
    faces = Opinion(
        "face_manipulated", DETECTOR, "likely_real", 0.1, (0.05, 0.2), (), subjects_of(result.tracks), 0
    )
    heard = (Subject("sound", 0, 1.0, 7.0, 0.9, (0.8, 0.95)),)
    noisy = (Reason("noisy", "widens", "the sound is noisy"),)
    sound = Opinion("sound_belongs_to_face", DETECTOR, "likely_fake", 0.9, (0.8, 0.95), noisy, heard, 0)
    return replace(result, opinions=(faces, sound, Opinion("face_generated", DETECTOR)))


def without_score(status, detail, name="clip.mp4"):
    return ScanResult(name, "video", status, DETECTOR, detail)


def without_face(kind="video"):
    """Make the result of a file on whose frames no face was found."""
    times = TIMES if kind == "video" else TIMES[:1]
    length, gap = (8.0, 2.0) if kind == "video" else (None, None)
    coverage = Coverage(length, len(times), 0, len(times), gap, times)
    shown = Evidence(evidence_of([]).frames[: len(times)])
    name = "sea.mp4" if kind == "video" else "sea.jpg"
    return ScanResult(name, kind, "no_face", DETECTOR, coverage=coverage, evidence=shown)


def evidence_of(tracks):
    """Return frames in greys that tell them apart, and for each face a map that is hot in its lower left."""
    views = tuple(
        FrameView(time, 160, 90, jpeg(np.full((90, 160, 3), 40 + 50 * i, np.uint8)))
        for i, time in enumerate(TIMES)
    )
    heat = np.zeros((14, 14), np.float32)
    heat[12, 1] = 10.0
    crop = jpeg(np.full((64, 64, 3), 128, np.uint8))
    faces = tuple(
        FaceEvidence(track.id, frame.time, frame.box, crop, heat)
        for track in tracks
        for frame in track.frames
    )
    return Evidence(views, faces)


def put(client, result, failure=None, state="done"):
    """Put a job with this result into a server without workers, as a worker would; gives its id."""
    service = client.app.state.service
    identifier = new_id()
    service.store.add(NewJob(identifier, result.path, 2_500_000, "ab" * 32, "jrc", 6), 1000)
    if state == "queued":
        return identifier
    finish(client, result, failure, state)
    return identifier


def finish(client, result, failure=None, state="done"):
    """Take the oldest waiting job and end it with this result, as a worker would."""
    service = client.app.state.service
    job = service.store.claim("toy")
    assert job is not None
    if state == "running":
        service.store.heartbeat(job.id, job.claim, 0.4)
    elif failure:
        service.store.fail(job.id, job.claim, failure)
    else:
        folder = report_folder(service.settings, job.id)
        save_report([result], folder)
        if result.evidence:
            save_pictures(result.evidence, folder)
        text = json.dumps(result.to_dict())
        service.store.finish(job.id, job.claim, text, result.status, result.verdict, result.score)


class Complaints:
    """What a page says on the console, throws, or asks of other servers."""

    def __init__(self, page):
        self.said = []
        self._address = None
        page.on(
            "console", lambda message: message.type in ("error", "warning") and self.said.append(message.text)
        )
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._request)

    def _request(self, request):
        scheme, _, rest = request.url.partition(":")
        if scheme in ("data", "blob"):
            return
        server = rest.split("/")[2]
        self._address = self._address or server
        if server != self._address:
            self.said.append(f"outside request: {request.url}")


DROP = """([files, target]) => {
  const carried = new DataTransfer();
  for (const { name, type, content } of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  const box = document.querySelector(target);
  for (const kind of ["dragenter", "dragover", "drop"]) {
    box.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


def drop(page, *paths, target="#drop", kind="video/mp4"):
    """Drop files onto the page, as a hand would."""
    files = [
        {"name": path.name, "type": kind, "content": base64.b64encode(path.read_bytes()).decode()}
        for path in map(Path, paths)
    ]
    page.evaluate(DROP, [files, target])
