"""Judges `SyncNetwork` on people that it was not fitted on: true sound against shifted sound and that of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unmask.models.sync import REACH, SyncNetwork, similarity, statistics_of
from unmask.training.sync import SyncClip

Floats = NDArray[np.float64]

TRUE, SAME_SPEAKER, OTHER_SPEAKER = "true", "same speaker", "other speaker"
SHIFTS = (5, 10, 20, 37)
"""Frames by which sound is shifted: 0.2, 0.4, 0.8 and 1.5 s."""

TOLD = ("0.4 s", "0.8 s", "1.5 s")
"""Shifts that a viewer is disturbed by; ordinary encoders shift sound by up to 0.1 s."""

_HOP = 25
_DRAWS = 200
FRAME_RATE = 25


@dataclass(frozen=True, eq=False)
class Trial:
    """A window with its own sound or with another.

    Parameters
    ----------
    source
        Who is seen.
    kind
        ``true``, a shift in seconds, ``same speaker`` or ``other speaker``.
    frames
        Length of the window.
    statistics
        (3,) float64 of `statistics_of`.
    offset
        Seconds by which the sound is found to lie later than the lips.
    """

    source: str
    kind: str
    frames: int
    statistics: Floats
    offset: float


def windows(clip: SyncClip, others: Sequence[SyncClip], frames: int) -> Iterator[tuple[str, SyncClip]]:
    """Return the windows of a clip, a second apart, each with its own sound and with others.

    Parameters
    ----------
    clip
        At least as long as a window.
    others
        Clips of other speakers.
    frames
        Of a window.
    """
    for number, start in enumerate(range(0, clip.frames - frames + 1, _HOP)):
        window = clip.cut(start, frames)
        yield TRUE, window
        for shift in SHIFTS:
            for moved in (start + shift, start - shift):
                if 0 <= moved <= clip.frames - frames:
                    yield f"{shift / FRAME_RATE:.1f} s", clip.cut(start, frames, moved)
            if clip.frames - frames < shift:  # No room: the sound goes on from its beginning.
                rolled = np.roll(window.mel, -4 * shift, axis=1)
                yield f"{shift / FRAME_RATE:.1f} s", SyncClip(window.lips, rolled, clip.source)
        for moved in range(0, clip.frames - frames + 1, _HOP):
            if abs(moved - start) >= max(frames, 2 * REACH):
                yield SAME_SPEAKER, clip.cut(start, frames, moved)
        long_enough = [other for other in others if other.frames >= frames]
        for step in (0, 7):
            if long_enough:
                other = long_enough[(number + step) % len(long_enough)]
                yield OTHER_SPEAKER, SyncClip(window.lips, other.mel[:, : 4 * frames], clip.source)


@torch.no_grad()
def judge(network: SyncNetwork, kind: str, window: SyncClip) -> Trial:
    """Return what a network makes of one window.

    Parameters
    ----------
    network
        Fitted.
    kind, window
        As `windows` gives them.
    """
    lips, mel = torch.tensor(window.lips)[None], torch.tensor(window.mel)[None]
    curve = similarity(*network(lips, mel))
    statistics = statistics_of(curve)[0].double().numpy()
    offset = (int(curve[0].argmax()) - REACH) / FRAME_RATE
    return Trial(window.source, kind, window.lips.shape[1], statistics, offset)


def judge_left_out(
    training: Sequence[SyncClip],
    judged: Sequence[SyncClip],
    fit_on: Callable[[Sequence[SyncClip]], SyncNetwork],
    whole: SyncNetwork,
    frames: int,
    change: Callable[[SyncClip], SyncClip] = lambda clip: clip,
) -> list[Trial]:
    """Judge the windows of each source with a network that was not fitted on it.

    Parameters
    ----------
    training
        Clips that networks are fitted on.
    judged
        Clips that are judged.
    fit_on
        Returns a network fitted on clips; called for each judged source of which there are training clips.
    whole
        The network fitted on all training clips, which judges the other sources.
    frames
        Of a window; a clip shorter than one is judged whole, down to two thirds of it.
    change
        Makes a judged clip worse.
    """
    fitted = {clip.source for clip in training}
    trials = []
    for source in sorted({clip.source for clip in judged}):
        others = [clip for clip in judged if clip.source != source]
        network = fit_on([clip for clip in training if clip.source != source]) if source in fitted else whole
        for clip in (change(clip) for clip in judged if clip.source == source):
            length = min(frames, clip.frames)
            if 3 * length >= 2 * frames:
                trials += [judge(network, *window) for window in windows(clip, others, length)]
    return trials


def fit_weights(trials: Sequence[Trial]) -> Floats:
    """Fit the log-odds that a sound belongs: three weights of `Trial.statistics`, and a constant, (4,).

    True windows weigh as much as all others together, and each source the same. A shift of 0.2 s is left out.

    Parameters
    ----------
    trials
        Of networks that were not fitted on the sources judged.
    """
    used = [trial for trial in trials if trial.kind != "0.2 s"]
    values = np.array([trial.statistics for trial in used])
    true = np.array([trial.kind == TRUE for trial in used])
    weights = source_weights(used, true)
    scale = values.std(axis=0)
    model = LogisticRegression(C=10.0).fit(values / scale, true, sample_weight=weights * len(used))
    return np.append(model.coef_[0] / scale, model.intercept_[0])


def source_weights(trials: Sequence[Trial], true: NDArray[np.bool_]) -> Floats:
    """Return weights by which each source counts the same within each class, and both classes the same.

    Parameters
    ----------
    trials
        Of any kinds.
    true
        (N,) which of them have their own sound.
    """
    sources = np.array([trial.source for trial in trials])
    weights = np.zeros(len(trials))
    for source in set(sources.tolist()):
        for label in (True, False):
            those = (sources == source) & (true == label)
            weights[those] = 1 / max(1, those.sum())
    for label in (True, False):
        weights[true == label] /= 2 * max(weights[true == label].sum(), 1e-12)
    return weights


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval over sources."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.2f} to {self.high:.2f})"


def auc(trials: Sequence[Trial], weights: Floats, kinds: Sequence[str]) -> Figure:
    """Return the AUC of true windows against those of some kinds, each source counting the same.

    Parameters
    ----------
    trials
        Of one length.
    weights
        (4,) of `fit_weights`.
    kinds
        That true windows are held against.
    """
    used = [trial for trial in trials if trial.kind == TRUE or trial.kind in kinds]
    true = np.array([trial.kind == TRUE for trial in used])
    scores = np.array([trial.statistics @ weights[:3] for trial in used])
    weigh = source_weights(used, true)

    def weighted(counts: Floats) -> float:
        drawn = weigh * counts
        if not drawn[true].any() or not drawn[~true].any():
            return np.nan
        return float(roc_auc_score(true, scores, sample_weight=drawn))

    return _over_sources(used, weighted)


def offset_share(trials: Sequence[Trial], within: float) -> Figure:
    """Return the share of true windows whose offset is found to be 0, each source counting the same.

    Parameters
    ----------
    trials
        Of one length.
    within
        Seconds.
    """
    used = [trial for trial in trials if trial.kind == TRUE]
    found = np.array([abs(trial.offset) <= within + 1e-6 for trial in used], float)
    weigh = source_weights(used, np.ones(len(used), bool))
    return _over_sources(used, lambda counts: float(np.average(found, weights=weigh * counts)))


def _over_sources(trials: Sequence[Trial], figure: Callable[[Floats], float]) -> Figure:
    """Return a figure with the percentiles of a bootstrap over sources; draws without a figure do not count."""
    names = sorted({trial.source for trial in trials})
    places = np.array([names.index(trial.source) for trial in trials])
    random = np.random.default_rng(0)
    draws = []
    for _ in range(_DRAWS):
        counts = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        draws.append(figure(counts[places].astype(float)))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Figure(figure(np.ones(len(trials))), float(low), float(high))
