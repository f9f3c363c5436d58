"""Trains the detector ``sync`` from unlabelled talking faces: its linear towers in closed form, then by contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unmask.models.families.sync import SyncOptions
from unmask.models.sync import REACH, SyncNetwork, contrastive_loss, similarity
from unmask.training.module import make_optimiser
from unmask.training.recipes import OptimiserOptions

Floats = NDArray[np.float64]
_FARTHEST = 8  # Frames that the sound of a training clip may be off.


@dataclass(frozen=True, eq=False)
class SyncClip:
    """Lips and sound of one clip.

    Parameters
    ----------
    lips
        (CHANNELS, T) float32, see `unmask.models.lips.LipShape`.
    mel
        (BANDS, 4 T) float32, see `unmask.models.sound.LogMel`.
    source
        Who speaks, or what recording it is of: such clips stay on one side of a split and weigh as one.
    """

    lips: NDArray[np.float32]
    mel: NDArray[np.float32]
    source: str

    @property
    def frames(self) -> int:
        """Number of frames."""
        return int(self.lips.shape[1])

    def cut(self, start: int, frames: int, sound_start: int | None = None) -> SyncClip:
        """Return a part of the clip, with the sound of another part.

        Parameters
        ----------
        start, frames
            Of the part, in frames.
        sound_start
            Of the sound, in frames; that of the part when left out.
        """
        heard = 4 * (start if sound_start is None else sound_start)
        return SyncClip(
            self.lips[:, start : start + frames], self.mel[:, heard : heard + 4 * frames], self.source
        )


def fit(
    clips: Sequence[SyncClip],
    options: SyncOptions,
    optimiser: OptimiserOptions = OptimiserOptions(),  # noqa: B008 - a frozen value
    seed: int = 0,
) -> SyncNetwork:
    """Return a fitted network in evaluation mode.

    Parameters
    ----------
    clips
        Of at least two sources, which weigh the same.
    options
        Of the network and its fit.
    optimiser
        Of the contrast, where the towers have a hidden layer.
    seed
        Of the draws.
    """
    torch.manual_seed(seed)
    network = SyncNetwork(options)
    linear = (
        network if not options.hidden else SyncNetwork(options.model_copy(update={"hidden": 0, "layers": 0}))
    )
    if not options.hidden or options.alignments:
        _fit_linear(linear, clips, options.ridge)
    for _ in range(options.alignments):
        clips = [moved for clip in clips if (moved := _aligned(linear, clip)) is not None] or clips
        _fit_linear(linear, clips, options.ridge)
    if options.hidden:
        _fit_by_contrast(network, clips, optimiser, seed)
    return network.eval()


def weights_of(clips: Sequence[SyncClip]) -> list[float]:
    """Return what a frame of each clip weighs: with more frames of a source each less, by the root of their number.

    Parameters
    ----------
    clips
        Of all sources.
    """
    frames: dict[str, int] = {}
    for clip in clips:
        frames[clip.source] = frames.get(clip.source, 0) + clip.frames
    return [1 / frames[clip.source] ** 0.5 for clip in clips]


def _fit_linear(network: SyncNetwork, clips: Sequence[SyncClip], ridge: float) -> None:
    """Set the towers to the canonical correlation analysis (Hotelling 1936) of what they read."""
    read = [_read_by_towers(network, clip) for clip in clips]
    weights = weights_of(clips)
    total = sum(weight * len(seen) for weight, (seen, _) in zip(weights, read, strict=True))
    seen_seen, heard_heard, seen_heard = (
        sum(weight * pair[a].T @ pair[b] for weight, pair in zip(weights, read, strict=True)) / total
        for a, b in ((0, 0), (1, 1), (0, 1))
    )
    whitened = [_inverse_root(matrix, ridge) for matrix in (seen_seen, heard_heard)]
    left, strengths, right = np.linalg.svd(whitened[0] @ seen_heard @ whitened[1])
    width = network.options.width
    scale = np.sqrt(strengths[:width])
    for tower, rows in (
        (network.lips, (whitened[0] @ left[:, :width] * scale).T),
        (network.sound, (whitened[1] @ right[:width].T * scale).T),
    ):
        assert isinstance(tower, nn.Conv1d)
        weight = rows.reshape(width, tower.in_channels, tower.kernel_size[0])
        tower.weight.data = torch.tensor(weight, dtype=torch.float32)


@torch.no_grad()
def _aligned(network: SyncNetwork, clip: SyncClip) -> SyncClip | None:
    """Return a clip with its sound moved to the offset at which it fits best; None where that lies far off."""
    curve = similarity(*network(torch.tensor(clip.lips)[None], torch.tensor(clip.mel)[None]))
    offset = int(curve.argmax()) - REACH
    if abs(offset) > _FARTHEST:
        return None
    return clip.cut(max(0, -offset), clip.frames - abs(offset), max(0, offset))


def _inverse_root(matrix: Floats, ridge: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors / np.sqrt(np.maximum(values, 0) + ridge)) @ vectors.T
    return root


def _read_by_towers(network: SyncNetwork, clip: SyncClip) -> tuple[Floats, Floats]:
    """Return what each tower's kernel covers at each frame, (T, channels x kernel)."""
    covered: list[Tensor] = []
    hooks = [
        tower.register_forward_pre_hook(lambda _, inputs: covered.append(inputs[0]))
        for tower in (network.lips, network.sound)
    ]
    with torch.no_grad():
        network(torch.tensor(clip.lips)[None], torch.tensor(clip.mel)[None])
    for hook in hooks:
        hook.remove()
    rows = []
    for tower, inputs in zip((network.lips, network.sound), covered, strict=True):
        assert isinstance(tower, nn.Conv1d)
        parts = inputs[0].unfold(1, tower.kernel_size[0], tower.stride[0])  # (C, T, kernel)
        rows.append(parts.permute(1, 0, 2).flatten(1).double().numpy())
    return rows[0], rows[1]


