"""Masks of where a crop was manipulated, as training stores them, and the loss of a map that predicts them."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

MASK_SIDE = 28
"""Cells of a mask on each side."""
WHOLE = 254
"""Stored value of a cell that is manipulated as a whole; 0 where nothing of it is."""
UNKNOWN = 255
"""Stored value of each cell of a fake whose manipulated region is not known."""


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the mean binary cross-entropy over the cells of known masks, a scalar; 0 where all are unknown.

    Parameters
    ----------
    logits
        (N, side, side).
    masks
        (N, side, side) uint8, as stored.
    """
    known = (masks != UNKNOWN).float()
    shares = masks.float().clamp(max=WHOLE) / WHOLE
    errors = F.binary_cross_entropy_with_logits(logits.float(), shares, reduction="none")
    return (errors * known).sum() / known.sum().clamp(min=1.0)
