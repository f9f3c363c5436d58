"""The card that every detector carries: what it is, what it was trained on, how it is to be used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonPositiveFloat,
    ValidationError,
    model_validator,
)

from unmask.detectors.errors import DetectorError

SCORING = frozenset({"kind", "slope", "intercept", "within_sd", "between_sd"})
"""The fields of a calibration that scores and intervals depend on."""
_BLOCK = 1 << 24  # Bytes; at each block's end the interpreter is waited for, which other threads keep busy.


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrunkReference(_Part):
    """The frozen trunk that a head stands on: its name, the hash of its file, and which output is used.

    earlier : results of earlier blocks, by their names in the trunk's graph, whose channels stand before the output's.
    tuned : SHA-256 (hex) of ``trunk.npz`` beside the head, norms and biases that take the place of the trunk's own.
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


class Calibration(_Part):
    """Platt's calibration: score = sigmoid(slope * logit + intercept), and the spreads of logits.

    within_sd : of a frame around its video. between_sd : what all frames of a video are off by together.
    prior : share of fakes that the fit counted on, whatever the data's own mix; None where it is not known, and then
    a score gives no likelihood ratio. reals, fakes : videos, or single crops, that it was fitted on.
    log10_lr_bounds : likelihood ratios beyond which these items support nothing.
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


class DataSource(_Part):
    """A data set that the weights were trained or validated on, and its terms."""

    name: str
    terms: str
    use: str = "training"


class Distribution(_Part):
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


class Familiarity(_Part):
    """The file ``familiarity.npz`` beside the weights, by which a face unlike all photographed faces is told.

    sha256 : of the file. trunk : identity of the trunk whose tokens it describes. distances : of photographed faces
    that had no part in its fit.
    """

    sha256: str
    trunk: str
    distances: Distribution


class Quality(_Part):
    """What is known of faces that are hard to judge for a detector.

    reconstruction_error : on real validation faces. gates : for each fitted gate the standard deviations (up, down) of
    its doubt, in calibrated log-odds. fitted_on : the data of that fit. familiarity : None where nothing tells faces
    that are no photographs.
    """

    reconstruction_error: Distribution | None = None
    gates: dict[str, tuple[NonNegativeFloat, NonNegativeFloat]] = {}
    fitted_on: str = ""
    familiarity: Familiarity | None = None


class PromisedRate(_Part):
    """A rate of false positives and the threshold that promises it.

    rate : wished, at most. threshold : on the calibrated score. interval : 90 % interval of the rate itself, given the
    files that it was fixed on.
    """

    rate: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    interval: tuple[float, float]


class Lineage(_Part):
    """What a detector was derived from by ``unmask calibrate``: the same weights, another rule.

    parent, parent_version : as its card has them. parent_card_sha256 : of its card's file. data_sha256 : of the sorted
    lines "path, group, score" of the scored real files, separated by tabs. files : scored real files. groups : of these
    only the highest score counted. fakes : scored fake files of a new calibration, 0 without one. rates : the first is
    that of the card's threshold.
    """

    parent: str
    parent_version: str
    parent_card_sha256: str
    data_sha256: str
    files: int = Field(ge=1)
    groups: int = Field(ge=1)
    fakes: int = Field(default=0, ge=0)
    rates: tuple[PromisedRate, ...]


class Card(_Part):
    """A detector's card; see ``docs/cards.md`` for each field."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    version: str
    description: str
    sha256: str = Field(description="of the file model.onnx")
    licence: str
    crop_profile: str = Field(description="how a face is cut before it is shown to the detector")
    input_size: int = Field(ge=16, description="side of the crop in pixels")
    trunk: TrunkReference | None = None
    mirror: bool = Field(default=False, description="average each crop's logit with its mirror image's")
    threshold: float = Field(ge=0, le=1, description="on the calibrated score")
    band: tuple[float, float] = Field(description="calibrated scores between are inconclusive")
    calibration: Calibration = Calibration()
    quality: Quality | None = Field(default=None, description="missing in cards of 0.1.0")
    tasks: tuple[str, ...] = ()
    families: tuple[str, ...] = Field(
        default=(), description="families of manipulation that it was trained on (docs/evaluation.md)"
    )
    limits: str = ""
    data: tuple[DataSource, ...] = ()
    metrics: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    lineage: Lineage | None = Field(default=None, description="of a detector that `unmask calibrate` derived")

    @model_validator(mode="after")
    def _ordered(self) -> Card:
        if not 0 <= self.band[0] <= self.threshold <= self.band[1] <= 1:
            raise ValueError("needs 0 <= band[0] <= threshold <= band[1] <= 1")
        return self

    @property
    def identity(self) -> str:
        """SHA-256 (hex) over all that a score depends on: weights, trunk, crop profile, calibration."""
        parts = [
            self.sha256,
            self.trunk.identity if self.trunk else "",
            self.crop_profile,
            str(self.mirror),
            self.calibration.model_dump_json(include=set(SCORING)),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_card(folder: Path) -> Card:
    """Read ``card.json`` of an exported detector; DetectorError says in one line what is wrong with it."""
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


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
