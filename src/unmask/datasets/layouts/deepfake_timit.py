"""DeepfakeTIMIT (Korshunov and Marcel, 2018): fakes alone; their recordings are VidTIMIT's.

``higher_quality/fadg0/sa1-video-fram1.avi`` is fadg0's recording sa1 with the face of fram1.
"""

from __future__ import annotations

from pathlib import Path

from unmask.datasets.layouts.layout import Layout, Listing, VideoRow, connected, media_below

_QUALITIES = ("higher_quality", "lower_quality")


def read(root: Path) -> Listing:
    """List the fakes by quality; groups are persons linked by swaps. There is no official split.

    Parameters
    ----------
    root
        Of the dataset.
    """
    rows = []
    for quality in _QUALITIES:
        for path in media_below(root, quality):
            person = path.split("/")[-2]
            recording, _, donor = Path(path).stem.partition("-video-")
            rows.append((path, quality, f"{person}/{recording}", donor, person))
    group = connected((person, donor or person) for *_, donor, person in rows)
    note = "this dataset holds fakes alone: the real class is VidTIMIT"
    return Listing(
        tuple(
            VideoRow(
                path,
                1,
                "DeepfakeTIMIT",
                quality,
                source=source,
                donor=donor,
                person=person,
                group=group[person],
            )
            for path, quality, source, donor, person in rows
        ),
        (note,),
    )


LAYOUTS = (Layout("deepfake-timit", "DeepfakeTIMIT", (_QUALITIES,), read, rank=1),)
