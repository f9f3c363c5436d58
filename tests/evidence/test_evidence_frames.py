"""Face crops and whole frames: what is cut, where it lies, and what it is about."""

import numpy as np
import pytest
from PIL import Image

from unmask.detectors import FaceCrops, WholeFrames
from unmask.evidence import SearchOptions, extractor_of, find_faces
from unmask.faces import cut, measure, profile
from unmask.media import Frame, MediaInfo, Sampling

CROPS = FaceCrops(crop_profile="tight", size=32)
VIDEO = MediaInfo("video", 320, 240, 10.0)


def frame_of(image, time=0.0, present=None):
    return Frame(0, time, image, present)


def found_in(frame, finder, **options):
    return find_faces(frame, lambda: finder, SearchOptions("thorough", 1e6, **options))


@pytest.fixture
def picture(toys):
    return toys.draw([((20, 40, 80, 110), toys.RED), ((200, 120, 260, 190), toys.BLUE)])


def test_each_face_is_cut_and_measured_where_it_lies(picture, finder):
    frame = frame_of(picture, 1.5)
    found = found_in(frame, finder)
    moment = extractor_of(CROPS).extract([frame], (), [found])
    assert (moment.time, [unit.place.box for unit in moment.units]) == (
        1.5, [(20, 40, 80, 110), (200, 120, 260, 190)],
    )  # fmt: skip
    for unit in moment.units:
        assert unit.place.start == unit.place.end == 1.5
        wanted = cut(picture, unit.place.box, profile("tight"), 32)
        np.testing.assert_array_equal(unit.inputs["crops"], wanted)
        quality = measure(picture, unit.place.box, unit.face.landmarks, 0.9, outside_share=0.0).to_dict()
        np.testing.assert_equal(dict(unit.measures), quality)
    np.testing.assert_array_equal(moment.scene, found.scene)


def test_specks_and_faces_beyond_the_maximum_do_not_count(toys, finder):
    squares = [((10, 10, 40, 40), toys.RED), ((60, 10, 140, 90), toys.BLUE), ((160, 10, 220, 70), toys.BLUE)]
    frame = frame_of(toys.draw(squares))
    found = found_in(frame, finder, faces=2, minimum_face=20.0)
    assert ([one.face.box[0] for one in found.faces], found.left_out) == ([60, 160], 1)
    found = found_in(frame, finder, minimum_face=65.0)
    assert ([one.face.box[0] for one in found.faces], found.left_out) == ([60], 0)


def test_how_much_of_a_face_the_edge_cuts_off_is_measured_on_the_frame(toys, finder):
    picture = toys.draw([((0, 40, 40, 120), toys.RED), ((200, 160, 280, 240), toys.BLUE)])
    found = found_in(frame_of(picture), finder)
    assert [one.quality.outside_share for one in found.faces] == [0.25, 0.0]
    # Where the picture breaks off is no edge of it.
    part = found_in(frame_of(picture, present=(0, 0, 320, 200)), finder)
    assert [one.quality.outside_share for one in part.faces] == [0.25]


def test_a_face_where_the_picture_breaks_off_is_left_out(picture, finder):
    found = found_in(frame_of(picture, present=(0, 0, 320, 150)), finder)
    assert ([one.face.box for one in found.faces], found.halved) == ([(20, 40, 80, 110)], 1)
    found = found_in(frame_of(picture, present=(10, 0, 320, 240)), finder)
    assert [one.face.box[0] for one in found.faces] == [20, 200]  # In pixels of the frame.


def test_a_face_is_one_subject_through_the_frames(toys, finder):
    frames = [
        frame_of(toys.draw([((20 + 8 * n, 40, 80 + 8 * n, 110), toys.RED)]), float(n)) for n in range(4)
    ]
    frames[1] = frame_of(toys.draw([]), 1.0)
    for frame in frames:
        frame.image[:120, 160:], frame.image[120:, 160:] = 100, 160  # A background that stays the same.
    extractor = extractor_of(CROPS)
    moments = [extractor.extract([frame], (), [found_in(frame, finder)]) for frame in frames]
    (subject,) = extractor.subjects(moments)
    assert (subject.kind, subject.id) == ("face", 0)
    assert [unit.place.start for unit in subject.units] == [0, 2, 3]
    assert len(extractor.subjects(moments, cuts={2})) == 2
    assert extractor.subjects([moments[1]]) == []


@pytest.mark.parametrize("spec", [CROPS, WholeFrames(size=16)])
def test_frames_are_those_of_the_scan(spec):
    planned = [Sampling(2, near_keyframes=True), Sampling(12)]
    extractor = extractor_of(spec)
    wanted = [extractor.wants(VIDEO, planned, number) for number in range(3)]
    assert [one and one.frames for one in wanted] == [*planned, None]
    assert all(one.sound is None for one in wanted[:2])


def test_a_whole_frame_is_resized_to_a_square(picture):
    moment = extractor_of(WholeFrames(size=24)).extract([frame_of(picture, 2.0)], ())
    (unit,) = moment.units
    wanted = np.asarray(Image.fromarray(picture).resize((24, 24), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(unit.inputs["frames"].astype(int), wanted, atol=12)
    assert (unit.place.start, unit.place.box, unit.face) == (2.0, None, None)
    assert unit.measures == {"picture_side": 240.0}


def test_the_centre_square_keeps_the_shape_of_things(picture):
    (unit,) = extractor_of(WholeFrames(size=240, fit="centre")).extract([frame_of(picture)], ()).units
    np.testing.assert_array_equal(unit.inputs["frames"], picture[:, 40:280])


def test_tiles_are_pixels_of_the_picture_as_they_are(picture):
    units = extractor_of(WholeFrames(size=100, fit="tiles")).extract([frame_of(picture)], ()).units
    assert [unit.place.box for unit in units] == [
        (x, y, x + 100, y + 100) for y in (20, 120) for x in (10, 110, 210)
    ]
    for unit in units:
        x0, y0, x1, y1 = unit.place.box
        np.testing.assert_array_equal(unit.inputs["frames"], picture[y0:y1, x0:x1])


def test_tiles_of_a_large_picture_are_bounded_and_a_small_one_is_its_centre():
    large = np.zeros((1000, 1000, 3), np.uint8)
    assert len(extractor_of(WholeFrames(size=16, fit="tiles")).extract([frame_of(large)], ()).units) == 16
    small = extractor_of(WholeFrames(size=64, fit="tiles")).extract([frame_of(large[:40, :50])], ()).units
    assert [unit.inputs["frames"].shape for unit in small] == [(64, 64, 3)]


def test_of_a_picture_that_breaks_off_the_decoded_part_is_read(picture):
    frame = frame_of(picture, present=(0, 0, 320, 120))
    (unit,) = extractor_of(WholeFrames(size=120, fit="centre")).extract([frame], ()).units
    np.testing.assert_array_equal(unit.inputs["frames"], picture[:120, 100:220])
    tile = extractor_of(WholeFrames(size=120, fit="tiles")).extract([frame], ()).units[0]
    assert tile.place.box == (40, 0, 160, 120)


def test_the_picture_is_one_subject(picture):
    extractor = extractor_of(WholeFrames(size=100, fit="tiles"))
    moments = [extractor.extract([frame_of(picture, time)], ()) for time in (0.0, 1.0)]
    (subject,) = extractor.subjects(moments)
    assert (subject.kind, len(subject.units)) == ("picture", 12)
    assert extractor.subjects([]) == []
