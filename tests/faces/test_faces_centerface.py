import csv
import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from unmask.detectors import file_sha256
from unmask.faces import PROFILES, CenterFace, FaceFinderError, link, scene_of, weights
from unmask.faces.tiling import overlaps

# Chosen by eye: brow to chin, ear to ear.
ASTRONAUT_BOX = (182, 58, 270, 178)
FACELESS = [
    "brick",
    "coffee",
    "rocket",
    "grass",
    "gravel",
    "coins",
    "checkerboard",
    "colorwheel",
    "cat",
    "page",
]

ONE_PERSON = [
    "lynaeydofd.mp4",
    "anndvqgoko.mp4",
    "abofeumbvv.mp4",
    "yhffcuhhjy.mp4",
    "bbaf2n.mpg",
    "lwbsza.mpg",
    "pwij3p.mpg",
    "swiz3n.mpg",
]


def as_rgb(picture):
    picture = np.asarray(picture)
    if picture.ndim == 2:
        picture = np.stack([picture] * 3, axis=2)
    return np.ascontiguousarray(picture[..., :3])


@pytest.fixture(scope="module")
def centerface():
    return CenterFace(threads=1)


def agreement(face, box):
    return overlaps(np.array(face.box), np.array([box], float))[0]


def test_a_portrait_gives_its_face_and_landmarks(centerface, astronaut):
    faces = centerface.find(astronaut)
    assert len(faces) == 1
    assert faces[0].confidence > 0.8
    assert agreement(faces[0], ASTRONAUT_BOX) > 0.85
    left_eye, right_eye, nose, left_mouth, right_mouth = faces[0].landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("name", FACELESS)
def test_pictures_without_a_face(centerface, name):
    data = pytest.importorskip("skimage.data")
    assert centerface.find(as_rgb(getattr(data, name)())) == []


@pytest.mark.parametrize("shade", [0, 127, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (33, 7), (480, 640)])
def test_flat_pictures_of_any_size(centerface, shade, shape):
    assert centerface.find(np.full((*shape, 3), shade, np.uint8)) == []


@pytest.mark.parametrize("side", [16, 24, 60, 120, 300])
def test_boxes_follow_the_size_and_place_of_the_face(centerface, astronaut, side):
    """The face is laid, in several sizes, somewhere into a grey frame; the box must follow."""
    scale = side / 120
    size = round(512 * scale)
    small = Image.fromarray(astronaut).resize((size, size), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (1280 if side > 100 else 640, 360 if side < 100 else 720), (90, 90, 90))
    frame.paste(small, (37, 11))
    faces = centerface.find(np.asarray(frame))
    assert len(faces) == 1
    box = [edge * scale + offset for edge, offset in zip(ASTRONAUT_BOX, (37, 11, 37, 11), strict=True)]
    assert agreement(faces[0], box) > (0.75 if side > 20 else 0.5)


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0])
def test_a_face_that_fills_the_picture(centerface, astronaut, scale):
    face = Image.fromarray(astronaut).crop((188, 66, 264, 172))
    face = face.resize((round(76 * scale), round(106 * scale)), Image.Resampling.BICUBIC)
    assert len(centerface.find(np.asarray(face))) == 1


def test_a_face_cut_by_the_border_has_a_box_that_reaches_beyond(centerface, astronaut):
    cut = np.ascontiguousarray(astronaut[:, 205:])
    faces = centerface.find(cut)
    assert len(faces) == 1
    assert faces[0].box[0] < 0


def test_mirroring_the_picture_mirrors_the_faces(centerface, astronaut):
    face = centerface.find(astronaut)[0]
    mirrored = centerface.find(np.ascontiguousarray(astronaut[:, ::-1]))[0]
    x0, y0, x1, y1 = mirrored.box
    assert agreement(face, (512 - x1, y0, 512 - x0, y1)) > 0.85


def test_the_same_faces_on_one_thread_and_on_two(centerface, astronaut):
    one, two = centerface.find(astronaut), CenterFace(threads=2).find(astronaut)
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert a.box == pytest.approx(b.box, abs=0.01)
        assert np.abs(a.landmarks - b.landmarks).max() < 0.01


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8)]
)
def test_wrong_arrays_are_refused(centerface, image):
    with pytest.raises(ValueError, match="uint8"):
        centerface.find(image)


