"""The page as the server gives it, without a browser."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from page_site import evidence_of, put, scan

from unmask.report.words import CANNOT_TELL
from unmask.serve import pictures
from unmask.serve.routes import pages

STATIC = Path(pages.HERE) / "static"


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_nothing_runs_or_is_styled_from_within_the_page(serve):
    response = serve().get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attributes in Elements(response.text).found:
        assert tag != "style"
        assert tag != "script" or attributes["src"].startswith("/static/")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_part_is_there_and_none_comes_from_elsewhere(serve):
    client = serve()
    wanted = {
        value
        for _, attributes in Elements(client.get("/").text).found
        for name, value in attributes.items()
        if name in ("src", "href") and value.startswith("/static/")
    }
    for path in STATIC.glob("*.js"):
        wanted |= {f"/static/{name}" for name in re.findall(r'from "\./([a-z]+\.js)"', path.read_text())}
    assert wanted == {f"/static/{path.name}" for path in STATIC.iterdir()}
    for address in wanted:
        answer = client.get(address)
        assert answer.status_code == 200
        outside = set(re.findall(r"https?://[^\s\"'`]+", answer.text))
        assert outside <= {"http://www.w3.org/2000/svg"}


def test_the_page_says_what_it_cannot_tell_and_what_becomes_of_a_file(serve):
    text = serve(upload_bytes=25_000_000, retention=3600.0).get("/").text
    assert all(sentence in text for sentence in CANNOT_TELL)
    assert "up to 25 MB" in text
    assert "deleted once scanned; what was found stays for 1 hour." in text
    kept = serve(keep_uploads=True, retention=0.0).get("/").text
    assert "which keeps them, and what it found, until you delete them." in kept


def test_only_numbers_of_frames_that_the_server_takes_are_offered(serve):
    def options(**settings):
        text = serve(max_frames=32, **settings).get("/").text
        return re.findall(
            r"<option[^>]*>([^<]*)</option>", text.split('id="frames"')[1].split("</select>")[0]
        )

    assert options() == ["As many as it needs (usual)", "16", "32"]
    assert options(frames=16) == ["16 (usual)", "32"]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (999, "999 bytes"),
        (1000, "1 kB"),
        (500_000_000, "500 MB"),
        (2_550_000_000, "2.5 GB"),
        (1_999_999, "1.9 MB"),
    ],
)
def test_sizes_are_never_promised_larger_than_they_are(size, words):
    assert pages.size_in_words(size) == words


def test_several_detectors_may_be_chosen(serve):
    page = serve().get("/").text
    boxes = re.findall(r'<input type="checkbox" value="([^"]+)"( checked)?>', page)
    assert boxes[0] == ("jrc", " checked") and ("jrc-stills", "") in boxes


def test_with_keys_the_page_asks_for_one_first(serve):
    client = serve(keys=True)
    key = client.app.state.service.keys.add("desk")
    closed = client.get("/").text
    assert 'id="sign-in"' in closed
    work = next(a for _, a in Elements(closed).found if a.get("id") == "work")
    assert "hidden" in work
    assert client.post("/v1/session", json={"key": key}).status_code == 204
    signed_in = client.get("/").text
    assert 'id="sign-in"' not in signed_in
    settings = next(json.loads(a["data-settings"]) for t, a in Elements(signed_in).found if t == "body")
    assert settings["signedIn"] is True


def test_pictures_lie_beside_the_report_and_are_listed(serve):
    client = serve()
    result = scan("likely_fake", 0.9, (0.8, 0.95))
    report = f"/v1/scans/{put(client, result)}/report"
    listed = client.get(f"{report}/pictures.json").json()
    assert [frame["time"] for frame in listed["frames"]] == result.to_dict()["coverage"]["times"]
    assert {frame["width"] for frame in listed["frames"]} == {160}
    looks = {
        (track["id"], frame["time"]) for track in result.to_dict()["tracks"] for frame in track["frames"]
    }
    assert {(face["track"], face["time"]) for face in listed["faces"]} == looks
    assert {face["strongest"] for face in listed["faces"]} == {"strongest at the lower left"}
    names = [frame["picture"] for frame in listed["frames"]]
    names += [face[kind] for face in listed["faces"] for kind in ("crop", "heat")]
    assert len(set(names)) == len(names)
    for name in names:
        picture = client.get(f"{report}/{name}")
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")


def test_a_detector_without_maps_has_no_heat(tmp_path):
    from dataclasses import replace

    evidence = evidence_of(scan("likely_fake", 0.9, (0.8, 0.95), evidence=False).tracks)
    bare = replace(evidence, faces=tuple(replace(face, patch_logits=None) for face in evidence.faces))
    pictures.save_pictures(bare, tmp_path)
    listed = json.loads((tmp_path / "pictures.json").read_text())
    assert listed["heat"] is None
    assert {face["heat"] for face in listed["faces"]} == {None}
    assert not list(tmp_path.glob("heat-*"))

    error = np.zeros((56, 56), np.float32)
    rebuilt = replace(bare, faces=tuple(replace(face, error_map=error) for face in bare.faces))
    pictures.save_pictures(rebuilt, tmp_path)
    listed = json.loads((tmp_path / "pictures.json").read_text())
    assert "rebuilds" in listed["heat"]
    assert {face["strongest"] for face in listed["faces"]} == {"hardly anything stands out"}

    mapped = replace(bare, faces=tuple(replace(face, blend_mask=error + 0.5) for face in evidence.faces))
    pictures.save_pictures(mapped, tmp_path)
    listed = json.loads((tmp_path / "pictures.json").read_text())
    assert "where a blend seems to lie" in listed["heat"]
