"""DeeperForensics-1.0 (Jiang et al., CVPR 2020).

``000_M101`` is the FaceForensics++ recording 000 with the face of actor M101. The actors' own recordings are, by the
authors' word, not the real class: FaceForensics++'s originals at c23 are. They are listed as the split "source".
"""

from __future__ import annotations

from pathlib import Path

from unmask.datasets.layouts.layout import REAL, Layout, Listing, VideoRow, media_below

DATASET = "DeeperForensics-1.0"
SPLITS = ("train", "val", "test")
SOURCE_SPLIT = "source"


def read(root: Path) -> Listing:
    """List fakes by variant, and the actors' recordings; groups are the actors whose face is seen.

    Parameters
    ----------
    root
        Of the dataset.
    """
    split = _splits(root)
    rows = [_fake(path, split) for path in media_below(root, "manipulated_videos")]
    rows += [_recording(path) for path in media_below(root, "source_videos")]
    notes = [
        "the real class is FaceForensics++'s original_sequences/youtube/c23, which this dataset does not carry"
    ]
    if not split:
        notes.append("no split lists (lists/splits/train.txt, val.txt, test.txt): split is empty")
    return Listing(tuple(rows), tuple(notes))


def _fake(path: str, split: dict[str, str]) -> VideoRow:
    target, _, actor = Path(path).stem.partition("_")
    variant = path.split("/")[1]
    return VideoRow(
        path,
        1,
        DATASET,
        variant,
        source=target,
        donor=actor,
        person=actor,
        group=actor or target,
        split=split.get(Path(path).name, ""),
    )


def _recording(path: str) -> VideoRow:
    actor = path.split("/")[1]
    return VideoRow(
        path, 0, DATASET, REAL, source=Path(path).stem, person=actor, group=actor, split=SOURCE_SPLIT
    )


def _splits(root: Path) -> dict[str, str]:
    """Read the split lists, a fake's file name a line; all variants of a fake share its split."""
    split = {}
    for part in SPLITS:
        path = root / "lists" / "splits" / f"{part}.txt"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").split()
            split.update({line.rpartition("/")[2]: part for line in lines})
    return split


LAYOUTS = (Layout("deeperforensics", "DeeperForensics-1.0", (("manipulated_videos",),), read, rank=1),)
