import av
import numpy as np
import pytest
from PIL import ImageChops
from skimage import data, metrics

from unmask.demo import FACE, portrait, with_blended_face, write_clip


def test_the_portrait_is_scikit_images_astronaut():
    picture = np.asarray(portrait())
    assert picture.shape == (512, 512, 3)
    assert metrics.peak_signal_noise_ratio(data.astronaut(), picture) > 30


def test_only_the_face_is_blended():
    picture = portrait()
    changed = ImageChops.difference(picture, with_blended_face(picture)).getbbox()
    x0, y0, x1, y1 = FACE
    assert x0 - 15 < changed[0] < x0 + 30 and y0 - 15 < changed[1] < y0 + 30
    assert x1 - 30 < changed[2] < x1 + 15 and y1 - 30 < changed[3] < y1 + 15


def test_the_blend_leaves_no_hard_edge():
    picture = portrait()
    difference = np.asarray(with_blended_face(picture), int) - np.asarray(picture, int)
    rim = difference[int(FACE[1]) - 14 : int(FACE[3]) + 14, int(FACE[0]) - 14 : int(FACE[2]) + 14]
    inside = rim[
        rim.shape[0] // 2 - 20 : rim.shape[0] // 2 + 20, rim.shape[1] // 2 - 20 : rim.shape[1] // 2 + 20
    ]
    assert np.abs(inside).mean() > 4
    assert np.abs(np.concatenate([rim[:8].ravel(), rim[:, :8].ravel(), rim[:, -8:].ravel()])).max() == 0


@pytest.mark.parametrize(("size", "seconds", "rate"), [((320, 320), 1.0, 25), ((320, 180), 0.5, 30)])
def test_clips_are_h264_of_the_size_and_length_asked_for(tmp_path, size, seconds, rate):
    write_clip(tmp_path / "clip.mp4", portrait(), size, seconds, rate)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.name == "h264"
        assert (frames[0].width, frames[0].height, len(frames)) == (*size, round(seconds * rate))
        assert sum(frame.key_frame for frame in frames) == 2
        assert any(frame.pict_type == av.video.frame.PictureType.B for frame in frames)


def test_the_camera_moves(tmp_path):
    write_clip(tmp_path / "clip.mp4", portrait(), (160, 160), 1.0, 10)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 5
