import io

import av
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2ycbcr, ycbcr2rgb

from unmask.distortions import levels
from unmask.distortions.levels import DISTORTIONS, Change
from unmask.evaluation.recoding import recode
from unmask.media import MediaError, open_media

LEVELS = {
    "saturation": (0.4, 0.3, 0.2, 0.1, 0),
    "contrast": (0.85, 0.725, 0.6, 0.475, 0.35),
    "blocks": (16, 32, 48, 64, 80),
    "noise": (0.001, 0.002, 0.005, 0.01, 0.05),
    "blur": (7, 9, 13, 17, 21),
    "pixelation": (2, 3, 4, 5, 6),
    "h264": (30, 32, 35, 38, 40),
}


@pytest.fixture
def picture(astronaut):
    return np.ascontiguousarray(astronaut[20:180, 140:301])


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


def test_the_seven_have_the_published_levels_and_three_come_on_top():
    assert {name: DISTORTIONS[name].levels for name in LEVELS} == LEVELS
    assert set(DISTORTIONS) - set(LEVELS) == {"jpeg", "resize", "webp"}
    assert all(len(distortion.levels) == 5 for distortion in DISTORTIONS.values())


@pytest.mark.parametrize("factor", LEVELS["saturation"])
def test_saturation_scales_the_chroma_of_ycbcr(picture, factor):
    ycbcr = rgb2ycbcr(picture)
    ycbcr[..., 1:] = 128 + factor * (ycbcr[..., 1:] - 128)
    wanted = np.clip(ycbcr2rgb(ycbcr), 0, 1) * 255
    assert np.abs(levels.saturate(picture, factor) - wanted).max() <= 1


def test_contrast_multiplies(picture):
    assert np.array_equal(levels.change_contrast(picture, 0.475), np.rint(picture * 0.475).astype(np.uint8))


def test_blocks_are_grey_squares_in_number_by_the_shorter_side():
    image = np.zeros((512, 2048, 3), np.uint8)
    covered = levels.cover_blocks(image, 16, np.random.default_rng(0))
    assert set(np.unique(covered)) == {0, 128}
    assert not image.any()
    grey = covered[..., 0] == 128
    # 32 squares of 64 pixels; a few may overlap, and every one is whole.
    assert 25 * 64 <= grey.sum() <= 32 * 64
    assert np.array_equal(ndimage.binary_opening(grey, np.ones((8, 8))), grey)


@pytest.mark.parametrize("variance", [0.001, 0.002, 0.005])
def test_noise_has_its_variance_in_every_channel_of_ycbcr(variance):
    image = np.full((300, 300, 3), 128, np.uint8)
    noisy = rgb2ycbcr(levels.add_noise(image, variance, np.random.default_rng(1))) / 255
    assert noisy.var(axis=(0, 1)) == pytest.approx([variance] * 3, rel=0.04)
    assert noisy.mean(axis=(0, 1)) == pytest.approx(rgb2ycbcr(image)[0, 0] / 255, abs=0.002)
    correlation = np.corrcoef(noisy.reshape(-1, 3).T)
    assert np.abs(correlation - np.eye(3)).max() < 0.03


@pytest.mark.parametrize("kernel", LEVELS["blur"])
def test_blur_is_the_gaussian_kernel_with_a_sixth_of_its_width_as_sigma(picture, kernel):
    places = np.arange(kernel) - (kernel - 1) / 2
    weights = np.exp(-(places**2) / (2 * (kernel / 6) ** 2))
    weights /= weights.sum()
    wanted = picture.astype(float)
    for axis in (0, 1):
        wanted = ndimage.convolve1d(wanted, weights, axis, mode="mirror")
    assert np.abs(levels.blur(picture, kernel) - wanted).max() <= 0.51


@pytest.mark.parametrize("factor", LEVELS["pixelation"])
def test_pixelation_goes_down_and_up_bilinearly(picture, factor):
    torch = pytest.importorskip("torch", reason="needs the extra [train]")
    height, width = picture.shape[:2]
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(
        tensor, (height // factor, width // factor), mode="bilinear"
    ).round()
    wanted = (
        torch.nn.functional.interpolate(small, (height, width), mode="bilinear")[0].permute(1, 2, 0).numpy()
    )
    difference = np.abs(levels.pixelate(picture, factor) - wanted)
    # Both steps round, and torch breaks ties otherwise.
    assert difference.max() <= 1.51
    assert difference.mean() < 0.3


def test_h264_gets_worse_with_the_rate_factor_and_keeps_the_size(picture):
    coded = [levels.encode_h264(picture, crf) for crf in LEVELS["h264"]]
    quality = [psnr(picture, image) for image in coded]
    assert all(image.shape == picture.shape for image in coded)
    assert quality == sorted(quality, reverse=True)
    assert 24 < quality[-1] < quality[0] < 40


def test_jpeg_webp_and_resize_are_pillows(picture):
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=50)
    assert np.array_equal(levels.encode_jpeg(picture, 50), np.asarray(Image.open(data)))
    assert (
        psnr(picture, levels.encode_webp(picture, 90)) > psnr(picture, levels.encode_webp(picture, 30)) > 25
    )
    assert levels.resize(picture, 0.25).shape == (40, 40, 3)
    wanted = np.asarray(Image.fromarray(picture).resize((80, 80), Image.Resampling.BICUBIC))
    assert np.array_equal(levels.resize(picture, 0.5), wanted)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_level_takes_tiny_pictures_and_leaves_its_input_alone(name):
    for shape in ((1, 1, 3), (5, 9, 3)):
        image = np.full(shape, 77, np.uint8)
        for level in range(1, 6):
            changed = Change(DISTORTIONS[name], level)(image, 0)
            assert (changed.dtype, changed.ndim) == (np.uint8, 3)
        assert (image == 77).all()


def test_a_change_is_the_same_for_the_same_item_and_frame_alone(picture):
    change = Change(DISTORTIONS["noise"], 3, seed=5)
    first = change(picture, 4, 2)
    assert np.array_equal(first, change(picture, 4, 2))
    for other in (
        change(picture, 4, 3),
        change(picture, 5, 2),
        Change(change.distortion, 3, 6)(picture, 4, 2),
    ):
        assert not np.array_equal(first, other)


@pytest.fixture
def video(tmp_path, picture):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=12)
        stream.height, stream.width, stream.pix_fmt = 160, 161, "bgr0"
        for shift in range(10):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.roll(picture, shift, 1)), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_recoding_codes_every_frame_at_the_rate_factor(video, tmp_path, picture):
    quality = {}
    for crf in (20, 40):
        target = tmp_path / f"{crf}.mp4"
        recode(video, target, crf)
        # libx264 writes its settings into the stream.
        assert f"crf={crf}.0".encode() in target.read_bytes()
        with open_media(target) as media:
            assert (media.info.codec, media.info.width, media.info.height) == ("h264", 160, 160)
            assert media.info.frames == 10
            images = [frame.image for frame in media.sample(10)]
        quality[crf] = np.mean(
            [psnr(np.roll(picture, n, 1)[:, :160], image) for n, image in enumerate(images)]
        )
    assert quality[20] > quality[40] + 5


def test_recoding_refuses_what_a_scan_refuses(tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(MediaError):
        recode(path, tmp_path / "out.mp4", 30)
    assert not (tmp_path / "out.mp4").exists()
