from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from toy_faces import mesh_of, picture_of

from unmask.datasets import CropSet, FaceBlender, SelfBlender, SelfBlendOptions, contact_sheet
from unmask.datasets.blending import changed_region, pick
from unmask.datasets.crops import CropStore
from unmask.datasets.manifests import CropRecord
from unmask.datasets.regions import MESH_GROUPS, REGIONS, check_points, five_landmarks, outline, soft_mask

KINDS = ["classic", "expression", "resampled", "smoothed"]


def _only(kind, **options):
    return SelfBlender(SelfBlendOptions(kinds={kind: 1}, **options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("few", [False, True], ids=["mesh", "five"])
def test_nothing_changes_outside_the_mask(face, mesh, kind, few):
    points = five_landmarks(mesh) if few else mesh
    for seed in range(6):
        blend = _only(kind)(face, points, np.random.default_rng(seed))
        outside = blend.mask == 0
        assert outside.mean() > 0.2
        np.testing.assert_array_equal(blend.fake[outside], blend.real[outside])
        assert blend.kind == kind
        assert blend.real.shape == blend.fake.shape == face.shape and blend.fake.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_fakes_differ_from_the_real_by_at_least_what_is_asked(face, mesh, kind):
    for seed in range(6):
        blend = _only(kind)(face, mesh, np.random.default_rng(seed))
        change = np.abs(blend.fake.astype(float) - blend.real)[blend.mask > 0]
        assert 1 < change.mean() < 80


@pytest.mark.parametrize("kind", ["expression", "resampled", "smoothed"])
def test_the_real_image_stays_untouched_but_for_classic_blends(face, mesh, kind):
    blend = _only(kind)(face, mesh, np.random.default_rng(0))
    np.testing.assert_array_equal(blend.real, face)


def test_masks_lie_in_the_picture_and_in_range(face):
    for seed in range(20):
        # A face half outside, as in tight crops.
        blend = SelfBlender()(face, mesh_of(20, 240, 80), np.random.default_rng(seed))
        assert blend.mask.shape == face.shape[:2] and blend.mask.dtype == np.float32
        assert blend.mask.min() >= 0 and blend.mask.max() <= 1


def test_the_changed_region_lies_in_the_mask_where_pixels_changed(face, mesh):
    blend = _only("resampled", blend_ratios=(0.5,))(face, mesh, np.random.default_rng(2))
    region = changed_region(blend)
    assert 0.02 < region.mean() < 0.5 and blend.mask[region].min() >= blend.mask.max() / 2
    assert not changed_region(replace(blend, fake=blend.real)).any()
    halved = blend.fake.copy()
    halved[:, :128] = blend.real[:, :128]
    assert not changed_region(replace(blend, fake=halved))[:, :120].any()


def test_blend_follows_the_ratio(face, mesh):
    for ratio in (0.0, 0.5):
        options = SelfBlendOptions(blend_ratios=(ratio,), least_change=0)
        blend = SelfBlender(options)(face, mesh, np.random.default_rng(1))
        assert blend.mask.max() == pytest.approx(ratio, abs=1 / 255)
    blend = SelfBlender(SelfBlendOptions(blend_ratios=(0.0,)))(face, mesh, np.random.default_rng(1))
    np.testing.assert_array_equal(blend.real, blend.fake)


def test_same_generator_same_blend(face, mesh):
    one, other, third = (SelfBlender()(face, mesh, np.random.default_rng(s)) for s in (7, 7, 8))
    for name in ("real", "fake", "mask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert (one.fake != third.fake).any()


def test_no_black_border_is_blended_in(mesh):
    white = np.full((256, 256, 3), 250, np.uint8)
    for seed in range(20):
        blend = SelfBlender()(white, mesh_of(10, 10, 90), np.random.default_rng(seed))
        assert blend.fake.min() > 150


@pytest.mark.parametrize("points", [np.zeros((7, 2)), np.full((5, 2), np.nan), np.zeros((122, 3))])
def test_wrong_points_are_refused(face, points):
    with pytest.raises(ValueError, match="points must be"):
        SelfBlender()(face, points, np.random.default_rng(0))


def test_options_name_the_wrong_key():
    with pytest.raises(ValidationError, match="kindz"):
        SelfBlendOptions(kindz={})
    with pytest.raises(ValueError, match="positive"):
        pick({"a": 0.0}, np.random.default_rng(0))


def test_weights_decide_how_often_a_kind_is_drawn():
    rng = np.random.default_rng(0)
    drawn = [pick({"a": 3, "b": 1, "c": 0}, rng) for _ in range(2000)]
    assert 0.7 < drawn.count("a") / 2000 < 0.8 and "c" not in drawn


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("few", [False, True], ids=["mesh", "five"])
def test_regions_cover_what_they_are_named_after(mesh, region, few):
    points = check_points(mesh)
    mouth, eyes = points[MESH_GROUPS["lips"]].mean(0), points[MESH_GROUPS["left_eye"]].mean(0)
    polygon = outline(five_landmarks(points) if few else points, region, np.random.default_rng(0))
    filled = np.asarray(soft_mask(polygon, (256, 256), 0)) > 127
    holds = [bool(filled[round(y), round(x)]) for x, y in (mouth, eyes)]
    expected = {"mouth": [True, False], "lower_face": [True, False], "eyes": [False, True]}
    assert holds == expected.get(region, [True, True])
    oval = np.ptp(points[MESH_GROUPS["oval"]], axis=0)
    assert (np.ptp(polygon, axis=0) < 1.35 * oval).all()


def test_softening_keeps_the_half_way_line():
    square = np.array([[64, 64], [192, 64], [192, 192], [64, 192]], float)
    hard = np.asarray(soft_mask(square, (256, 256), 0), float) / 255
    soft = np.asarray(soft_mask(square, (256, 256), 6), float) / 255
    assert abs(soft.sum() / hard.sum() - 1) < 0.02
    assert soft_mask(square, (256, 256), 6, 0.3).getbbox()[0] <= 64
    wide, narrow = (np.asarray(soft_mask(square, (256, 256), 6, level), float).sum() for level in (0.3, 0.7))
    assert wide > hard.sum() * 255 > narrow


class _MemoryStore(CropStore):
    def __init__(self, images):
        self.images = images


class _MemorySet(CropSet):
    def image(self, index):
        return self.store.images[self.records[index].file]

    def select(self, *, where, **_):
        return _MemorySet(self.store, tuple(record for record in self.records if where(record)))


@pytest.fixture
def donors():
    names = [str(i) for i in range(12)]
    meshes = {name: mesh_of(120 + int(name), 130, 50 + int(name)) for name in names}
    store = _MemoryStore({name: picture_of(meshes[name], seed=int(name) + 50) for name in names})
    records = [CropRecord(n, 0, n, group=f"g{int(n) % 3}", points=meshes[n]) for n in names]
    return _MemorySet(store, (*records, CropRecord("bad", 1, "bad", points=meshes["0"])))


def test_other_faces_are_blended_inside_the_mask_only(donors, face, mesh):
    blender = FaceBlender(donors)
    for seed in range(4):
        blend, again = (blender(face, mesh, np.random.default_rng(seed), "g1") for _ in range(2))
        np.testing.assert_array_equal(blend.fake, again.fake)
        np.testing.assert_array_equal(blend.real, face)
        np.testing.assert_array_equal(blend.fake[blend.mask == 0], face[blend.mask == 0])
        assert np.abs(blend.fake.astype(float) - face)[blend.mask > 0.5].mean() > 1


def test_donors_are_real_and_of_another_group(donors, face, mesh):
    only = _MemorySet(donors.store, tuple(r for r in donors.records if r.group in ("g1", "")))
    assert [record.file for record in FaceBlender(only).donors] == ["1", "4", "7", "10"]
    with pytest.raises(ValueError, match="no donor"):
        FaceBlender(only)(face, mesh, np.random.default_rng(0), "g1")


def test_a_face_and_donors_of_different_points_meet_in_five_landmarks(donors, face, mesh):
    few = [replace(record, points=five_landmarks(record.points)) for record in donors.records]
    for donor_records, points in ((donors.records, five_landmarks(mesh)), (few, mesh)):
        blender = FaceBlender(_MemorySet(donors.store, tuple(donor_records)), candidates=4)
        blend = blender(face, points, np.random.default_rng(0), "g1")
        np.testing.assert_array_equal(blend.fake[blend.mask == 0], face[blend.mask == 0])
        assert np.abs(blend.fake.astype(float) - face)[blend.mask > 0.5].mean() > 1


def test_donors_with_a_mesh_go_before_those_with_five_landmarks(donors, face, mesh):
    other = replace(donors.records[0], points=five_landmarks(donors.records[0].points))
    both = FaceBlender(_MemorySet(donors.store, (other, donors.records[2])))
    alone = FaceBlender(_MemorySet(donors.store, (donors.records[2], other)))
    blends = [
        blender(face, mesh, np.random.default_rng(seed)).fake for blender in (both, alone) for seed in (0, 1)
    ]
    np.testing.assert_array_equal(blends[0], blends[2])
    np.testing.assert_array_equal(blends[1], blends[3])


def test_contact_sheets_lay_out_rows():
    red, mask = np.full((4, 6, 3), (255, 0, 0), np.uint8), np.ones((4, 6), np.float32) / 2
    sheet = contact_sheet([red, mask, mask], 2, gap=1)
    assert sheet.shape == (11, 15, 3)
    assert sheet[1, 1].tolist() == [255, 0, 0] and sheet[1, 8].tolist() == [128] * 3
    assert sheet[-2, -2].tolist() == [255] * 3
    with pytest.raises(ValueError, match="one height"):
        contact_sheet([mask, mask.T], 2)
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], 2)
