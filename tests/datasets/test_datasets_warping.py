import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from unmask.datasets import warping


def test_no_move_is_the_same_picture(face):
    moves = np.zeros((13, 13, 2))
    for upwards in (False, True):
        same = warping.mesh_warp(Image.fromarray(face), moves, upwards=upwards)
        np.testing.assert_array_equal(np.asarray(same), face)


def test_rounding_up_and_down_cancel(face):
    moves = np.full((13, 13, 2), 0.37)
    down, up = (
        np.asarray(warping.mesh_warp(Image.fromarray(face), moves, upwards=upwards), float)
        for upwards in (False, True)
    )
    exact = ndimage.shift(face.astype(float), (-0.37, -0.37, 0), order=1, mode="nearest")
    inner = np.s_[8:-32, 8:-32]
    assert np.abs((down + up) / 2 - exact)[inner].max() <= 1
    assert ((down + up) / 2 - exact)[inner].mean() == pytest.approx(0, abs=0.02)


def test_an_affine_warp_agrees_with_scipy(face):
    centre, shift, scale, angle = np.array([120.0, 140.0]), np.array([4.0, -3.0]), 1.05, 0.05
    smooth = ndimage.gaussian_filter(face.astype(float), (3, 3, 0)).astype(np.uint8)
    moves = warping.affine_moves((256, 256), centre, shift, scale, angle)
    ours = np.asarray(warping.mesh_warp(Image.fromarray(smooth), moves), float)
    # out(p) = in(R^-1 (p - c - t) / s + c), sampled at pixel centres, in row-column order.
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
    swap = turn[::-1, ::-1]
    offset = (centre - turn @ (centre + shift))[::-1] + swap @ [0.5, 0.5] - 0.5
    theirs = np.stack(
        [ndimage.affine_transform(smooth[..., c].astype(float), swap, offset, order=1) for c in range(3)], -1
    )
    inner = slice(30, -30)
    assert np.abs(ours - theirs)[inner, inner].max() < 4
    assert np.abs(ours - theirs)[inner, inner].mean() < 0.6


def test_a_growing_scale_enlarges():
    dot = np.zeros((128, 128, 3), np.uint8)
    dot[54:74, 54:74] = 255
    moves = warping.affine_moves((128, 128), np.array([64.0, 64.0]), np.zeros(2), 1.5)
    assert np.asarray(warping.mesh_warp(Image.fromarray(dot), moves)).sum() / dot.sum() == pytest.approx(
        2.25, rel=0.05
    )


def test_nothing_comes_from_outside_the_picture():
    white = Image.new("RGB", (100, 60), (255, 255, 255))
    moves = np.random.default_rng(0).normal(0, 40, (13, 13, 2))
    assert warping.mesh_warp(white, moves).getextrema() == ((255, 255),) * 3


def test_expressions_move_their_box_only(face):
    box = (80, 150, 180, 220)
    moves = warping.expression_moves(box, 0.16, np.random.default_rng(0))
    assert np.abs(moves[[0, -1]]).max() == 0 and np.abs(moves[:, [0, -1]]).max() == 0
    moved = np.asarray(warping.mesh_warp(Image.fromarray(face), moves, box))
    changed = np.argwhere((moved != face).any(-1))
    assert len(changed) > 500
    assert (changed.min(0) >= [150, 80]).all() and (changed.max(0) < [220, 180]).all()


def test_elastic_moves_have_the_asked_size():
    moves = warping.elastic_moves((256, 256), 3.0, np.random.default_rng(0))
    assert moves.shape == (13, 13, 2)
    assert moves.std() == pytest.approx(3.0)
