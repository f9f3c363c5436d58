"""The network of the detector ``sync``: how well the motion of the lips goes with the sound, and at which offset.

Two small towers turn lips and sound into channels at 25 frames a second; the similarity of both over offsets of up to
1.5 s is a curve, and the logit is a linear function of how its values near no offset stand out from the others. Points
of the lips come from a face mesh (`unmask.models.lips`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unmask.models.families.sync import SyncOptions
from unmask.models.lips import CHANNELS
from unmask.models.registry import RecipeSections
from unmask.models.sound import BANDS, MEL_PER_FRAME

REACH = 37
"""Frames: the largest offset in either direction, 1.5 s."""

NEAR = 4
"""Frames: offsets of ordinary encoders, up to 0.16 s, and the finder's and the mesh's own error."""


class SyncNetwork(nn.Module):
    """Compares lips and sound over offsets.

    Parameters
    ----------
    options
        Its sizes.
    """

    def __init__(self, options: SyncOptions) -> None:
        super().__init__()
        self.options = options
        self.lips = _tower(CHANNELS, options, 2 * options.lip_context + 1, 1)
        self.sound = _tower(BANDS // 2, options, 4 * options.sound_context, 2)
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, lips: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as channels (N, width, T) of mean 0 and mean square 1 over a clip.

        Parameters
        ----------
        lips
            (N, CHANNELS, T), see `unmask.models.lips.LipShape`.
        mel
            (N, BANDS, 4 T), see `unmask.models.sound.LogMel`.
        """
        context = self.options.lip_context
        moving = without_trend(lips, self.options.lip_trend)
        moving = moving / (moving.square().mean((1, 2), keepdim=True).sqrt() + 0.01)
        seen = self.lips(F.pad(moving, (context, context), mode="replicate"))
        heard = without_trend(mel, MEL_PER_FRAME * self.options.sound_trend + 1)
        heard = heard / (heard.square().mean((1, 2), keepdim=True).sqrt() + 0.01)
        heard = F.avg_pool2d(heard[:, None], 2)[:, 0]  # Pairs of bands, at 50 a second.
        before = 2 * self.options.sound_context
        heard = self.sound(F.pad(heard, (before, before - 2), mode="replicate"))
        return _standardised(seen), _standardised(heard)


def build(options: SyncOptions, recipe: RecipeSections) -> SyncNetwork:
    """Return the network before it is fitted.

    Parameters
    ----------
    options
        Its sizes.
    recipe
        Not read.
    """
    return SyncNetwork(options)


def _tower(channels: int, options: SyncOptions, kernel: int, stride: int) -> nn.Module:
    hidden, width = options.hidden, options.width
    if not hidden:
        return nn.Conv1d(channels, width, kernel, stride, bias=False)
    stem = nn.Conv1d(channels, hidden, kernel, stride)
    if options.layers:
        blocks = [_AttentionOverTime(hidden, options.heads) for _ in range(options.layers)]
        return nn.Sequential(stem, *blocks, nn.Dropout(0.2), nn.Conv1d(hidden, width, 1))
    return nn.Sequential(
        stem,
        nn.Tanh(),
        nn.Dropout(0.2),
        nn.Conv1d(hidden, width, 3, padding=1, padding_mode="replicate"),
    )


