"""Measure parts of the face: where they lie, whether they follow a face over frames, and know that they are covered.

    python scripts/measure_parts.py DETECTOR SET:FACES [SET:FACES...] --mesh landmarks.npz --cache DIR

Real faces of each set that had no part in the fit (see fit_parts.py) are cut as the detector reads them, once more
moved and scaled at random where the set is no set of videos, and once more with a cover over 25 to 70 % of the face
(`unmask.distortions.faces`). Landmarks are those of MediaPipe's mesh on the face without its cover;
--mesh is the file of a set whose `index_*` say which of its points form a group.

A place is right within a tenth of the face of the part's mean place among the landmarks (in the frame of a similarity
transform of eyes, nose and mouth corners; the mean is the median over the set's faces of this kind). The control is a
filter that always answers at the same place of the crop. A part is covered where its right place lies under the cover.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fit_parts import CHANNELS, Floats, View, as_read, drawn, moved, real_faces

from unmask.datasets.regions import MESH_GROUPS, MESH_SIZE, five_landmarks, landmark_groups
from unmask.detectors import Card, Trunk, load_card, open_trunk_of
from unmask.detectors.mesh import FaceMesh
from unmask.detectors.parts import PARTS_NAME, PartFilters
from unmask.detectors.registry import detector_folder
from unmask.distortions.faces import DEGRADATIONS
from unmask.evaluation.remarks import markdown_table, show
from unmask.faces import PROFILES
from unmask.faces.quality import turn_of
from unmask.gating import LabelledFace, hash_of, read_face
from unmask.statistics.auc import auc_estimate
from unmask.statistics.intervals import (
    Estimate,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)

NEAR = 0.1
TURNED, FRONTAL = 0.25, 0.12
"""Of the measure that the gate "turned away" looks at."""
PLAIN, MOVED, COVERED = "plain", "moved", "covered"


@dataclass(frozen=True, eq=False)
class Views:
    """N views of a set's real faces.

    Parameters
    ----------
    maps
        (N, 196, CHANNELS) float16.
    points
        (N, 122, 2) landmarks, in sides of the view.
    face
        (N,) longer side of the face box, in sides of the view.
    cover
        (N, 4) what is covered (left, top, right, bottom), in sides of the view; NaN for nothing.
    kind
        (N,) `PLAIN`, `MOVED` or `COVERED`.
    name, group, video
        (N,) the face, whom it shows, and its video in which rows follow in order of time.
    """

    maps: npt.NDArray[np.float16]
    points: Floats
    face: Floats
    cover: Floats
    kind: npt.NDArray[np.str_]
    name: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    video: npt.NDArray[np.str_]


def make_views(trunk: Trunk, card: Card, root: Path, number: int, numbers: npt.NDArray[np.int64]) -> Views:
    """Cut the views of a set and compute their maps."""
    crops, mesh = real_faces(root, training=False), FaceMesh(threads=1)
    is_video = any(record.extra.get("video") for record in crops.records)
    rows = []
    for place in range(len(crops)) if is_video else drawn(crops, number):
        face = read_face(crops, place)
        points = mesh_points(mesh, face)[numbers]
        squares = {PLAIN: as_read(face, card), MOVED: moved(face), COVERED: as_read(face, card)}
        for kind in (PLAIN, COVERED) if is_video else (PLAIN, MOVED, COVERED):
            image, cover = covered(face) if kind == COVERED else (face.image, np.full((2, 2), np.nan))
            view = View.of(face, squares[kind], card.input_size, image)
            tokens = trunk.maps(view.crop[None])[0, :, -CHANNELS:].astype(np.float16)
            record = face.record
            names = (kind, record.file, record.group or record.source, record.extra.get("video", ""))
            rows.append(
                (tokens, view.places_of(points), 1 / view.frame[2], view.places_of(cover).ravel(), *names)
            )
            if len(rows) % 200 == 0:
                print(f"{root.name}: {len(rows)} views", flush=True)
    return Views(*(np.array(column) for column in zip(*rows, strict=True)))


def mesh_points(mesh: FaceMesh, face: LabelledFace) -> Floats:
    """Return the mesh (468, 2) of a face in pixels of its image."""
    view = View.of(face, PROFILES["mesh"].square(face.box), PROFILES["mesh"].size)
    left, top, right, _ = view.square
    points: Floats = mesh.points(view.crop[None])[0, :, :2] / len(view.crop) * (right - left) + (left, top)
    return points


def covered(face: LabelledFace) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Return a face's image with a cover, and the cover's corners (2, 2)."""
    image = DEGRADATIONS["covered"](
        face.image, face.box, np.random.default_rng([hash_of(face.record.file), 0])
    )
    rows, columns = np.nonzero((image != face.image).any(2))
    return image, np.array([(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)], np.float64)


