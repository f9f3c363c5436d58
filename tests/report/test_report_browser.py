"""The report in headless Chromium, from disk and without a network: silent, whole, readable at any width."""

import os
import shutil
from itertools import pairwise

import pytest

from unmask.report.case import CaseData
from unmask.report.file_view import Row
from unmask.report.method_view import AskedQuestion, ErrorRates, MethodView
from unmask.report.page import Particulars, save_report
from unmask.scanning import Settings, scan

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

RATES = ErrorRates(
    "a-set-of-faces", "1,330 real, 1,463 fake", "11.3 % [9.7, 13.1]", "-", "0.954 [0.947, 0.961]"
)
METHOD = MethodView(
    (AskedQuestion("Was a face swapped?", (Row("Weights", "0" * 64, code=True),), (RATES,), ("A note.",)),),
    ("Frames were chosen by time alone.",),
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as tools:
        opened = tools.chromium.launch(executable_path=CHROMIUM, args=options)
        yield opened
        opened.close()


@pytest.fixture
def report(two_faces, detector, finder, tmp_path):
    strange = two_faces.with_name("<img src=x onerror=alert(1)>.mp4") if os.name != "nt" else two_faces
    two_faces.rename(strange)
    result = scan(strange, Settings(evidence=True, frames=6), detector, finder)
    case = CaseData("2026/17 <script>alert(1)</script>", "x" * 200)
    return save_report([result], tmp_path / "report", particulars=Particulars(case, (METHOD,)))


@pytest.fixture
def opened(browser, report):
    """Open the report with given options: the page, its console messages and what it asked for."""
    contexts = []

    def look(**options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page, said, asked = context.new_page(), [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_load_state()
        return page, said, [url for url in asked if not url.startswith("data:")]

    yield look
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_silent_asks_for_nothing_and_shows_every_picture(opened, report, scheme):
    page, said, asked = opened(color_scheme=scheme)
    assert (said, asked) == ([], [report.as_uri()])
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert page.evaluate(broken) == 0 and page.evaluate("document.images.length") > 20
    assert page.locator("svg.timeline").first.is_visible()
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(18, 20, 23)" if scheme == "dark" else "rgb(244, 245, 247)")


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_it_fits_its_window(opened, width):
    page, _, _ = opened(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_screen_reader_hears_what_the_eye_sees(opened):
    page, _, _ = opened()
    unnamed = (
        "[...document.querySelectorAll('svg[role=img]')].filter(s => !s.getAttribute('aria-label')).length"
    )
    assert page.evaluate(unnamed) == 0
    assert page.evaluate("[...document.images].filter(i => !i.alt).length") == 0
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    assert page.evaluate("document.querySelectorAll('table th:not([scope])').length") == 0
    assert page.get_by_role("heading", name="Face 1").count() == 1


def test_it_prints_with_its_numbers_unfolded(opened):
    page, _, _ = opened(color_scheme="dark")
    assert not page.locator("details table").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator("details table").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")
