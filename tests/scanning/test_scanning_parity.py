"""What a scan costs beside the thinnest version of itself: the same frames, faces and crops, and nothing else."""

import time
from pathlib import Path

import numpy as np
import pytest

from unmask.demo.clips import portrait, write_clip
from unmask.detectors import load_detector
from unmask.faces import CenterFace, cut, profile, set_upright
from unmask.media import Limits, Sampling, open_media
from unmask.scanning import Scanner, Settings

FRAMES = 8
TURNS = 4
FACTOR = 1.25
"""Wall time of a scan over that of the thin version, which runs on as many threads and cannot overlap its steps."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """10 s, 640 x 640, one face."""
    path = tmp_path_factory.mktemp("parity") / "clip.mp4"
    write_clip(path, portrait(), seconds=10.0)
    return path


def thin_scan(path, finder, detector):
    """One decoding pass, one call of the finder a frame, one of the detector for all crops: the mean logit."""
    crops = []
    with open_media(path, Limits()) as media:
        for frame in media.sample(Sampling(FRAMES)):
            for face in finder.find(frame.image):
                view = set_upright(frame.image, face, finder)
                wanted = profile(detector.card.crop_profile)
                crops.append(cut(view.image, view.face.box, wanted, detector.card.input_size))
    return detector.logits(np.stack(crops))


def timed(call):
    started = time.perf_counter()
    value = call()
    return value, time.perf_counter() - started


@pytest.mark.alone
@pytest.mark.slow
def test_a_scan_takes_hardly_longer_than_its_parts(clip):
    detector, finder = load_detector(threads=None), CenterFace(threads=None)
    with Scanner(Settings(frames=FRAMES)) as scanner:
        scanner.scan(clip)  # Loads weights and starts the decoding process.
        thin_scan(clip, finder, detector)
        scans, thin = [], []
        for _ in range(TURNS):  # Side by side: another load on the machine meets both.
            result, seconds = timed(lambda: scanner.scan(clip))
            scans.append(seconds)
            logits, seconds = timed(lambda: thin_scan(clip, finder, detector))
            thin.append(seconds)
    scored = [frame for track in result.tracks for frame in track.frames]
    assert len(scored) == len(logits) == FRAMES
    assert min(scans) < FACTOR * min(thin), f"{min(scans):.2f} s, its parts {min(thin):.2f} s"
