"""Marks of origin: metadata as generators write them, made here with Pillow, PyAV and by hand."""

import io
import json
import time

import av
import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from unmask.formats.generators import MAX_MARKS, MAX_TEXT, MAX_VALUE, MetadataText, OriginMark, marks_in
from unmask.media import DecodingProcesses, Limits, open_media

WEB_UI = (
    "portrait of a woman\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 512x512, Model hash: abcdef"
)
GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
WORKFLOW = json.dumps({"last_node_id": 9, "nodes": [], "links": []})
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def xmp(attributes="", body=""):
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def png(tmp_path, **texts):
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_itxt(name.replace("__", ":").replace("_DOT_", "."), text)
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png", pnginfo=info)
    return tmp_path / "a.png"


def marks_of(path):
    with open_media(path) as media:
        return media.info.marks


def told(path):
    return [(mark.kind, mark.says, mark.program) for mark in marks_of(path)]


PNG_TEXTS = {
    "web UI": ({"parameters": WEB_UI}, "Stable Diffusion web UI, or a program that writes as it does"),
    "ComfyUI": ({"prompt": GRAPH}, "ComfyUI"),
    "ComfyUI's editor": ({"workflow": WORKFLOW}, "ComfyUI"),
    "InvokeAI": ({"invokeai_metadata": '{"positive_prompt": "a face"}'}, "InvokeAI"),
    "InvokeAI 2": ({"sd-metadata": '{"image": {"prompt": "a face"}}'}, "InvokeAI"),
    "InvokeAI 1": ({"Dream": '"a face" -s50 -S1234 -W512 -H512'}, "InvokeAI"),
    "SwarmUI": ({"parameters": '{"sui_image_params": {"prompt": "a face"}}'}, "SwarmUI"),
    "Fooocus": ({"fooocus_scheme": "fooocus"}, "Fooocus"),
    "Easy Diffusion": ({"use_stable_diffusion_model": "sd-v1-4"}, "Easy Diffusion"),
    "Midjourney": (
        {"Description": "a face --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"},
        "Midjourney",
    ),
    "NovelAI": ({"Comment": '{"prompt": "a", "sampler": "k_euler", "uc": "b"}'}, "NovelAI"),
}


@pytest.mark.parametrize("name", PNG_TEXTS)
def test_settings_of_generators_in_png_texts(tmp_path, name):
    texts, program = PNG_TEXTS[name]
    (mark,) = marks_of(png(tmp_path, **texts))
    assert (mark.kind, mark.says, mark.program) == ("generation_parameters", "generated", program)
    assert mark.place == f"PNG text {next(iter(texts))}"
    assert mark.value == " ".join(next(iter(texts.values())).split())[:MAX_VALUE]


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "shutter 1/250, ISO 100"},
        {"prompt": "what do you see?"},
        {"workflow": "scanned, cropped, archived"},
        {"Dream": "a dream"},
        {"Description": "Job ID: 12 of the archive"},
        {"Title": "Midjourney and Stable Diffusion compared"},  # About generators, not by one.
        {"Comment": "reads like Steps: 20, but is not"},
        {"Software": "Adobe Photoshop 25.0"},
    ],
    ids=lambda texts: next(iter(texts)),
)
def test_ordinary_texts_are_no_marks(tmp_path, texts):
    assert marks_of(png(tmp_path, **texts)) == ()


def test_a_program_that_names_itself(tmp_path):
    (mark,) = marks_of(png(tmp_path, Software="NovelAI"))
    assert mark == OriginMark("generator_name", "generated", "NovelAI", "PNG text Software", "NovelAI")


def exif_with(comment=None, **tags):
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    if comment is not None:
        exif[ExifTags.Base.DateTime] = "2026"  # Pillow writes no EXIF block that has no entry of its own.
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    return exif


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + WEB_UI.encode("utf-16-be"),
        b"UNICODE\0" + WEB_UI.encode("utf-16-le"),
        b"ASCII\0\0\0" + WEB_UI.encode("ascii"),
        WEB_UI.encode("ascii"),
    ],
    ids=["utf-16-be", "utf-16-le", "ascii", "none"],
)
def test_settings_in_an_exif_user_comment(tmp_path, form, comment):
    Image.new("RGB", (32, 24)).save(tmp_path / "a", form, exif=exif_with(comment))
    (mark,) = marks_of(tmp_path / "a")
    assert (mark.kind, mark.place) == ("generation_parameters", "EXIF UserComment")
    assert mark.value.startswith("portrait of a woman")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"Make": f"workflow:{WORKFLOW}"}, ("generation_parameters", "generated", "ComfyUI")),
        ({"Model": f"prompt:{GRAPH}"}, ("generation_parameters", "generated", "ComfyUI")),
        ({"Software": "AI generated;txt2img;flux"}, ("generator_name", "generated", None)),
        ({"Make": "Black Forest Labs"}, ("generator_name", "generated", "Black Forest Labs")),
    ],
)
def test_generators_in_exif_entries(tmp_path, tags, expected):
    Image.new("RGB", (32, 24)).save(tmp_path / "a.webp", exif=exif_with(**tags))
    assert told(tmp_path / "a.webp") == [expected]