def to_face(points: Floats) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """Return the similarity transforms of N faces: a place z of a view lies at (z - middle) * factor on its face."""
    five = np.stack([five_landmarks(each) for each in points])
    usual = np.median(five - five.mean(1, keepdims=True), 0)
    wanted, found = usual @ (1, 1j), five @ (1, 1j)
    middle = found.mean(1)
    found = found - middle[:, None]
    return (wanted * found.conj()).sum(1) / (np.abs(found) ** 2).sum(1), middle


def errors_of(places: Floats, views: Views, rows: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return each place's distance (n, P) from the part's mean place in sides of the face, and that (n, P, 2)."""
    factor, middle = to_face(views.points[rows])
    shown = places @ (1, 1j)
    on_face = (shown - middle[:, None]) * factor[:, None]
    mean = np.median(on_face.real, 0) + 1j * np.median(on_face.imag, 0)
    expected = mean / factor[:, None] + middle[:, None]
    distance = np.abs(shown - expected) / views.face[rows, None]
    return distance.astype(np.float32), np.stack([expected.real, expected.imag], -1).astype(np.float32)


def mean_of(values: npt.NDArray[np.floating], groups: npt.NDArray[np.str_], settings: Settings) -> Estimate:
    """Estimate a mean with its interval, resampling groups."""
    index = cluster_index(groups, len(values))
    if too_few := too_few_clusters(index):
        return estimate(float(values.mean()), None, settings, too_few)
    draws = [counts @ values / counts.sum(1) for counts in item_counts(index, settings)]
    return estimate(float(values.mean()), np.concatenate(draws), settings)


def report(name: str, views: Views, filters: PartFilters, settings: Settings) -> list[str]:
    """Write the tables of one set."""
    answers = np.concatenate(
        [filters.activations(views.maps[start : start + 64]) for start in range(0, len(views.maps), 64)]
    )
    places, visible = filters.places(answers), filters.visible(answers)
    lines: list[str] = []
    expected = np.zeros_like(places)
    for kind in (PLAIN, MOVED):
        rows = views.kind == kind
        if not rows.any():
            continue
        distance, expected[rows] = errors_of(places[rows], views, rows)
        constant = np.broadcast_to(np.median(places[rows], 0), places[rows].shape)
        control, _ = errors_of(constant, views, rows)
        groups = landmark_groups(views.points[rows])
        middles = np.stack(list(groups.values()), 1)
        nearest = np.hypot(*(places[rows][:, :, None] - middles[:, None]).transpose(3, 0, 1, 2)).argmin(2)
        right = np.array(list(groups))[nearest] == np.array(filters.names)
        owners = views.group[rows]
        cells = [
            [
                part,
                show(mean_of(distance[:, k] < NEAR, owners, settings)),
                show(mean_of(control[:, k] < NEAR, owners, settings)),
                show(mean_of(right[:, k], owners, settings)),
            ]
            for k, part in enumerate(filters.names)
        ]
        cells.append(
            [
                "all",
                show(mean_of((distance < NEAR).mean(1), owners, settings)),
                show(mean_of((control < NEAR).mean(1), owners, settings)),
                show(mean_of(right.mean(1), owners, settings)),
            ]
        )
        lines += [f"### {name}, {kind}: {rows.sum()} faces, {len(set(owners))} groups", ""]
        lines += [
            *markdown_table(["part", "within a tenth", "control", "nearest group has its name"], cells),
            "",
        ]
    lines += stability(name, views, places) + covers(name, views, expected, visible, filters.names, settings)
    return lines + turned(name, views, visible)


def stability(name: str, views: Views, places: Floats) -> list[str]:
    """Write how far parts move on a face from one frame of a video to the next, and how far landmarks say they do."""
    rows = views.kind == PLAIN
    shown = places[rows] @ (1, 1j)
    factor, middle = to_face(views.points[rows])
    usual = np.median(1 / np.abs(factor) / views.face[rows])
    on_face = (shown - middle[:, None]) * factor[:, None] * usual
    same = (views.video[rows][1:] == views.video[rows][:-1]) & (views.video[rows][1:] != "")
    if not same.any():
        return []
    moves = np.abs(np.diff(on_face, axis=0))[same]
    table = [[quantile, f"{np.quantile(moves, float(quantile)):.3f}"] for quantile in ("0.5", "0.75", "0.95")]
    return [
        f"### {name}: {same.sum()} pairs of neighbouring frames, {moves.shape[1]} parts",
        "",
        *markdown_table(["quantile", "distance in sides of the face"], table),
        f"within a tenth: {show(mean_of((moves < NEAR).mean(1), views.group[rows][1:][same], Settings()))}",
        "",
    ]


def covers(
    name: str, views: Views, expected: Floats, visible: Floats, names: tuple[str, ...], settings: Settings
) -> list[str]:
    """Write how well confidences tell parts under a cover from the same parts without one."""
    plain = {file: row for row, file in enumerate(views.name) if views.kind[row] == PLAIN}
    worse = np.flatnonzero(views.kind == COVERED)
    same = np.array([plain[file] for file in views.name[worse]])
    left, top, right, bottom = (views.cover[worse, None, side] for side in range(4))
    x, y = expected[same, :, 0], expected[same, :, 1]
    under = (x > left) & (x < right) & (y > top) & (y < bottom)
    owners = views.group[worse]

    def auc(hidden: Floats, shown: Floats, groups: npt.NDArray[np.str_]) -> str:
        labels = np.repeat([1, 0], [len(hidden), len(shown)])
        return show(
            auc_estimate(
                labels,
                -np.concatenate([hidden, shown]).astype(np.float64),
                np.concatenate([groups, groups]),
                settings,
            )
        )

    cells = [
        [
            part,
            f"{under[:, k].sum()}",
            auc(visible[worse][under[:, k], k], visible[same][under[:, k], k], owners[under[:, k]]),
            auc(visible[worse][~under[:, k], k], visible[same][~under[:, k], k], owners[~under[:, k]]),
        ]
        for k, part in enumerate(names)
    ]
    whole = {
        "mean of all parts": visible.mean(1),
        "least of all parts": visible.min(1),
        "parts below 0.05 (number)": -(visible < 0.05).sum(1),
    }
    for text, value in whole.items():
        cells.append([text, f"{len(worse)}", auc(value[worse], value[same], owners), ""])
    headings = [
        "part",
        "covered",
        "AUC: covered against the same, plain",
        "AUC: not covered, on covered faces, against plain",
    ]
    return [f"### {name}, covered: {len(worse)} faces", "", *markdown_table(headings, cells), ""]


def turned(name: str, views: Views, visible: Floats) -> list[str]:
    """Write how well confidences tell faces that are turned to the side from others."""
    plain = np.flatnonzero(views.kind == PLAIN)
    turns = np.array([turn_of(five_landmarks(points).astype(np.float32)) for points in views.points[plain]])
    chosen = (turns >= TURNED) | (turns <= FRONTAL)
    labels, rows = (turns[chosen] >= TURNED).astype(np.int64), plain[chosen]
    cells = [
        [text, show(auc_estimate(labels, -value[rows].astype(np.float64), views.group[rows]))]
        for text, value in {
            "mean of all parts": visible.mean(1),
            "least of all parts": visible.min(1),
        }.items()
    ]
    title = f"### {name}: {labels.sum()} faces turned by {TURNED} and more, {(labels == 0).sum()} by up to {FRONTAL}"
    return [title, "", *markdown_table(["confidence", "AUC: turned"], cells), ""]


def main() -> None:
    """Measure every set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("sets", nargs="+", metavar="SET:FACES")
    parser.add_argument("--mesh", type=Path, required=True, help="landmarks.npz of a set")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the maps")
    parser.add_argument("--filters", type=Path, help="in place of the trunk's own")
    options = parser.parse_args()
    card = load_card(options.detector)
    if card.trunk is None:
        parser.error(f"{card.name} reads no trunk")
    trunk = open_trunk_of(detector_folder(options.detector), card.trunk, threads=1)
    with np.load(options.mesh) as kept:
        numbers = np.concatenate([kept[f"index_{group}"] for group in MESH_GROUPS]).astype(np.int64)
    assert len(numbers) == MESH_SIZE
    with np.load(options.filters or trunk.path.with_name(PARTS_NAME)) as kept:
        filters = PartFilters.of(dict(kept))
    options.cache.mkdir(parents=True, exist_ok=True)
    for each in options.sets:
        root, _, number = each.rpartition(":")
        file = options.cache / f"{Path(root).resolve().name}.npz"
        if not file.is_file():
            views = make_views(trunk, card, Path(root), int(number), numbers)
            np.savez(file, **{name: getattr(views, name) for name in Views.__dataclass_fields__})
        with np.load(file) as kept:
            views = Views(*(kept[name] for name in Views.__dataclass_fields__))
        print("\n".join(report(Path(root).resolve().name, views, filters, Settings())), flush=True)


if __name__ == "__main__":
    main()
