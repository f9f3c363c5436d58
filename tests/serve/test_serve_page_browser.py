"""The page in headless Chromium: what people drop, see, click and hear read out."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from page_site import Complaints, drop, finish, put, scan, several_opinions, without_face, without_score

from unmask.demo.clips import portrait, with_blended_face, write_clip

api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra [dev]")
expect = api.expect
expect.set_options(timeout=30_000)

SCAN_MS = 90_000
FRAMES, CLOSE_UPS = 32, 6
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs chromium: apt-get install chromium")
    # Chromium's own sandbox does not work for root, as in most containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Open a page at an address; gives it, with its complaints."""
    with contextlib.ExitStack() as stack:

        def go(address, viewport=WIDE, **options):
            context = stack.enter_context(browser.new_context(viewport=viewport, **options))
            context.set_default_timeout(30_000)
            page = context.new_page()
            page.complaints = Complaints(page)
            page.goto(str(address))
            return page

        yield go


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Start `unmask serve` as people do, with its real worker and detector; gives its address."""
    command = [sys.executable, "-m", "unmask", "serve", "--port", "0", "--workers", "1", "--nice", "0"]
    folder = tmp_path_factory.mktemp("site")
    with subprocess.Popen([*command, "--folder", str(folder)], stderr=subprocess.PIPE, text=True) as server:
        line = server.stderr.readline()
        yield re.search(r"http://[^ ]+/", line).group()
        server.terminate()
        server.communicate(timeout=30)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "blended.mp4"
    write_clip(path, with_blended_face(portrait()), size=(320, 320), seconds=2.0)
    return path


def drop_and_sample_frames(page, path):
    """Drop a clip after asking for so many frames that progress has time to be seen, however fast the machine is."""
    page.get_by_text("Options", exact=True).click()
    page.select_option("#frames", str(FRAMES))
    drop(page, path)


def follow_to_the_end(page):
    """Wait for a verdict; gives the words that stood there meanwhile, in order."""
    seen = []
    words = page.locator("#result .words")
    for _ in range(SCAN_MS // 50):
        text = words.first.text_content()
        if not seen or seen[-1] != text:
            seen.append(text)
        if page.locator(".verdict").count():
            return seen
        page.wait_for_timeout(50)
    raise AssertionError(f"no verdict: {seen}")


def shares(words):
    return [int(found.group(1)) for text in words if (found := re.search(r"(\d+) % done", text))]


def check_a_scan(page, name):
    seen = follow_to_the_end(page)
    assert len(set(shares(seen))) >= 2, seen
    assert shares(seen) == sorted(shares(seen))
    expect(page.locator("#result h2")).to_have_text(name)
    expect(page.locator(".verdict .words")).to_have_text(re.compile("Likely fake|Likely real|Inconclusive"))
    expect(page.locator(".score-part")).to_contain_text("90 % interval")
    expect(page.locator("#announcer")).to_contain_text("probability of manipulation")


def check_the_moments(page):
    slider = page.get_by_role("slider", name="Moment")
    box = slider.bounding_box()
    picture = page.locator(".frame img")
    shown = []
    for place in (0.02, 0.98):
        page.mouse.click(box["x"] + place * box["width"], box["y"] + box["height"] - 20)
        shown.append((slider.get_attribute("aria-valuetext"), picture.get_attribute("src")))
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert shown[0] != shown[1]
    frames = [re.search(r"frame (\d+) of (\d+)", words).groups() for words, _ in shown]
    assert frames == [("1", str(FRAMES)), (str(FRAMES), str(FRAMES))]
    check_the_close_ups(page, slider)


def check_the_close_ups(page, slider):
    """Step through all frames: some of the face have a crop and a heat map, the others say that they have none."""
    slider.press("Home")
    heat, kept = page.locator(".close-ups img[alt^='Heat map']").first, 0
    for number in range(FRAMES):
        assert f"frame {number + 1} of {FRAMES}" in slider.get_attribute("aria-valuetext")
        if heat.count():
            assert heat.evaluate("image => image.decode().then(() => image.naturalWidth)") == 224
            kept += 1
        else:
            expect(page.locator(".close-ups")).to_contain_text("No close-up was kept")
        slider.press("ArrowRight")
    assert kept == CLOSE_UPS


def check_the_report(page):
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the report").click()
    assert "unmask report" in Path(download.value.path()).read_text()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    expect(opened.value.locator("h1")).to_have_text("unmask report")
    # Once more in a page that was listened to from its start: the one that the link opened was not.
    report = page.context.new_page()
    complaints = Complaints(report)
    report.goto(opened.value.url)
    expect(report.locator("h1")).to_have_text("unmask report")
    assert complaints.said == []


def test_a_dropped_clip_is_scanned_and_read(site, visit, clip):
    page = visit(site)
    drop_and_sample_frames(page, clip)
    check_a_scan(page, "blended.mp4")
    check_the_moments(page)
    check_the_report(page)
    assert page.complaints.said == []


@pytest.mark.data
def test_a_dropped_real_clip_is_scanned_and_read(site, visit, data_root):
    page = visit(site)
    drop_and_sample_frames(page, data_root / "clips" / "yhffcuhhjy.mp4")
    check_a_scan(page, "yhffcuhhjy.mp4")
    check_the_moments(page)
    check_the_report(page)
    assert page.complaints.said == []


def test_a_chosen_picture_is_scanned_and_found_again_after_a_reload(site, visit, tmp_path):
    path = tmp_path / "portrait <b> of\u202ea pilot.jpg"
    portrait().save(path)
    page = visit(site)
    page.set_input_files("#files", path)
    follow_to_the_end(page)
    expect(page.locator("#result h2")).to_have_text("portrait <b> of\\u{202e}a pilot.jpg")
    expect(page.locator(".frame img")).to_have_count(1)
    assert page.get_by_role("slider").count() == 0
    verdicts = page.locator(".verdict .words").all_text_contents()  # The file's, and one for each question.
    assert len(verdicts) == 3
    page.reload()
    expect(page.locator(".verdict .words")).to_have_text(verdicts)
    assert page.complaints.said == []


def test_a_file_that_is_no_media_says_so(site, visit, tmp_path):
    path = tmp_path / "notes.mp4"
    path.write_text("shopping list")
    page = visit(site)
    page.set_input_files("#files", path)
    expect(page.locator(".verdict .words")).to_have_text("Unreadable", timeout=SCAN_MS)
    expect(page.locator(".verdict")).to_contain_text("nothing can be said about it")
    assert page.locator("#announcer").text_content().endswith("unreadable")


def test_an_inconclusive_clip_can_be_scanned_with_more_frames(serve, visit, clip):
    client = serve()
    page = visit(client.base_url)
    page.set_input_files("#files", clip)
    expect(page.locator("#result .words")).to_have_text("In the queue")
    finish(client, scan("inconclusive", 0.5, (0.3, 0.7)))
    page.get_by_role("button", name="Scan again with 16 frames").click()
    expect(page.locator("#result .words")).to_have_text("In the queue")
    expect(page.locator("#list li")).to_have_count(2)
    assert [job["frames"] for job in client.get("/v1/scans").json()["items"]] == [16, None]
    finish(client, scan("likely_fake", 0.8, (0.7, 0.9)))
    expect(page.locator(".verdict .words")).to_have_text("Likely fake")
    assert page.complaints.said == []


VERDICTS = [
    (scan("likely_fake", 0.93, (0.81, 0.976)), "Likely fake", "93 %", "81 % to 98 %"),
    (scan("likely_real", 0.004, (0.001, 0.008)), "Likely real", "<1 %", "<1 % throughout"),
    (scan("inconclusive", 0.5, (0.3, 0.7)), "Inconclusive", "50 %", "30 % to 70 %"),
]


@pytest.mark.parametrize(("result", "words", "score", "interval"), VERDICTS)
def test_a_verdict_stands_in_plain_words_with_its_uncertainty(serve, visit, result, words, score, interval):
    client = serve()
    page = visit(f"{client.base_url}/#{put(client, result)}")
    expect(page.locator(".verdict .words")).to_have_text(words)
    expect(page.locator(".figure strong")).to_have_text(score)
    expect(page.locator(".score-part")).to_contain_text(f"90 % interval: {interval}.")
    expect(
        page.get_by_role("img", name=f"Score {score}, 90 % interval {interval}, threshold 52 %")
    ).to_be_visible()
    expect(page.locator("#scans a")).to_contain_text(words.lower())
    assert page.complaints.said == []


@pytest.mark.parametrize(
    ("result", "failure", "words", "reason"),
    [
        (without_score("no_face", None), None, "No face", "nothing to score"),
        (without_score("unreadable", "it ends early"), None, "Unreadable", "It ends early"),
        (without_score("too_large", "9 gigapixels"), None, "Too large", "9 gigapixels"),
        (without_score("no_face", None), "the worker died", "Scan failed", "The worker died"),
    ],
)
def test_a_file_without_a_verdict_has_no_number(serve, visit, result, failure, words, reason):
    client = serve()
    page = visit(f"{client.base_url}/#{put(client, result, failure)}")
    expect(page.locator(".verdict .words")).to_have_text(words)
    expect(page.locator(".verdict")).to_contain_text(reason)
    assert "%" not in page.locator("#result").inner_text()
    assert page.complaints.said == []


def test_where_no_face_was_found_the_frames_are_shown(serve, visit):
    client = serve()
    page = visit(f"{client.base_url}/#{put(client, without_face())}")
    part = page.get_by_role("region", name="What was analysed")
    expect(part).to_contain_text("4 frames of 8.0 s of video, each searched as a whole")
    expect(part).to_contain_text("(up to 2.0 s at a stretch)")
    expect(part.locator("figcaption")).to_have_text(["1.0 s", "3.0 s", "5.0 s", "7.0 s"])
    for picture in part.get_by_role("img", name="on which no face was found").all():
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 160
    with page.context.expect_page() as opened:
        part.get_by_role("link").nth(2).click()
    assert opened.value.url.endswith("/report/frame-2.jpg")
    assert page.complaints.said == []


def test_a_picture_without_a_face_is_shown_as_it_was_searched(serve, visit):
    client = serve()
    page = visit(f"{client.base_url}/#{put(client, without_face('image'))}")
    part = page.get_by_role("region", name="What was analysed")
    expect(part).to_contain_text("The whole picture was searched")
    expect(part.get_by_role("img", name="The picture, on which no face was found")).to_have_count(1)
    assert page.complaints.said == []


def test_of_several_faces_it_is_said_which_one_counts(serve, visit):
    client = serve()
    result = scan("likely_real", 0.3, (0.2, 0.4), scores=(0.4, 0.4, 0.4, 0.4), faces=3, evidence=False)
    passing = replace(result.tracks[1], score=0.9, frames=(replace(result.tracks[1].frames[0], score=0.9),))
    result = replace(result, tracks=(result.tracks[0], passing, result.tracks[2]))
    page = visit(f"{client.base_url}/#{put(client, result)}")
    expect(page.locator(".score-part")).to_contain_text("It rests on Face 1 (40 % by itself)")
    expect(page.locator(".lane p")).to_have_text(
        [
            "Face 1 40 % · the verdict rests on this face",
            "Face 2 90 % · seen too briefly to count · above the threshold: 1.0 s",
            "Face 3 10 %",
        ]
    )
    assert page.complaints.said == []


def test_each_of_several_opinions_has_a_card(serve, visit):
    client = serve()
    page = visit(f"{client.base_url}/#{put(client, several_opinions())}")
    cards = page.locator(".opinion")
    expect(cards.locator("h3")).to_have_text(
        [
            "Was a face swapped or re-enacted?",
            "Does the sound belong to the face?",
            "Was a face made by a machine?",
        ]
    )
    expect(cards.locator(".words")).to_have_text(["Likely real", "Likely fake", "Not judged"])
    expect(cards.nth(1)).to_contain_text("90 % interval: 80 % to 95 %.")
    expect(cards.nth(1).locator("tbody tr")).to_have_text(["The sound1.0 s to 7.0 s90 %80 % to 95 %"])
    expect(page.locator(".verdict").first).to_contain_text("It rests on the answer to: Does the sound")
    assert page.complaints.said == []


def test_a_visitor_says_what_a_file_is_and_finds_it_again(serve, visit):
    client = serve(keep_uploads=True, feedback_files=True)
    job = put(client, scan("likely_real", 0.1, (0.05, 0.2)))
    page = visit(f"{client.base_url}/#{job}")
    page.get_by_text("Do you know what this file is?").click()
    page.get_by_label("Manipulated or made by a machine").check()
    page.get_by_label("Note (optional)").fill("known swap")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".feedback [role=status]")).to_contain_text("Thank you")
    said = client.get(f"/v1/scans/{job}").json()["feedback"]
    assert (said["label"], said["note"], said["kept"]) == ("fake", "known swap", False)
    page.reload()
    page.get_by_text("Do you know what this file is?").click()
    expect(page.get_by_label("Manipulated or made by a machine")).to_be_checked()
    expect(page.get_by_label("Note (optional)")).to_have_value("known swap")
    assert page.complaints.said == []


def test_moments_are_chosen_by_keys_and_buttons(serve, visit):
    client = serve()
    result = scan("likely_fake", 0.7, (0.6, 0.8), scores=(0.2, 0.9, None, 0.4), faces=3)
    page = visit(f"{client.base_url}/#{put(client, result)}")
    slider = page.get_by_role("slider", name="Moment")
    # It begins where the face that the verdict rests on has its highest score.
    expect(slider).to_have_attribute(
        "aria-valuetext", "3.0 s, sampled frame 2 of 4: Face 1 90 %, Face 2 10 %, Face 3 10 %"
    )
    slider.focus()
    for key, words in [
        ("ArrowRight", "5.0 s, sampled frame 3 of 4: Face 1 not scored"),
        ("End", "7.0 s, sampled frame 4 of 4: Face 1 40 %"),
        ("ArrowRight", "7.0 s, sampled frame 4 of 4"),
        ("Home", "1.0 s, sampled frame 1 of 4: Face 1 20 %"),
    ]:
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuetext", re.compile(re.escape(words)))
        expect(page.locator(".caption")).to_contain_text(words)
    expect(page.get_by_role("button", name="Earlier")).to_be_disabled()
    page.get_by_role("button", name="Later").click()
    expect(page.locator(".frame img")).to_have_attribute("alt", "The frame at 3.0 s with 3 faces marked")
    expect(page.locator(".close-ups figcaption").nth(1)).to_have_text("Heat map: strongest at the lower left")
    assert page.complaints.said == []


def test_all_of_it_works_from_the_keyboard(serve, visit):
    client = serve()
    put(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    page = visit(client.base_url)
    expect(page.locator("#scans a")).to_have_count(1)
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        now = page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()")
        reached.append(now)
        if now.startswith("clip.mp4"):
            page.keyboard.press("Enter")
            expect(page.locator("#result h2")).to_be_focused()
        if now == "Delete":
            break
    assert reached[0] == "Skip to the result"
    for wanted in ("files", "Options", "Later", "Download the report", "Open the report", "Delete"):
        assert wanted in reached
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#scans")).to_be_hidden()
    assert client.get("/v1/scans").json()["items"] == []
    assert page.complaints.said == []


def test_several_dropped_files_become_several_jobs(serve, visit, clip, tmp_path):
    client = serve()
    other = tmp_path / "portrait.jpg"
    portrait().save(other)
    page = visit(client.base_url)
    drop(page, clip, other)
    expect(page.locator("#list li")).to_contain_text(["blended.mp4", "portrait.jpg"])
    expect(page.locator("#list .state")).to_have_text(["in the queue"] * 2)
    finish(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    finish(client, scan("likely_real", 0.1, (0.05, 0.2)))
    expect(page.locator("#list .state")).to_have_text(["likely fake, 90 %", "likely real, 10 %"])
    assert page.complaints.said == []


def test_a_picture_can_be_pasted(serve, visit, tmp_path):
    client = serve()
    page = visit(client.base_url)
    page.evaluate("""() => {
      const carried = new DataTransfer();
      carried.items.add(new File(["x"], "pasted.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true }));
    }""")
    expect(page.locator("#result h2")).to_have_text("pasted.png")
    expect(page.locator("#result .words")).to_have_text("In the queue")
    assert page.complaints.said == []


def test_a_full_queue_is_waited_for(serve, visit, clip):
    client = serve(queue=1)
    waiting = put(client, scan("likely_real", 0.1, (0, 0.2)), state="queued")
    page = visit(client.base_url)
    drop(page, clip)
    expect(page.locator("#result .words")).to_have_text("The server is busy")
    expect(page.locator("#result .progress")).to_contain_text(
        re.compile(r"The queue is full\. Trying again in \d+ second")
    )
    assert client.delete(f"/v1/scans/{waiting}").status_code == 204
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#result .words")).to_have_text("In the queue")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#scans")).to_be_hidden()
    assert client.get("/v1/scans").json()["items"] == []


def test_a_server_with_too_many_connections_is_waited_for(serve, visit, clip):
    client = serve()
    page = visit(client.base_url)
    busy = {
        "status": 503,
        "headers": {"Retry-After": "1"},
        "body": '{"detail": "too many connections are open"}',
    }
    page.route("**/v1/scans", lambda route: route.fulfill(**busy), times=1)
    drop(page, clip)
    expect(page.locator("#result .progress")).to_contain_text(
        "Too many connections are open. Trying again in"
    )
    expect(page.locator("#result .words")).to_have_text("In the queue")


def test_too_large_and_empty_files_are_not_sent(serve, visit, tmp_path, clip):
    client = serve(upload_bytes=1000)
    page = visit(client.base_url)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    page.set_input_files("#files", [clip, empty])
    expect(page.locator("#list li")).to_have_count(2)
    expect(page.locator(".reason")).to_have_text("It is larger than the 1 kB that this server takes.")
    page.locator("#list a").nth(1).click()
    expect(page.locator(".reason")).to_contain_text("It is empty, or a folder.")
    assert client.get("/v1/scans").json()["items"] == []
    assert page.complaints.said == []


def test_without_event_streams_the_page_asks_again_and_again(serve, visit):
    client = serve(streams=1)
    client.app.state.service.streams = 1
    identifier = put(client, scan("likely_fake", 0.9, (0.8, 0.95)), state="running")
    page = visit(f"{client.base_url}/#{identifier}")
    expect(page.locator("#result .words")).to_have_text("Analysing the file, 40 % done")
    store = client.app.state.service.store
    store.fail(identifier, store.get(identifier).claim, "it was enough")
    expect(page.locator(".verdict .words")).to_have_text("Scan failed")


def test_with_keys_one_signs_in_and_out(serve, visit):
    client = serve(keys=True)
    key = client.app.state.service.keys.add("desk")
    page = visit(client.base_url)
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("This server does not know that key.")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Drop files here")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


STATES = {
    "empty": None,
    "fake": scan("likely_fake", 0.93, (0.81, 0.976), scores=(0.99, 0.9, 0.4, None), faces=3),
    "inconclusive": scan("inconclusive", 0.5, (0.3, 0.7)),
    "opinions": several_opinions(),
    "real": scan("likely_real", 0.03, (0.01, 0.07)),
    "no face": without_face(),
    "unreadable": without_score("unreadable", "it ends early"),
    "running": "running",
}


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_axe_finds_no_serious_fault_and_nothing_sticks_out(serve, visit, viewport, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra [dev]")
    client = serve()
    page = visit(client.base_url, viewport, color_scheme=scheme)
    for name, result in STATES.items():
        if result is not None:
            state = "running" if result == "running" else "done"
            identifier = put(client, STATES["real"] if result == "running" else result, state=state)
            page.goto(f"{client.base_url}/#{identifier}")
            page.reload()
            expect(page.locator("#result .words").first).to_be_visible()
            page.evaluate(
                "() => document.querySelectorAll('details').forEach((part) => { part.open = true; })"
            )
        faults = axe.Axe().run(page).response["violations"]
        serious = [
            f"{fault['id']}: {fault['nodes'][0]['html']}"
            for fault in faults
            if fault["impact"] in ("serious", "critical")
        ]
        assert serious == [], name
        width = page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= viewport["width"], name
    assert page.complaints.said == []