def test_a_camera_s_exif_is_no_mark(tmp_path):
    tags = {"Make": "Canon", "Model": "EOS R5", "Software": "Firmware 1.8.1", "Artist": "Ai Weiwei"}
    Image.new("RGB", (32, 24)).save(tmp_path / "a.jpg", exif=exif_with(b"ASCII\0\0\0at home", **tags))
    assert marks_of(tmp_path / "a.jpg") == ()


TERM = 'Iptc4xmpExt:DigitalSourceType="{}"'
ELEMENT = "<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>"
RESOURCE = '<Iptc4xmpExt:DigitalSourceType rdf:resource="{}"/>'


@pytest.mark.parametrize(
    ("term", "says"),
    [
        ("trainedAlgorithmicMedia", "generated"),
        ("compositeWithTrainedAlgorithmicMedia", "partly_generated"),
        ("compositeSynthetic", "partly_generated"),
        ("digitalCapture", "captured"),
        ("algorithmicMedia", "other"),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "TIFF", "AVIF"])
def test_digital_source_types(tmp_path, form, term, says):
    packets = [
        xmp(TERM.format(IPTC + term)),
        xmp(TERM.format(term)),
        xmp(body=ELEMENT.format(IPTC + term)),
        xmp(body=RESOURCE.format(IPTC + term)),
    ]
    for packet in packets:
        options = {"xmp": packet.encode()}
        if form == "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet)
            options = {"pnginfo": info}
        if form == "TIFF":
            options = {"tiffinfo": {700: packet.encode()}}
        Image.new("RGB", (32, 24)).save(tmp_path / "a", form, **options)
        (mark,) = marks_of(tmp_path / "a")
        assert mark == OriginMark("digital_source_type", says, term, "XMP DigitalSourceType")


def test_terms_that_iptc_does_not_have_say_nothing(tmp_path):
    Image.new("RGB", (32, 24)).save(tmp_path / "a.jpg", xmp=xmp(TERM.format("magic")).encode())
    assert marks_of(tmp_path / "a.jpg") == ()


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (
            xmp('photoshop:Credit="Made with Google AI"'),
            ("generator_name", "generated", "Made with Google AI"),
        ),
        (
            xmp('photoshop:Credit="Edited with Google AI"'),
            ("generator_name", "partly_generated", "Edited with Google AI"),
        ),
        (
            xmp(body="<xmp:CreatorTool>Draw Things</xmp:CreatorTool>"),
            ("generator_name", "generated", "Draw Things"),
        ),
        (xmp(body="<dc:description>a Midjourney picture</dc:description>"), None),
        (
            xmp(body='<TC260:AIGC>{"Label":"1","ContentProducer":"x"}</TC260:AIGC>'),
            ("ai_label", "generated", None),
        ),
        (xmp('TC260:AIGC="{&quot;Label&quot;:&quot;3&quot;}"'), ("ai_label", "other", None)),
    ],
)
def test_other_statements_in_xmp(tmp_path, packet, expected):
    Image.new("RGB", (32, 24)).save(tmp_path / "a.jpg", xmp=packet.encode())
    assert told(tmp_path / "a.jpg") == ([] if expected is None else [expected])


def test_the_credit_of_an_iptc_block(tmp_path):
    credit = b"Made with Google AI"
    record = b"\x1c\x02\x6e" + len(credit).to_bytes(2, "big") + credit
    record += b"\0" * (len(record) % 2)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + record
    data = io.BytesIO()
    Image.new("RGB", (32, 24)).save(data, "JPEG")
    plain = data.getvalue()
    segment = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "a.jpg").write_bytes(plain[:2] + segment + plain[2:])
    (mark,) = marks_of(tmp_path / "a.jpg")
    assert (mark.place, mark.program) == ("IPTC Credit", "Made with Google AI")