def _fit_by_contrast(
    network: SyncNetwork, clips: Sequence[SyncClip], options: OptimiserOptions, seed: int
) -> None:
    """Train on parts of clips, each of another source, against shifts within a part and the parts of others."""
    random = np.random.default_rng(seed)
    frames = network.options.frames
    sources: dict[str, list[SyncClip]] = {}
    for clip in clips:
        if clip.frames >= frames // 2:
            sources.setdefault(clip.source, []).append(clip)
    optimiser, schedule = make_optimiser(network, options)
    network.train()
    for _ in range(options.steps):
        names = random.permutation(sorted(sources))[: options.batch_size]
        chosen = [sources[name][random.integers(len(sources[name]))] for name in names]
        pairs = [_augmented(clip, frames, random) for clip in chosen]
        lips = torch.tensor(np.stack([lips for lips, _ in pairs]))
        mel = torch.tensor(np.stack([mel for _, mel in pairs]))
        loss = contrastive_loss(network, *network(lips, mel)).mean()
        optimiser.zero_grad()
        loss.backward()
        if options.clip:
            nn.utils.clip_grad_norm_(network.parameters(), options.clip)
        optimiser.step()
        schedule.step()


def _augmented(
    clip: SyncClip, frames: int, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a part of a clip at another speed, with noise on the lips and another timbre of the sound."""
    speed = np.exp(random.uniform(-0.15, 0.15))
    start = random.uniform(0, max(0.0, clip.frames - 1 - frames * speed))
    lips = _resampled(clip.lips, start, speed, frames)
    mel = _resampled(clip.mel, 4 * start, speed, 4 * frames)
    lips = lips + random.normal(0, random.uniform(0, 0.01), lips.shape)
    floor = np.quantile(mel, random.uniform(0, 0.4))  # Noise drowns what is quieter.
    mel = (
        np.logaddexp(mel, floor)
        + np.linspace(random.uniform(-1, 1), random.uniform(-1, 1), len(mel))[:, None]
    )
    return lips.astype(np.float32), mel.astype(np.float32)


def _resampled(rows: NDArray[np.float32], start: float, speed: float, count: int) -> Floats:
    """Interpolate (C, T) linearly at start, start + speed and so on; a clip that ends goes on from its beginning."""
    places = (start + speed * np.arange(count)) % (rows.shape[1] - 1)
    before = places.astype(int)
    share = places - before
    mixed: Floats = rows[:, before] * (1 - share) + rows[:, before + 1] * share
    return mixed
