"""A detector that was shown a few examples of a kind of manipulation: further prototypes, new card, same weights."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.detectors import Card, DetectorError, EnrolledKind, KnownKinds, file_sha256, load_card
from unmask.detectors.prototypes import PROTOTYPES_NAME, Floats, Prototypes, prototypes_of
from unmask.detectors.registry import detector_folder, user_detectors
from unmask.gating.recalibration import CARD, link_or_copy, write_card
from unmask.media import MediaError
from unmask.scanning import Scanner
from unmask.scanning.opinions import Answer

SUFFIX = "-enrolled"
LEAST_EXAMPLES = 5
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class EnrolmentError(ValueError):
    """A kind cannot be enrolled or removed; the message is one line."""


@dataclass(frozen=True)
class Examples:
    """Faces of one kind of manipulation.

    Parameters
    ----------
    features
        (N, K), one of each file that has a face.
    unused
        Names of files without a face, or that cannot be read.
    """

    features: Floats
    unused: tuple[str, ...]


def read_examples(
    files: Sequence[Path], scanner: Scanner, progress: Callable[[str, int, int], None]
) -> Examples:
    """Find the largest face of each file, as scans do, and return the features of these faces.

    Parameters
    ----------
    files
        Images and videos.
    scanner
        With the detector that is to know the kind.
    progress
        Called with what is counted, files done and files in all.
    """
    features: list[Floats] = []
    unused: list[str] = []
    for number, path in enumerate(files):
        progress("examples", number, len(files))
        try:
            feature = _feature(scanner.answers(path)[0])
        except MediaError:
            feature = None
        if feature is None:
            unused.append(str(path))
        else:
            features.append(feature)
    progress("examples", len(files), len(files))
    return Examples(np.array(features, np.float32), tuple(unused))


def _feature(answer: Answer) -> Floats | None:
    """Return the mean feature (K,) of the face that fills most of the sampled frames."""
    sizes = [sum(_area(unit.place.box) for unit in subject.units) for subject in answer.subjects]
    if not sizes:
        return None
    scored = answer.scored[int(np.argmax(sizes))]
    features = [
        one.prediction.features for one in scored if one.prediction and one.prediction.features is not None
    ]
    return np.concatenate(features).mean(axis=0) if features else None


def _area(box: tuple[float, float, float, float] | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def enrolled_folder(detector: str) -> Path:
    """Return where the detector lies that knows what is enrolled for a detector, whether or not it is there yet.

    Parameters
    ----------
    detector
        Name or folder; that of an enrolled one is its own.
    """
    return user_detectors() / (load_card(detector).name.removesuffix(SUFFIX) + SUFFIX)


def with_stills(detector: str) -> list[str]:
    """Return a detector and those that judge images in its place and tell kinds of manipulation apart.

    Parameters
    ----------
    detector
        Name or folder.
    """
    return [detector, *(name for name in load_card(detector).stills if load_card(name).kinds)]


def check_kind(detector: str, name: str) -> None:
    """Check that a kind of this name can be enrolled for a detector.

    Parameters
    ----------
    detector
        Name or folder of one that tells kinds of manipulation apart.
    name
        Of the kind.

    Raises
    ------
    EnrolmentError
        The name cannot be used.
    DetectorError
        The detector tells no kinds apart.
    """
    if not _NAME.fullmatch(name):
        raise EnrolmentError(
            f"a name is of small letters, digits, dots, hyphens and underscores, not {name!r}"
        )
    card, _, prototypes = _known(detector)
    if name in prototypes.names[: prototypes.families]:
        raise EnrolmentError(f"{card.name} knows {name} already; choose another name")


def enrol(detector: str, name: str, examples: Examples) -> Card:
    """Make a kind known to a detector and return its card; the kind's former examples are forgotten.

    Parameters
    ----------
    detector
        Name or folder of one that tells kinds of manipulation apart.
    name
        Of the kind.
    examples
        In the space of the detector's prototypes.

    Raises
    ------
    EnrolmentError
        There are too few examples, and as of `check_kind`.
    DetectorError
        As of `check_kind`.
    """
    count = len(examples.features)
    if count < LEAST_EXAMPLES:
        raise EnrolmentError(
            f"{count} of {count + len(examples.unused)} files have a usable face; "
            f"a kind needs at least {LEAST_EXAMPLES}"
        )
    check_kind(detector, name)
    card, kinds, prototypes = _known(detector)
    others = tuple(one for one in kinds.enrolled if one.name != name)
    prototypes = prototypes.with_kind(name, examples.features)
    own = EnrolledKind(name=name, faces=count, separation=round(float(prototypes.separations[-1]), 2))
    return _write(detector, card, kinds.model_copy(update={"enrolled": (*others, own)}), prototypes)


def remove(detector: str, name: str) -> None:
    """Make a detector forget a kind; one without any is deleted.

    Parameters
    ----------
    detector
        As for `enrol`.
    name
        Of the kind.

    Raises
    ------
    EnrolmentError
        No such kind is enrolled.
    """
    card, kinds, prototypes = _known(detector)
    others = tuple(one for one in kinds.enrolled if one.name != name)
    if len(others) == len(kinds.enrolled):
        known = ", ".join(one.name for one in kinds.enrolled) or "none"
        raise EnrolmentError(
            f"{name!r} is not enrolled for {card.name.removesuffix(SUFFIX)}; enrolled: {known}"
        )
    if not others:
        shutil.rmtree(enrolled_folder(detector))
        return
    _write(detector, card, kinds.model_copy(update={"enrolled": others}), prototypes.without(name))


def _known(detector: str) -> tuple[Card, KnownKinds, Prototypes]:
    """Return the card and the prototypes of the enrolled detector, where there is one, else of the detector itself."""
    folder = enrolled_folder(detector)
    folder = folder if (folder / CARD).is_file() else detector_folder(detector)
    card = load_card(folder)
    if card.kinds is None:
        raise DetectorError(f"{card.name} tells no kinds of manipulation apart, so none can be enrolled")
    return card, card.kinds, prototypes_of(folder, card)


def _write(detector: str, card: Card, kinds: KnownKinds, prototypes: Prototypes) -> Card:
    """Write the enrolled detector, its card last; other files are hard links to the detector's where these can be."""
    parent, out = detector_folder(detector), enrolled_folder(detector)
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(path for path in parent.iterdir() if path.is_file()):
        if file.name not in (CARD, PROTOTYPES_NAME) and parent != out:
            link_or_copy(file, out / file.name)
    prototypes.save(out / PROTOTYPES_NAME)
    changes = {
        "name": out.name,
        "kinds": kinds.model_copy(update={"sha256": file_sha256(out / PROTOTYPES_NAME)}),
        "stills": tuple(enrolled_folder(one).name if load_card(one).kinds else one for one in card.stills),
        "metrics": {},  # Measured without what is enrolled.
    }
    return write_card(out, Card.model_validate({**dict(card), **changes}))


def enrolled_kinds(detector: str) -> tuple[EnrolledKind, ...]:
    """Return what is enrolled for a detector, in the order in which it was.

    Parameters
    ----------
    detector
        As for `enrol`.
    """
    folder = enrolled_folder(detector)
    kinds = load_card(folder).kinds if (folder / CARD).is_file() else None
    return kinds.enrolled if kinds else ()