def test_options_are_checked():
    for options in ({"threshold": 0}, {"threshold": 1.2}, {"size": 5}):
        with pytest.raises(ValueError, match="must be"):
            CenterFace(**options)


def test_the_network_is_the_one_that_its_card_describes():
    card = json.loads(weights.CENTERFACE_FILE.with_name("card.json").read_text())
    assert card["sha256"] == weights.CENTERFACE_SHA256 == file_sha256(weights.CENTERFACE_FILE)
    assert "MIT" in weights.CENTERFACE_FILE.with_name("LICENSE").read_text()


def test_another_network_is_refused(tmp_path, monkeypatch):
    strange = tmp_path / "centerface.onnx"
    strange.write_bytes(b"strange")
    monkeypatch.setattr(weights, "CENTERFACE_FILE", strange)
    with pytest.raises(FaceFinderError, match="reinstall"):
        CenterFace(threads=1)


def test_a_missing_network_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "CENTERFACE_FILE", tmp_path / "centerface.onnx")
    with pytest.raises(FaceFinderError, match="reinstall"):
        CenterFace(threads=1)


def test_finding_faces_never_imports_cv2_or_torch():
    code = (
        "import sys, numpy; from unmask.faces import CenterFace;"
        "CenterFace(threads=1).find(numpy.zeros((64, 64, 3), numpy.uint8));"
        "assert not {'cv2', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.data
def test_tight_profile_is_the_view_of_the_training_crops(centerface, data_root):
    """Crops are laid on black and the face found anew: the profile's square must be the crop."""
    centres, sides = [], []
    with tarfile.open(data_root / "dfdc-faces" / "faces-00.tar") as shard:
        for member in [m for m in shard if m.isfile()][::120][:60]:
            crop = np.asarray(Image.open(shard.extractfile(member)).convert("RGB"))
            faces = centerface.find(np.pad(crop, ((112, 112), (112, 112), (0, 0))))
            if faces:
                x0, y0, x1, y1 = PROFILES["tight"].square(faces[0].box)
                centres.append(((x0 + x1) / 2 - 224, (y0 + y1) / 2 - 224))
                sides.append((x1 - x0) / 224)
    assert len(sides) >= 58
    assert np.abs(np.median(centres, axis=0)).max() < 0.03 * 224
    assert np.median(sides) == pytest.approx(1, abs=0.03)


@pytest.mark.data
@pytest.mark.parametrize("limit", [40])
def test_faces_of_the_wide_set_are_found_where_its_manifest_has_them(centerface, data_root, limit):
    with (data_root / "wide-faces" / "manifest.csv").open() as file:
        rows = {row["file"]: row for row in list(csv.DictReader(file))[:: 2708 // limit]}
    agreements = []
    with tarfile.open(data_root / "wide-faces" / "faces.tar") as shard:
        for member in shard:
            row = rows.get(member.name)
            if row:
                faces = centerface.find(np.asarray(Image.open(shard.extractfile(member)).convert("RGB")))
                box = tuple(map(float, row["box"].split()))
                agreements.append(max([agreement(face, box) for face in faces], default=0.0))
    assert len(agreements) >= limit
    assert np.mean(np.array(agreements) > 0.7) > 0.95


@pytest.mark.data
@pytest.mark.parametrize("name", ONE_PERSON)
def test_each_clip_of_one_person_gives_one_track(centerface, data_root, name):
    from unmask.media import open_media

    with open_media(data_root / "clips" / name) as media:
        frames = [frame.image for frame in media.sample(4)]
    tracks = link([centerface.find(image) for image in frames], [scene_of(image) for image in frames])
    assert [[place for place, _ in track.faces] for track in tracks] == [[0, 1, 2, 3]]


@pytest.mark.data
def test_tracks_end_at_the_cuts_of_a_real_clip(centerface, data_root):
    """The clip cuts from the stage to the audience and back; no person is in both."""
    from unmask.media import open_media

    with open_media(data_root / "clips" / "short_hamilton_clip.mp4") as media:
        frames = [frame.image for frame in media.sample(8)]
    found = [centerface.find(image) for image in frames]
    assert [len(faces) >= least for faces, least in zip(found, (2, 4, 1, 1, 1, 1, 5, 5), strict=True)] == [
        True
    ] * 8
    audience, stage = {1, 6, 7}, {0, 2, 3, 4, 5}
    for track in link(found, [scene_of(image) for image in frames]):
        places = {place for place, _ in track.faces}
        assert not (places & audience and places & stage)
