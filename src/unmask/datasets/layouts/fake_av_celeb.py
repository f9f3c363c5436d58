"""FakeAVCeleb (Khalid et al., NeurIPS 2021): four folders by what was changed, and meta_data.csv.

Only faces are judged here, so the label follows the video part: RealVideo-FakeAudio counts as real.
"""

from __future__ import annotations

import csv
from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, media_below

METADATA = "meta_data.csv"
ATTRIBUTES = ("race", "gender")
_FOLDERS = {
    "RealVideo-RealAudio": 0,
    "RealVideo-FakeAudio": 0,
    "FakeVideo-RealAudio": 1,
    "FakeVideo-FakeAudio": 1,
}


def read(root: Path) -> Listing:
    """List the four folders; groups are the persons seen, whose race and gender are attributes. No official split.

    Parameters
    ----------
    root
        Of the dataset.
    """
    about = _metadata(root / METADATA)
    rows = []
    for folder, label in _FOLDERS.items():
        for path in media_below(root, folder):
            rows.append(_row(path, label, about.get(path, {})))
    unknown = sum(row.path not in about for row in rows)
    note = f"{METADATA} does not name {unknown} of {len(rows)} videos: their method is their folder's name"
    return Listing(tuple(rows), (note,) if unknown else ())


def _row(path: str, label: int, about: dict[str, str]) -> VideoRow:
    parts = path.split("/")
    person = about.get("source") or parts[-2]
    clip = Path(path).stem.partition("_")[0]
    donors = [about.get(name, "") for name in ("target1", "target2")]
    return VideoRow(
        path,
        label,
        "FakeAVCeleb",
        (about.get("method") or parts[0]) if label else REAL,
        source=f"{person}/{clip}",
        donor=" ".join(name for name in donors if name not in ("", "-")),
        person=person,
        group=person,
        attributes={name: about.get(name, "").strip() for name in ATTRIBUTES},
    )


def _metadata(path: Path) -> dict[str, dict[str, str]]:
    """Read what is known about each video, by its path from the root.

    The published header names the column of file names "path" and leaves the next, the folder, without a name;
    the folder starts with the dataset's own.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    known = {}
    for cells in rows[1:]:
        file = next((place for place, cell in enumerate(cells) if cell.endswith(".mp4")), None)
        if file is None:
            continue
        name = cells[file].rpartition("/")[2]
        place = (
            cells[file + 1] if len(cells) > file + 1 and cells[file + 1] else cells[file].rpartition("/")[0]
        )
        parts = place.strip("/").split("/")
        start = next((number for number, part in enumerate(parts) if part in _FOLDERS), 0)
        known["/".join([*parts[start:], name])] = dict(zip(rows[0][:file], cells, strict=False))
    return known


LAYOUTS = (Layout("fakeavceleb", "FakeAVCeleb", (("*Video-*Audio",), (METADATA,)), read),)
