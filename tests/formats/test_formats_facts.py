"""Technical facts: what a header states, held against what was written, and nothing of a place in them."""

import hashlib
from dataclasses import asdict

import av
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from unmask.formats.facts import MAX_TAG_LENGTH, MAX_TAGS, WITHHELD
from unmask.media import DecodingProcesses, FileFacts, Limits, open_media


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(title="<b>hi</b>", location="+59.9139+010.7522/")
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), value * 10, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def facts_of(path):
    with open_media(path) as media:
        return media.facts()


def test_a_video_s_facts_are_those_that_it_was_written_with(clip):
    facts = facts_of(clip).measured(clip)
    assert facts.bytes == clip.stat().st_size
    assert facts.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert "mp4" in facts.container and facts.duration == pytest.approx(2.0)
    (stream,) = facts.streams
    assert (stream.kind, stream.codec, stream.width, stream.height) == ("video", "h264", 64, 48)
    assert (stream.frame_rate, stream.frames, stream.pixel_format) == (10.0, 20, "yuv420p")
    tags = dict(facts.tags)
    assert tags["title"] == "<b>hi</b>" and tags["encoder"].startswith("Lavf")


def test_places_are_said_to_be_there_and_not_told(clip, tmp_path):
    assert dict(facts_of(clip).tags)["location"] == WITHHELD
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "Maker", "Editor 1.0"
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 50.0)})
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (20, 10)).save(photo, exif=exif)
    tags = dict(facts_of(photo).tags)
    assert (tags["Make"], tags["Software"], tags["GPS position"]) == ("Maker", "Editor 1.0", WITHHELD)
    assert "59" not in str(tags)


def test_an_image_s_own_texts_are_facts_and_bounded(tmp_path):
    notes = PngImagePlugin.PngInfo()
    for number in range(MAX_TAGS + 10):
        notes.add_text(f"parameters{number}", "x" * (MAX_TAG_LENGTH + 50))
    Image.new("RGBA", (20, 10)).save(tmp_path / "made.png", pnginfo=notes)
    facts = facts_of(tmp_path / "made.png")
    assert (facts.container, facts.streams[0].pixel_format) == ("png", "RGBA")
    assert len(facts.tags) == MAX_TAGS
    assert all(len(value) == MAX_TAG_LENGTH for _, value in facts.tags)


def test_the_process_that_decodes_tells_the_same_facts(clip):
    with DecodingProcesses(Limits()) as decoding, decoding.open(clip) as media:
        first = list(media.sample(2))
        assert media.facts() == facts_of(clip)
        assert len(first) == len(list(media.sample(2))) == 2


def test_facts_travel_as_json_and_what_is_none_is_refused(clip):
    facts = facts_of(clip)
    assert FileFacts.from_dict(facts.to_dict()) == facts
    lies = (
        {"container": 7},
        {"duration": "long"},
        {"streams": [{"kind": "video"}]},
        {"tags": []},
        {"negative_log_likelihood": 1},
    )
    for lie in lies:
        with pytest.raises(ValueError, match="not the facts"):
            FileFacts.from_dict(facts.to_dict() | lie)


def test_broken_exif_data_cost_no_facts(tmp_path):
    Image.new("RGB", (20, 10)).save(tmp_path / "odd.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(8))
    facts = facts_of(tmp_path / "odd.jpg")
    assert asdict(facts)["streams"][0]["width"] == 20
