"""The pages: links and anchors lead somewhere, the guide lists every page, and none is too long to read."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
MENTION = re.compile(r"\bdocs/[\w/-]+\.md")
USER_PAGE_LINES, README_LINES = 150, 120
PAGES_OF_CODE = {"extending.md"}
"""Longer, but each of their sections is read by itself."""


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_pages_named_in_code_recipes_and_tests_exist():
    places = [
        path
        for folder in ("src", "recipes", "scripts", "benchmarks", "tests")
        for ending in ("py", "yaml", "html", "js", "json")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    named = {(name, path) for path in places for name in MENTION.findall(path.read_text(encoding="utf-8"))}
    assert named
    assert not [(name, str(path)) for name, path in sorted(named) if not (ROOT / name).is_file()]


@pytest.mark.parametrize(("index", "folder"), [("index.md", DOCS), ("README.md", DOCS / "results")])
def test_each_page_is_listed_in_its_index(index, folder):
    linked = set(LINK.findall((folder / index).read_text(encoding="utf-8")))
    pages = {page.name for page in folder.glob("*.md")} - {index}
    assert pages <= linked


def test_a_page_can_be_read_in_one_sitting():
    lengths = {
        page.name: page.read_text(encoding="utf-8").count("\n")
        for page in DOCS.glob("*.md")
        if page.name not in PAGES_OF_CODE
    }
    assert not {name: lines for name, lines in lengths.items() if lines > USER_PAGE_LINES}
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= README_LINES