def video(path, **tags):
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"prompt": GRAPH}, ("generation_parameters", "generated", "ComfyUI")),
        ({"comment": json.dumps({"prompt": GRAPH})}, ("generation_parameters", "generated", "ComfyUI")),
        ({"AIGC": '{"Label":"1","ContentProducer":"x"}'}, ("ai_label", "generated", None)),
        ({"title": "how Midjourney works"}, None),
    ],
)
def test_tags_of_videos(tmp_path, tags, expected):
    path = video(tmp_path / "a.mp4", **tags)
    assert told(path) == ([] if expected is None else [expected])


def test_the_xmp_packet_of_an_mp4(tmp_path):
    path = video(tmp_path / "a.mp4")
    packet = xmp(TERM.format(IPTC + "trainedAlgorithmicMedia")).encode()
    box = b"uuid" + bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet
    with path.open("ab") as file:
        file.write((len(box) + 4).to_bytes(4, "big") + box)
    assert told(path) == [("digital_source_type", "generated", None)]
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        assert [mark.says for mark in media.info.marks] == ["generated"]
        assert len(list(media.sample(2))) == 2  # The file is read from its beginning all the same.


def test_marks_survive_the_confined_process_and_animation(tmp_path):
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue", "green")]
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", WEB_UI)
    frames[0].save(tmp_path / "a.png", pnginfo=info, save_all=True, append_images=frames[1:], duration=100)
    with DecodingProcesses(Limits()) as processes, processes.open(tmp_path / "a.png") as media:
        assert media.info.kind == "video"
        assert len(list(media.sample(2))) == 2
        assert [mark.kind for mark in media.info.marks] == ["generation_parameters"]


def test_reading_marks_leaves_a_picture_as_it_was(tmp_path):
    """A PNG's EXIF data may stand behind its pixels: the turn that they ask for must not be lost."""
    Image.new("RGB", (32, 24)).save(tmp_path / "a.png", exif=exif_with(Orientation=6))
    data = (tmp_path / "a.png").read_bytes()
    place = data.index(b"eXIf") - 4
    size = 12 + int.from_bytes(data[place : place + 4], "big")
    chunk, rest = data[place : place + size], data[:place] + data[place + size :]
    end = rest.index(b"IEND") - 4
    (tmp_path / "b.png").write_bytes(rest[:end] + chunk + rest[end:])
    for name in ("a.png", "b.png"):
        with open_media(tmp_path / name) as media:
            (frame,) = media.sample(1)
            assert frame.image.shape == (32, 24, 3), name


def test_there_are_never_more_marks_than_are_read(tmp_path):
    texts = [MetadataText("PNG text", "Software", f"NovelAI {number}" + "x" * 999) for number in range(99)]
    marks = marks_in(texts)
    assert len(marks) == MAX_MARKS and all(len(mark.value) == MAX_VALUE for mark in marks)
    again = [OriginMark.from_dict(json.loads(json.dumps(mark.to_dict()))) for mark in marks]
    assert tuple(again) == marks


@pytest.mark.parametrize(
    "text",
    [
        "DigitalSourceType" + " " * MAX_TEXT,
        "DigitalSourceType " * (MAX_TEXT // 18),
        ":CreatorTool=" + " " * MAX_TEXT,
        "Steps: 1, " * (MAX_TEXT // 10),
        "AIGC " * (MAX_TEXT // 5),
        '" ' * (MAX_TEXT // 2),
    ],
    ids=lambda text: text[:12],
)
@pytest.mark.parametrize(("place", "name"), [("XMP", ""), ("PNG text", "Dream"), ("PNG text", "comment")])
def test_no_text_takes_long_to_search(place, name, text):
    started = time.process_time()
    marks_in([MetadataText(place, name, text)])
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "lie",
    [
        None,
        {},
        [],
        {"kind": "holy", "says": "generated", "value": "", "place": ""},
        {"kind": "watermark", "says": "generated", "value": 3, "place": ""},
        {"kind": "watermark", "says": "real", "value": "", "place": ""},
        {"kind": ["watermark"], "says": "generated", "value": "", "place": ""},
    ],
)
def test_what_is_no_mark_is_refused(lie):
    with pytest.raises(ValueError, match="not a mark"):
        OriginMark.from_dict(lie)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(20))
def test_broken_metadata_state_nothing_and_cost_nothing(tmp_path, seed):
    Image.new("RGB", (32, 24)).save(tmp_path / "a.jpg", exif=exif_with(b"UNICODE\0x", Make="x" * 40))
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    random = np.random.default_rng(seed)
    start = data.index(b"Exif") + 6
    for place in random.integers(start, data.index(b"\xff\xdb", start), 12):
        data[place] = random.integers(256)
    (tmp_path / "a.jpg").write_bytes(data)
    assert marks_of(tmp_path / "a.jpg") == ()
