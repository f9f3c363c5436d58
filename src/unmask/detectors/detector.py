"""A detector: units of what its card says in, logits and measures out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.detectors.card import Card, read_card
from unmask.detectors.errors import DetectorError
from unmask.detectors.explanation import Explanation, error_map
from unmask.detectors.familiarity import MEASURE, ReferenceFaces, read_reference_faces
from unmask.detectors.inputs import Inputs, checked_inputs
from unmask.detectors.localiser import BLEND_MASK, Localiser, find_localiser
from unmask.detectors.parts import FacePart, PartFilters, read_part_filters
from unmask.detectors.prediction import RECONSTRUCTION_ERROR, Floats, Prediction
from unmask.detectors.prototypes import Prototypes, prototypes_of
from unmask.detectors.sessions import open_session
from unmask.detectors.smoothing import smoothed
from unmask.detectors.trunk import Trunk, open_trunk_of
from unmask.faces import PROFILES
from unmask.hashing import file_sha256

Crops = NDArray[np.uint8]
OneUnit = dict[str, NDArray[Any]]

LOGIT, RECONSTRUCTION, PATCH_LOGITS = "logit", "reconstruction", "patch_logits"
NO_MEASURES = frozenset({LOGIT, "score", RECONSTRUCTION, PATCH_LOGITS, BLEND_MASK})
"""Outputs that mean something else; every other output with one value a unit is a measure."""


class Detector:
    """An exported detector, run by ONNX Runtime.

    Thread-safe: several threads may call it at once. A unit's logit does not depend on its batch.

    Parameters
    ----------
    folder
        With ``card.json`` and ``model.onnx``.
    threads
        Operator threads of ONNX Runtime; None for one a core.
    beside
        A detector whose trunk is shared where both read the same one.

    Attributes
    ----------
    card
        What it reads and answers, and how its logits become a verdict.
    measures
        Names of the measures of its predictions.
    prototypes
        Of the kinds of manipulation that it tells apart; None where it tells none.

    Raises
    ------
    DetectorError
        With one line, when the folder holds no detector, or one that cannot be used.
    """

    def __init__(self, folder: Path, threads: int | None = None, beside: Detector | None = None) -> None:
        self.card: Card = read_card(folder)
        profile = self.card.crop_profile
        if profile and profile not in PROFILES:
            raise DetectorError(
                f"{self.card.name} wants crop profile {profile!r}; known are {', '.join(PROFILES)}"
            )
        model = folder / "model.onnx"
        if not model.is_file():
            raise DetectorError(f"{folder} holds no model.onnx")
        if file_sha256(model) != self.card.sha256:
            raise DetectorError(f"{model} is not the file that its card describes: its SHA-256 differs")
        tensors = self.card.input.tensors
        # What is a single picture can be rebuilt and mapped, and read by a trunk.
        self._picture = tensors[0].name if len(tensors) == 1 and len(tensors[0].shape) == 3 else None
        reference = self.card.trunk
        if reference and self._picture is None:
            raise DetectorError(
                f"{self.card.name}: a trunk reads single pictures, not {self.card.input.unit}"
            )
        shared = beside._trunk if beside is not None and beside.card.trunk == reference else None
        self._trunk: Trunk | None = shared
        if shared is not None:
            shared.share()
        if reference and shared is None:
            self._trunk = open_trunk_of(folder, reference, threads)
        self._reference_faces = self._read_reference_faces(folder)
        self.prototypes: Prototypes | None = prototypes_of(folder, self.card) if self.card.kinds else None
        self._localiser = self._find_localiser(folder, threads)
        self._part_filters = self._read_part_filters(folder)
        self._session = open_session(model, threads)
        self._graph_inputs = self._match_inputs(model)
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        if LOGIT not in outputs:
            raise DetectorError(f"{model} has no output named logit, but {', '.join(outputs)}")
        self.has_decoder = self._picture is not None and RECONSTRUCTION in outputs
        self.has_patch_logits = self._picture is not None and PATCH_LOGITS in outputs
        self._has_blend_mask = self._picture is not None and BLEND_MASK in outputs
        self._curves = tuple(
            name
            for name, shape in outputs.items()
            if self._picture is None and name not in NO_MEASURES and len(shape) == 2 and shape[1] != 1
        )
        self._given_measures = tuple(
            name for name, shape in outputs.items() if name not in NO_MEASURES and shape[1:] in ([], [1])
        )
        self.measures = (
            *self._given_measures,
            *([RECONSTRUCTION_ERROR] if self.has_decoder else []),
            *([MEASURE] if self._reference_faces else []),
        )

    def _match_inputs(self, model: Path) -> dict[str, str]:
        """Return the graph's name of each input; the only input of a graph may have any name."""
        given = [one.name for one in self._session.get_inputs()]
        wanted = [tensor.name for tensor in self.card.input.tensors]
        if len(given) == len(wanted) == 1:
            return {wanted[0]: given[0]}
        if set(given) != set(wanted):
            raise DetectorError(f"{model} reads {', '.join(given)}, and its card says {', '.join(wanted)}")
        return {name: name for name in wanted}

    def _read_reference_faces(self, folder: Path) -> ReferenceFaces | None:
        quality, reference = self.card.quality, self.card.trunk
        if quality is None or quality.familiarity is None:
            return None
        if self._trunk is None or reference is None:
            raise DetectorError(f"{self.card.name}: quality.familiarity needs a trunk")
        folders = (folder, self._trunk.path.parent)
        return read_reference_faces(folders, quality.familiarity, reference.identity, self._trunk.channels)

    def _find_localiser(self, folder: Path, threads: int | None) -> Localiser | None:
        card, reference = self.card.localiser, self.card.trunk
        if card is None:
            return None
        if self._trunk is None or reference is None:
            raise DetectorError(f"{self.card.name}: a localiser needs a trunk")
        return find_localiser((folder, self._trunk.path.parent), card, reference.identity, threads)

    def _read_part_filters(self, folder: Path) -> PartFilters | None:
        reference = self.card.trunk
        if self.card.parts is None:
            return None
        if self._trunk is None or reference is None:
            raise DetectorError(f"{self.card.name}: parts needs a trunk")
        folders = (folder, self._trunk.path.parent)
        return read_part_filters(folders, self.card.parts, reference.identity, self._trunk.channels)

    @property
    def draws_curves(self) -> bool:
        """Whether `explain` returns curves over the time of a clip or a window of sound."""
        return bool(self._curves)

    @property
    def name(self) -> str:
        """The detector's name, as in its card."""
        return self.card.name

    def score(self, crops: Crops) -> Floats:
        """Return calibrated scores (N,) float32 in [0, 1].

        Parameters
        ----------
        crops
            (N, H, H, 3) uint8 RGB, in the detector's crop profile.
        """
        return self.card.calibration.scores(self.logits(crops)).astype(np.float32)

    def logits(self, crops: Crops) -> Floats:
        """Return raw logits (N,) float32.

        Parameters
        ----------
        crops
            As for `score`.
        """
        return self.predict({self._only_picture: crops}).logits

    @property
    def _only_picture(self) -> str:
        if self._picture is None:
            raise DetectorError(f"{self.name} reads {self.card.input.unit}, not single pictures")
        return self._picture

    def reconstruct(self, crops: Crops) -> Crops:
        """Return the decoder's reconstruction of crops, (N, h, w, 3) uint8 RGB.

        Parameters
        ----------
        crops
            As for `score`.

        Raises
        ------
        DetectorError
            The detector has no decoder.
        """
        if not self.has_decoder:
            raise DetectorError(f"{self.name} has no decoder")
        units = self._units({self._only_picture: crops})
        rebuilt = [_rebuilt(self._run(self._fed(unit), RECONSTRUCTION)[0]) for unit in units]
        return (
            np.stack([_as_picture(image) for image in rebuilt])
            if rebuilt
            else np.zeros((0, 0, 0, 3), np.uint8)
        )

    def parts(self, crops: Crops) -> list[tuple[FacePart, ...]]:
        """Return the parts of each face, where they lie and whether they can be seen.

        Parameters
        ----------
        crops
            As for `score`.

        Raises
        ------
        DetectorError
            The detector finds no parts.
        """
        if self._part_filters is None:
            raise DetectorError(f"{self.name} finds no parts of faces")
        return [self._parts_on(self._fed(unit)) for unit in self._units({self._only_picture: crops})]

    def _parts_on(self, fed: OneUnit) -> tuple[FacePart, ...]:
        """Return the parts of a face, given what the graph reads of it; none where no filters are installed."""
        return () if self._part_filters is None else self._part_filters.find(next(iter(fed.values()))[0])

    def explain(self, inputs: Inputs) -> list[Explanation]:
        """Map where in its pictures, or when in its clips, an answer comes from; see ``Explanation``.

        Costs as much as scoring. What the exported detector does not give is None or missing.

        Parameters
        ----------
        inputs
            As for `predict`.
        """
        return [self._explained(unit) for unit in self._units(inputs)]

    def _explained(self, unit: OneUnit) -> Explanation:
        if self._curves:
            given = self._run(self._fed(unit), *self._curves)
            return Explanation(curves={name: row[0] for name, row in zip(self._curves, given, strict=True)})
        fed = self._fed(unit)
        outputs = self._maps(fed)
        if self.card.mirror:
            mirrored = self._maps(self._fed(self._mirrored(unit)))
            for name in (PATCH_LOGITS, BLEND_MASK):
                if name in outputs:
                    outputs[name] = (outputs[name] + mirrored[name][..., ::-1]) / np.float32(2)
        rebuilt = _rebuilt(outputs[RECONSTRUCTION]) if self.has_decoder else None
        return Explanation(
            patch_logits=outputs[PATCH_LOGITS][0] if self.has_patch_logits else None,
            blend_mask=outputs[BLEND_MASK][0] if BLEND_MASK in outputs else None,
            reconstruction=None if rebuilt is None else _as_picture(rebuilt),
            error_map=None if rebuilt is None else error_map(unit[self._only_picture], rebuilt),
            parts=self._parts_on(fed),
        )

    def _maps(self, fed: OneUnit) -> dict[str, Floats]:
        """Return what maps one unit, by the names of the outputs, with one unit in each."""
        wanted = [PATCH_LOGITS] * self.has_patch_logits + [RECONSTRUCTION] * self.has_decoder
        wanted += [BLEND_MASK] * self._has_blend_mask
        outputs = dict(zip(wanted, self._run(fed, *wanted), strict=True)) if wanted else {}
        if self._localiser is not None:
            outputs[BLEND_MASK] = self._localiser.mask(next(iter(fed.values())))[None]
        return outputs

    def predict(self, inputs: Inputs) -> Prediction:
        """Score and measure N units.

        Parameters
        ----------
        inputs
            Arrays by the names of the card's ``input`` (`InputSpec`), N units first in each: ``{"crops": (N, H, H, 3)
            uint8 RGB}`` for face crops, which are resized where they are of another side.

        Raises
        ------
        ValueError
            For other names, shapes or types.
        """
        rows = [self._predicted(unit) for unit in self._units(inputs)]
        logits: Floats = np.asarray([logit for logit, _, _ in rows], np.float32)
        measures = {name: np.asarray([row[name] for _, row, _ in rows], np.float32) for name in self.measures}
        if self.prototypes is None:
            return Prediction(logits, measures)
        features = np.asarray([feature for _, _, feature in rows], np.float32)
        return Prediction(logits, measures, features.reshape(len(rows), self.prototypes.points.shape[1]))

    def _predicted(self, unit: OneUnit) -> tuple[float, dict[str, float], Floats | None]:
        """Return the logit, the measures and the feature of one unit."""
        fed = self._fed(unit)
        wanted = [LOGIT, *self._given_measures, *([RECONSTRUCTION] if self.has_decoder else [])]
        outputs = dict(zip(wanted, self._run(fed, *wanted), strict=True))
        logit = float(outputs[LOGIT].reshape(()))
        if self.card.mirror:
            logit = (logit + float(self._run(self._fed(self._mirrored(unit)), LOGIT)[0].reshape(()))) / 2
        measures = {name: float(outputs[name].reshape(())) for name in self._given_measures}
        if self.has_decoder:
            rebuilt = _rebuilt(outputs[RECONSTRUCTION])
            measures[RECONSTRUCTION_ERROR] = float(error_map(unit[self._only_picture], rebuilt).mean())
        if self._reference_faces is not None:
            measures[MEASURE] = self._reference_faces.distance(next(iter(fed.values()))[0])
        if self.prototypes is None:
            return logit, measures, None
        feature = self.prototypes.feature(next(iter(fed.values()))[0])
        if len(self.prototypes.separations):
            calibration = self.card.calibration
            own = np.array([calibration.slope * logit + calibration.intercept])
            (raised,) = self.prototypes.raised(own, feature[None])
            logit = max(logit, float(raised - calibration.intercept) / calibration.slope)
        return logit, measures, feature

    def _units(self, inputs: Inputs) -> Iterator[OneUnit]:
        """Return the units one by one, since batches change the last bits of a logit, noisy crops smoothed."""
        checked = checked_inputs(self.card.input, inputs)
        smoothing = getattr(self.card.input, "smoothing", None)
        for number in range(len(next(iter(checked.values())))):
            unit = {name: array[number] for name, array in checked.items()}
            if smoothing is not None:
                unit = {name: smoothed(crop, smoothing) for name, crop in unit.items()}
            yield unit

    def _mirrored(self, unit: OneUnit) -> OneUnit:
        """Return a unit with its pictures mirrored left to right."""
        pictures = {tensor.name for tensor in self.card.input.tensors if tensor.is_picture}
        return {name: array[..., ::-1, :] if name in pictures else array for name, array in unit.items()}

    def _fed(self, unit: OneUnit) -> OneUnit:
        """Return what the graph reads of a unit, in a batch of one: the trunk's map, or the unit itself."""
        arrays = {name: np.ascontiguousarray(array[None]) for name, array in unit.items()}
        if self._trunk is not None:
            arrays = {name: self._trunk.maps(array) for name, array in arrays.items()}
        return {self._graph_inputs[name]: array for name, array in arrays.items()}

    def _run(self, fed: OneUnit, *outputs: str) -> list[Floats]:
        """Return the named outputs of the graph."""
        given: list[Floats] = self._session.run(outputs, fed)
        return given


def _rebuilt(planes: Floats) -> Floats:
    """(1, 3, h, w) in [0, 1] -> (h, w, 3) in [0, 1]."""
    image: Floats = planes[0].transpose(1, 2, 0)
    return image


def _as_picture(image: Floats) -> Crops:
    picture: Crops = np.rint(image * 255).clip(0, 255).astype(np.uint8)
    return picture
