"""What docs/extending.md says, run. The model family has tests of its own."""

import re
import runpy
from pathlib import Path

import jinja2
import numpy as np
import pytest
from PIL import Image

import unmask
from toy_sets import BrightnessDetector
from toys import RED, SquareFinder, draw, write_video
from unmask.datasets import layouts
from unmask.evaluation import DISTORTIONS, Change, Options, evaluate
from unmask.report.page import _template, page
from unmask.statistics import Settings

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def documented(section, language="python"):
    """Return the code of one section of the page."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)[1]


def run(section, folder):
    """Run the code of a section as a program."""
    program = folder / "program.py"
    program.write_text(documented(section))
    runpy.run_path(str(program))


def test_a_folder_of_card_and_model_is_a_detector(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("A detector", tmp_path)
    crops = np.zeros((2, 64, 64, 3), np.uint8)
    crops[1, ..., 0] = 200
    wanted = 1 / (1 + np.exp(-0.05 * (np.array([0, 200]) - 128)))
    np.testing.assert_allclose(unmask.load_detector("redness").score(crops), wanted, atol=1e-5)
    clip = write_video(tmp_path / "clip.mp4", [draw([((200, 120, 260, 190), RED)])] * 20)
    with unmask.Scanner(detector=unmask.load_detector("redness"), finder=SquareFinder()) as scanner:
        result = scanner.scan(clip)
    assert (result.status, result.detector.name) == ("ok", "redness")
    assert 0 < result.score < 1


def test_a_file_among_the_layouts_is_a_layout(tmp_path, monkeypatch):
    folder = tmp_path / "layouts"
    folder.mkdir()
    (folder / "pairs.py").write_text(documented("A dataset layout"))
    monkeypatch.setattr(layouts, "__path__", [*layouts.__path__, str(folder)])
    monkeypatch.setattr(layouts, "LAYOUTS", layouts._found())
    root = tmp_path / "data"
    for name in ("033/original.mp4", "033/swapped.mp4", "720/original.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert layouts.recognise(root).name == "pairs"
    rows = layouts.list_videos("pairs", root).rows
    assert [(row.path, row.label, row.method, row.group) for row in rows] == [
        ("033/original.mp4", 0, "real", "033"),
        ("033/swapped.mp4", 1, "swapped", "033"),
        ("720/original.mp4", 0, "real", "720"),
    ]
    with pytest.raises(ValueError, match=r"no \*/swapped\.\*"):
        layouts.list_videos("pairs", root / "033")


def test_an_entry_is_a_distortion(tmp_path, monkeypatch):
    for name, distortion in list(DISTORTIONS.items()):  # What the test adds is taken away again.
        monkeypatch.setitem(DISTORTIONS, name, distortion)
    monkeypatch.setitem(DISTORTIONS, "vignette", None)
    run("A distortion", tmp_path)
    white = np.full((31, 41, 3), 255, np.uint8)
    changed = Change(DISTORTIONS["vignette"], 5)(white, 0)
    assert changed[15, 20].tolist() == [255] * 3 and changed[0, 0].tolist() == [0] * 3
    rows = ["file,label,source,split"]
    for number in range(6):
        crop = np.full((48, 48, 3), 90, np.uint8)
        crop[..., 2 * (number % 2)] = 100 + 20 * number
        Image.fromarray(crop).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{('real', 'fake')[number % 2]},{number},test")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    options = Options(intervals=Settings(resamples=100), robustness=True, distortions=("vignette",))
    grid = evaluate(BrightnessDetector(), [tmp_path], options=options).robustness[0]
    assert [cell.value for cell in grid.of("vignette")] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert all(cell.coverage == {"ok": 6} for cell in grid.of("vignette"))


def test_a_template_among_the_sections_is_a_report_section(monkeypatch, two_faces, finder, detector):
    package = jinja2.PackageLoader("unmask.report")
    own = jinja2.DictLoader({"sections/seen.html": documented("A report section", "html")})
    monkeypatch.setattr(jinja2, "PackageLoader", lambda name: jinja2.ChoiceLoader([own, package]))
    with unmask.Scanner(detector=detector, finder=finder) as scanner:
        result = scanner.scan(two_faces)
    _template.cache_clear()
    try:
        text = page([result])
    finally:
        _template.cache_clear()
    heading, judged = text.index("<h3>When each face is seen</h3>"), text.index("<h3>How it was judged</h3>")
    assert text[heading:judged].count("<dt>") == 2 and heading < judged