class _AttentionOverTime(nn.Module):
    """A transformer layer (normalised first) over (N, C, T), which looks the less at a frame the farther it is.

    Each head has a slope of its own for the distance in time (Press et al., ICLR 2022), so that a clip may have any
    length and no frame a place of its own.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(channels), nn.LayerNorm(channels)])
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.inner = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Dropout(0.2))
        self.outer = nn.Linear(2 * channels, channels)
        slopes = 2.0 ** -torch.arange(1, heads + 1)
        self.register_buffer("slopes", slopes[:, None, None], persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        rows: Tensor = values.transpose(1, 2)
        count, frames, channels = rows.shape
        parts = self.qkv(self.norms[0](rows)).reshape(count, frames, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        time = torch.arange(frames, device=rows.device)
        nearness = -self.get_buffer("slopes") * (time[:, None] - time).abs()
        weights = (query @ key.transpose(2, 3) / (channels // self.heads) ** 0.5 + nearness).softmax(-1)
        rows = rows + self.out((weights @ value).transpose(1, 2).reshape(count, frames, channels))
        rows = rows + self.outer(self.inner(self.norms[1](rows)))
        return rows.transpose(1, 2)


def without_trend(values: Tensor, window: int) -> Tensor:
    """Subtract a moving average; the ends are continued.

    Parameters
    ----------
    values
        (N, C, T).
    window
        Places of the average, an odd number.
    """
    reach = window // 2
    return values - F.avg_pool1d(F.pad(values, (reach, reach), mode="replicate"), 2 * reach + 1, 1)


def _standardised(channels: Tensor) -> Tensor:
    channels = channels - channels.mean(2, keepdim=True)
    return channels / (channels.square().mean((1, 2), keepdim=True) + 1e-9).sqrt()


def similarity_by_frame(seen: Tensor, heard: Tensor) -> Tensor:
    """Return the similarity of each frame's lips with the sound at each offset, (N, T, 2 REACH + 1).

    Parameters
    ----------
    seen, heard
        (N, width, T). At offset k, frame t is compared with the sound of frame t + k; 0 where there is none.
    """
    frames = seen.shape[2]
    shown = torch.arange(frames, device=seen.device)[:, None] + torch.arange(
        2 * REACH + 1, device=seen.device
    )
    moved = F.pad(heard, (REACH, REACH))[:, :, shown]
    return (moved * seen[..., None]).mean(1)


def similarity(seen: Tensor, heard: Tensor) -> Tensor:
    """Return the mean similarity of lips and sound at each offset, (N, 2 REACH + 1).

    Parameters
    ----------
    seen, heard
        As in `similarity_by_frame`; the mean is over the frames that have a sound at the offset.
    """
    counts = seen.shape[2] - torch.arange(-REACH, REACH + 1, device=seen.device).abs()
    return similarity_by_frame(seen, heard).sum(1) / counts


def statistics_of(curve: Tensor) -> Tensor:
    """Return what the logit is made of: (N, 3) of similarity curves (N, 2 REACH + 1).

    The largest value near no offset; how many standard deviations it stands above the mean of the others; how far it
    stands above the largest of the others.

    Parameters
    ----------
    curve
        Of `similarity`.
    """
    offsets = torch.arange(-REACH, REACH + 1, device=curve.device).abs()
    near, far = curve[:, offsets <= NEAR], curve[:, offsets > NEAR]
    best = near.max(1).values
    spread = (best - far.mean(1)) / (far.std(1, correction=0) + 1e-6)
    return torch.stack([best, spread, best - far.max(1).values], 1)


def contrastive_loss(network: SyncNetwork, seen: Tensor, heard: Tensor, across: float = 0.5) -> Tensor:
    """Return InfoNCE over the shifts within each clip and over the clips of a batch, one loss a clip: (N,).

    Parameters
    ----------
    network
        Whose ``log_scale`` sharpens the similarities.
    seen, heard
        (N, width, T) of clips of different people.
    across
        Weight of the contrast over clips: shifts within a clip are the harder one, which recordings cannot solve.
    """
    scale = network.log_scale.exp()
    offsets = torch.arange(-REACH, REACH + 1, device=seen.device)
    target = torch.exp(-0.5 * offsets.square())
    within = -(F.log_softmax(scale * similarity(seen, heard), 1) * (target / target.sum())).sum(1)
    pairs = scale * torch.einsum("nct,mct->nm", seen, heard) / (seen.shape[1] * seen.shape[2])
    own = torch.arange(len(pairs), device=seen.device)
    between = F.cross_entropy(pairs, own, reduction="none") + F.cross_entropy(pairs.T, own, reduction="none")
    return within + across * between / 2
