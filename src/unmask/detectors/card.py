"""The card that every detector carries: what it is, what it was trained on, how it is to be used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import (
    Field,
    FiniteFloat,
    NonNegativeFloat,
    NonPositiveFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from unmask.detectors.derived import KnownKinds, Lineage, PartsOfFace
from unmask.detectors.errors import DetectorError
from unmask.detectors.inputs import CardPart, FaceCrops, InputSpec
from unmask.verdict import PlattScaling

FACE_MANIPULATED = "face_manipulated"
"""The question of every card that names none."""

SCORING = frozenset({"kind", "slope", "intercept", "within_sd", "between_sd"})
"""The fields of a calibration that scores and intervals depend on."""


class TrunkReference(CardPart):
    """The frozen trunk that a head stands on.

    Parameters
    ----------
    name
        Of the trunk.
    sha256
        Of its file, in hex.
    output
        Which output of its graph is used.
    earlier
        Results of earlier blocks, by their names in the trunk's graph, whose channels stand before the output's.
    tuned
        SHA-256 (hex) of ``trunk.npz`` beside the head, norms and biases that take the place of the trunk's own.
    """

    name: str
    sha256: str
    output: str
    earlier: tuple[str, ...] = ()
    tuned: str | None = None

    @property
    def identity(self) -> str:
        """All that a token depends on, in one word."""
        return self.sha256 + self.output + "".join(self.earlier) + (self.tuned or "")


class Calibration(CardPart):
    """Platt scaling, score = sigmoid(slope * logit + intercept), and the spreads of logits.

    Parameters
    ----------
    within_sd
        Standard deviation of a frame's logit around its video's mean.
    between_sd
        Standard deviation of the error that all frames of a video share.
    prior
        Share of fakes that the fit counted on, whatever the data's own mix; None where it is not known, and then a
        score gives no likelihood ratio.
    reals, fakes
        Videos, or single crops, that it was fitted on.
    log10_lr_bounds
        Likelihood ratios beyond which these items support nothing.
    """

    kind: str = "platt"
    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0
    within_sd: float | None = Field(default=None, gt=0)
    between_sd: float | None = Field(default=None, ge=0)
    prior: float | None = Field(default=None, gt=0, lt=1)
    reals: int | None = Field(default=None, ge=1)
    fakes: int | None = Field(default=None, ge=1)
    log10_lr_bounds: tuple[NonPositiveFloat, NonNegativeFloat] | None = None

    def scores(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return the calibrated scores (N,) in [0, 1].

        Parameters
        ----------
        logits
            (N,), raw.
        """
        value = self.slope * np.asarray(logits, np.float64) + self.intercept
        scores: NDArray[np.float64] = 0.5 * (1 + np.tanh(value / 2))
        return scores

    def platt_scaling(self) -> PlattScaling:
        """Return what verdicts use of it; without ``within_sd`` one unit of calibrated log-odds is taken."""
        within = 1 / self.slope if self.within_sd is None else self.within_sd
        return PlattScaling(self.slope, self.intercept, within, self.between_sd or 0.0)


class DataSource(CardPart):
    """A data set that the weights were trained or validated on, and its terms."""

    name: str
    terms: str
    use: str = "training"


class Distribution(CardPart):
    """How a measure is spread over faces: its quantiles by share ("0.99": 99 % are below), how many faces, which sets.

    Shares must hold "0.5" and "0.99", and values rise with them.
    """

    quantiles: dict[str, float]
    faces: int = Field(ge=1)
    sets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rising(self) -> Distribution:
        values = [value for _, value in sorted((float(share), v) for share, v in self.quantiles.items())]
        if not {"0.5", "0.99"} <= set(self.quantiles) or values != sorted(values):
            raise ValueError("needs rising quantiles, 0.5 and 0.99 among them")
        if not self.quantiles["0.5"] < self.quantiles["0.99"]:
            raise ValueError("needs quantiles that differ")
        return self


class Familiarity(CardPart):
    """The file ``familiarity.npz``, by which a face unlike all photographed faces is recognised.

    It lies beside the detector's weights, or beside those of its trunk, where several detectors share it.

    Parameters
    ----------
    sha256
        Of the file.
    trunk
        Identity of the trunk whose tokens it describes.
    distances
        Of photographed faces that had no part in its fit.
    """

    sha256: str
    trunk: str
    distances: Distribution


class LocaliserReference(CardPart):
    """The file ``localiser.onnx``, which maps where a face seems to be blended; no score depends on it.

    It lies beside the detector's weights, or beside those of its trunk, where several detectors share it.

    Parameters
    ----------
    sha256
        Of the file.
    trunk
        Identity of the trunk whose map it reads.
    threshold
        Value from which a cell counts as blended, fixed on training data.
    data
        What it was trained on, and its terms.
    metrics
        Measured on data that had no part in its training.
    """

    sha256: str
    trunk: str
    threshold: float = Field(default=0.5, gt=0, lt=1)
    data: tuple[DataSource, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)


class QualityGate(CardPart):
    """One thing that makes a unit hard to judge, with its limits: `unmask.verdict.Gate` says what each field means."""

    name: str
    measure: str
    starts_at: FiniteFloat
    saturates_at: FiniteFloat
    reject_at: FiniteFloat | None = None
    text: str
    up: NonNegativeFloat = 0.0
    down: NonNegativeFloat = 0.0

    @model_validator(mode="after")
    def _sensible(self) -> QualityGate:
        if self.starts_at == self.saturates_at:
            raise ValueError("starts_at and saturates_at must differ")
        try:
            self.text.format(value=1.0)
        except (LookupError, ValueError, AttributeError):
            raise ValueError("text may hold {value} and nothing else in braces") from None
        return self


