import csv
import io
import tarfile

import av
import numpy as np
import pytest
from PIL import Image

from unmask.detectors import Calibration, Card
from unmask.faces import Face


class BrightnessDetector:
    """The brighter the crop, the more fake: 1 logit for 10 grey levels over mid-grey."""

    def __init__(self, **changes):
        values = {
            "name": "brightness",
            "version": "1",
            "description": "a toy",
            "sha256": "0" * 64,
            "licence": "Apache-2.0",
            "crop_profile": "tight",
            "input_size": 32,
            "threshold": 0.6,
            "band": (0.4, 0.7),
            "calibration": Calibration(slope=0.5, intercept=0.1),
        }
        self.card = Card(**{**values, **changes})
        self.batches = []

    def logits(self, crops):
        assert crops.dtype == np.uint8
        assert crops.shape[1:] == (self.card.input_size, self.card.input_size, 3)
        self.batches.append(len(crops))
        return ((crops.mean(axis=(1, 2, 3)) - 128) / 10).astype(np.float32)


class CentreFinder:
    """Finds one face in the middle of a frame, unless the middle is black."""

    def find(self, image):
        if image[image.shape[0] // 2, image.shape[1] // 2].mean() < 20:
            return []
        height, width = image.shape[:2]
        box = (width * 0.3, height * 0.3, width * 0.7, height * 0.7)
        return [Face(box, 0.9, np.zeros((5, 2), np.float32))]


@pytest.fixture
def detector():
    return BrightnessDetector()


@pytest.fixture
def make_detector():
    return BrightnessDetector


@pytest.fixture
def finder():
    return CentreFinder()


def jpeg(brightness, side=40, quality=90, size=None):
    pixels = np.full((*(size or (side, side)), 3), brightness, np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return data.getvalue()


@pytest.fixture
def encode_jpeg():
    return jpeg


@pytest.fixture
def make_crops(tmp_path):
    """Write a crop set: rows are dictionaries with `file`, `data` and any manifest columns."""

    def make(name, rows, shard=None):
        folder = tmp_path / name
        folder.mkdir()
        columns = [column for column in rows[0] if column != "data"]
        _write_manifest(folder, columns, rows)
        if shard:
            with tarfile.open(folder / shard, "w") as archive:
                for row in rows:
                    member = tarfile.TarInfo(row["file"])
                    member.size = len(row["data"])
                    archive.addfile(member, io.BytesIO(row["data"]))
        else:
            for row in rows:
                (folder / row["file"]).write_bytes(row["data"])
        return folder

    return make


@pytest.fixture
def make_videos(tmp_path):
    """Write a set of toy videos: rows hold `path`, `grey` (levels of the frames) and manifest columns."""

    def make(name, rows):
        folder = tmp_path / name
        for row in rows:
            path = folder / row["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            if row["grey"] is None:
                path.write_text("not a video")
            elif row["grey"]:
                _write_video(path, row["grey"])
        _write_manifest(folder, [column for column in rows[0] if column != "grey"], rows)
        return folder

    return make


def _write_manifest(folder, columns, rows):
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _write_video(path, levels):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for level in levels:
            picture = np.full((96, 96, 3), level, np.uint8)
            # A lit background around the face's place, the same on all frames: without it each frame would be a scene.
            picture[:16], picture[-16:] = 40, 220
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
