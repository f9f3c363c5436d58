"""Shape of the lips from the points of MediaPipe's face mesh, in the face's own frame: pose and size drop out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

POINTS = 468
MESH_SIDE = 192

_EYE_LEFT, _EYE_RIGHT, _BRIDGE, _NOSE_BASE = 33, 263, 168, 2
_NOSE = (2, 98, 327)
_CORNERS = (61, 291)
_DISTANCES = ((13, 14), (82, 87), (312, 317), (78, 308), _CORNERS, (0, 17), (37, 84), (267, 314))
"""Opening of the inner lips at three places, inner and outer width, opening of the outer lips at three places."""
_HEIGHTS = (0, 17, 152, 13, 14)  # Upper lip, lower lip, chin, and the lips' inner edges.
_DEPTHS = (0, 17)

OPENING = 0
"""The channel that is the opening of the mouth."""

RATE = 12.5
"""Frames a second on which points are found; between them the shape is interpolated (`doubled`)."""

CHANNELS = len(_DISTANCES) + len(_HEIGHTS) + len(_DEPTHS) + 1


class LipShape(nn.Module):
    """Turns points of a face mesh (N, T, 468, 3) into the shape of its lips (N, CHANNELS, T).

    Lengths are in distances between the outer eye corners, of which the mean over the clip is taken.
    """

    def forward(self, points: Tensor) -> Tensor:
        """Return the shape: distances, heights below the nose, depths, and the height of the mouth's corners.

        Parameters
        ----------
        points
            x, y and z in pixels of the crop.
        """
        across = points[:, :, _EYE_RIGHT] - points[:, :, _EYE_LEFT]
        lengths = across.square().sum(-1, keepdim=True).sqrt()
        across = across / lengths
        down = points[:, :, _NOSE_BASE] - points[:, :, _BRIDGE]
        down = down - (down * across).sum(-1, keepdim=True) * across
        down = down / down.square().sum(-1, keepdim=True).sqrt()
        forward = _cross(across, down)
        axes = torch.stack([across, down, forward], 2)
        origin = points[:, :, list(_NOSE)].mean(2, keepdim=True)
        scale = lengths.mean(1, keepdim=True)[..., None]
        local = torch.matmul(points - origin, axes.transpose(2, 3)) / scale
        ends = [local[:, :, [pair[end] for pair in _DISTANCES], :2] for end in (0, 1)]
        distances = ((ends[0] - ends[1]).square().sum(-1) + 1e-12).sqrt()
        heights, depths = local[:, :, list(_HEIGHTS), 1], local[:, :, list(_DEPTHS), 2]
        corners = local[:, :, list(_CORNERS), 1].mean(2, keepdim=True)
        return torch.cat([distances, heights, depths, corners], 2).transpose(1, 2)


def doubled(shape: Tensor) -> Tensor:
    """Return a shape at twice the rate, (N, C, 2 T): means of neighbours between, and the last one twice.

    Parameters
    ----------
    shape
        (N, C, T) of `LipShape`.
    """
    following = torch.cat([shape[:, :, 1:], shape[:, :, -1:]], 2)
    return torch.stack([shape, (shape + following) / 2], 3).flatten(2)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    x, y, z = a.unbind(-1)
    u, v, w = b.unbind(-1)
    return torch.stack([y * w - z * v, z * u - x * w, x * v - y * u], -1)