class Quality(CardPart):
    """What is known of faces that are hard to judge for a detector.

    Parameters
    ----------
    reconstruction_error
        On real validation faces.
    gates
        For each fitted gate the standard deviations (up, down) of its uncertainty, in calibrated log-odds.
    fitted_on
        The data of that fit.
    familiarity
        None where nothing recognises faces that are no photographs.
    """

    reconstruction_error: Distribution | None = None
    gates: dict[str, tuple[NonNegativeFloat, NonNegativeFloat]] = Field(default_factory=dict)
    fitted_on: str = ""
    familiarity: Familiarity | None = None


class Card(CardPart):
    """A detector's card; see ``docs/cards.md`` for each field."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: str
    description: str
    sha256: str = Field(description="of the file model.onnx")
    licence: str
    question: str = Field(
        default=FACE_MANIPULATED,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="what a high score says of the file",
    )
    input: InputSpec = Field(description="what the detector reads")
    trunk: TrunkReference | None = None
    mirror: bool = Field(default=False, description="average each crop's logit with its mirror image's")
    threshold: float = Field(ge=0, le=1, description="on the calibrated score")
    band: tuple[float, float] = Field(description="calibrated scores between are inconclusive")
    calibration: Calibration = Calibration()
    gates: tuple[QualityGate, ...] | None = Field(
        default=None, description="what makes its units hard to judge; None: the default gates of faces"
    )
    quality: Quality | None = Field(default=None, description="what is known of faces that are hard to judge")
    localiser: LocaliserReference | None = Field(
        default=None, description="what maps where a face seems to be blended, beside the weights"
    )
    parts: PartsOfFace | None = Field(default=None, description="how parts of the face are found on its map")
    stills: tuple[str, ...] = Field(
        default=(), description="names of the installed detectors that judge images in this one's place"
    )
    kinds: KnownKinds | None = Field(default=None, description="which kinds of manipulation it tells apart")
    tasks: tuple[str, ...] = ()
    families: tuple[str, ...] = Field(
        default=(), description="families of manipulation that it was trained on (docs/evaluation.md)"
    )
    limits: str = ""
    data: tuple[DataSource, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    lineage: Lineage | None = Field(default=None, description="of a detector that `unmask calibrate` derived")

    @model_validator(mode="before")
    @classmethod
    def _read_face_crops(cls, values: Any) -> Any:
        """Read ``crop_profile`` and ``input_size``, in place of ``input``, as an input of face crops."""
        former = {"crop_profile": "crop_profile", "input_size": "size"}
        if not isinstance(values, dict) or "input" in values or not former.keys() & values.keys():
            return values
        crops = {new: values[old] for old, new in former.items() if old in values}
        rest = {name: value for name, value in values.items() if name not in former}
        return rest | {"input": {"unit": "face", **crops}}

    @field_validator("stills", mode="before")
    @classmethod
    def _one_or_none(cls, value: Any) -> Any:
        """Read a single name, or none, as cards had them before there could be several."""
        return () if value is None else (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _ordered(self) -> Card:
        if not 0 <= self.band[0] <= self.threshold <= self.band[1] <= 1:
            raise ValueError("needs 0 <= band[0] <= threshold <= band[1] <= 1")
        return self

    @property
    def crop_profile(self) -> str:
        """How a face is cut; empty for a detector that reads no faces."""
        return getattr(self.input, "crop_profile", "")

    @property
    def input_size(self) -> int:
        """Side in pixels of the pictures that are read; 0 for a detector that reads none."""
        return getattr(self.input, "size", 0)

    def face_crops(self) -> FaceCrops:
        """Return the input of a detector of face crops.

        Raises
        ------
        DetectorError
            For a detector that reads something else.
        """
        if not isinstance(self.input, FaceCrops):
            raise DetectorError(
                f"{self.name} reads {self.input.unit}, and this is for detectors of face crops"
            )
        return self.input

    def to_dict(self) -> dict[str, Any]:
        """Return the card as lists of detectors print it: with ``crop_profile`` and ``input_size`` of faces."""
        sizes = {"crop_profile": self.crop_profile, "input_size": self.input_size}
        return self.model_dump(mode="json") | (sizes if self.crop_profile else {})

    @property
    def identity(self) -> str:
        """SHA-256 (hex) over all that a score depends on: weights, trunk, input, calibration."""
        crops = isinstance(self.input, FaceCrops)
        parts = [
            self.sha256,
            self.trunk.identity if self.trunk else "",
            self.crop_profile if crops else self.input.model_dump_json(),
            str(self.mirror),
            self.calibration.model_dump_json(include=set(SCORING)),
        ]
        if isinstance(self.input, FaceCrops) and self.input.smoothing:
            parts.append(self.input.smoothing.model_dump_json())
        if self.kinds and self.kinds.enrolled:
            parts.append(self.kinds.sha256)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_card(folder: Path) -> Card:
    """Read ``card.json`` of an exported detector.

    Parameters
    ----------
    folder
        Of the detector.

    Raises
    ------
    DetectorError
        With one line that says what is wrong with the card.
    """
    try:
        return Card.model_validate(json.loads((folder / "card.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DetectorError(
            f"{folder} holds no card.json: is it a folder that `unmask export` wrote?"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DetectorError(f"{folder / 'card.json'}: {where}: {first['msg']}") from None
    except (ValueError, OSError) as error:
        raise DetectorError(f"{folder / 'card.json'} cannot be read: {error}") from None
