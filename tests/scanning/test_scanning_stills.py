"""Images are judged by the detector that a card names for them, videos by the detector itself."""

import pytest
from PIL import Image

from toy_detectors import write_detector
from unmask.batch.identity import scan_key
from unmask.detectors import DetectorError, load_card, load_detector
from unmask.scanning import Scanner, Settings, loading


@pytest.fixture
def pair(tmp_path):
    """A detector, and another one that it names for images."""
    stills = write_detector(tmp_path / "stills", name="for-stills", slope=-0.01, offset=-1.0)
    return write_detector(tmp_path / "films", name="for-films", stills=str(stills))


def test_an_image_and_a_video_each_have_their_detector(pair, toys, finder, make_video, tmp_path):
    picture = toys.draw([((60, 40, 160, 140), toys.RED)])
    Image.fromarray(picture).save(tmp_path / "one.png")
    with Scanner(Settings(str(pair), frames=2), finder=finder) as scanner:
        image = scanner.scan(tmp_path / "one.png")
        video = scanner.scan(make_video([picture] * 4))
        assert scanner.detector.name == "for-films"
    assert (image.detector.name, video.detector.name) == ("for-stills", "for-films")
    assert [one.detector.name for one in image.opinions] == ["for-stills"]
    assert image.score < 0.5 < video.score  # Their logits have opposite signs.
    alone = load_detector(load_card(pair).stills[0])
    assert image.detector.sha256 == alone.card.sha256


@pytest.mark.parametrize(("kind", "loaded"), [("image", ["for-stills"]), ("video", ["for-films"])])
def test_only_the_detector_of_the_files_that_come_first_is_loaded_at_once(pair, monkeypatch, kind, loaded):
    names = []
    load = loading._load_detector
    monkeypatch.setattr(loading, "_load_detector", lambda *given: names.append(load(*given)) or names[-1])
    asked = loading.Loading(str(pair), first_kind=kind).asked[0]
    first = asked.for_kind(kind)[0].detector.result()
    assert [one.name for one in names] == loaded and asked.card.result().name == "for-films"
    for other in ("image", "video", "image"):
        asked.for_kind(other)[0].detector.result()
    assert len(names) == 2 and asked.for_kind(kind)[0].detector.result() is first


def test_a_detector_without_another_one_for_images_is_loaded_once(tmp_path):
    asked = loading.Loading(str(write_detector(tmp_path / "one")), first_kind="image").asked[0]
    assert asked.for_kind("image")[0].detector.result() is asked.for_kind("video")[0].detector.result()


def test_images_may_be_left_to_the_detector_itself(pair, toys, finder, tmp_path):
    Image.fromarray(toys.draw([((60, 40, 160, 140), toys.RED)])).save(tmp_path / "one.png")
    with Scanner(Settings(str(pair), stills=False), finder=finder) as scanner:
        image = scanner.scan(tmp_path / "one.png")
    assert image.detector.name == "for-films" and image.score > 0.5
    card = load_card(pair)
    assert scan_key(card, Settings(stills=False)) != scan_key(card, Settings())
    alone = load_card(write_detector(tmp_path / "alone"))
    assert scan_key(alone, Settings(stills=False)) == scan_key(alone, Settings())


def test_the_maps_of_a_report_are_those_of_the_detector_that_judged(pair, toys, finder, tmp_path):
    Image.fromarray(toys.draw([((60, 40, 160, 140), toys.RED)])).save(tmp_path / "one.png")
    with Scanner(Settings(str(pair), evidence=True), finder=finder) as scanner:
        found = scanner.scan(tmp_path / "one.png")
    assert found.evidence.faces[0].patch_logits.mean() < 0  # Those of the other are above 0.


def test_the_key_of_a_scan_depends_on_the_detector_for_images(pair, tmp_path):
    before = scan_key(load_card(pair), Settings())
    write_detector(tmp_path / "stills", name="for-stills", slope=-0.02, offset=-1.0)
    assert scan_key(load_card(pair), Settings()) != before
    write_detector(tmp_path / "films", name="for-films")
    assert scan_key(load_card(pair), Settings()) != before


def test_a_missing_detector_for_images_is_an_error_of_images_alone(tmp_path, toys, finder, make_video):
    lonely = write_detector(tmp_path / "films", stills="no-such-detector")
    picture = toys.draw([((60, 40, 160, 140), toys.RED)])
    Image.fromarray(picture).save(tmp_path / "one.png")
    with Scanner(Settings(str(lonely), frames=2), finder=finder) as scanner:
        assert scanner.scan(make_video([picture] * 4)).status == "ok"
        with pytest.raises(DetectorError, match="no-such-detector"):
            scanner.scan(tmp_path / "one.png")


def test_the_built_in_detectors_share_one_trunk():
    video = load_detector("jrc", threads=1)
    image = load_detector(video.card.stills[0], threads=1, beside=video)
    assert image.card.name == "jrc-stills" and image._trunk is video._trunk
    assert image.card.question == video.card.question


def test_a_ready_detector_has_its_detector_for_images_too(pair, toys, finder, tmp_path):
    Image.fromarray(toys.draw([((60, 40, 160, 140), toys.RED)])).save(tmp_path / "one.png")
    with Scanner(detector=load_detector(pair), finder=finder) as scanner:
        assert scanner.scan(tmp_path / "one.png").detector.name == "for-stills"


def test_a_detector_that_is_asked_twice_of_an_image_has_one_opinion(pair, toys, finder, make_video, tmp_path):
    picture = toys.draw([((60, 40, 160, 140), toys.RED)])
    Image.fromarray(picture).save(tmp_path / "one.png")
    settings = Settings(str(pair), frames=2, further_detectors=load_card(pair).stills)
    with Scanner(settings, finder=finder) as scanner:
        image, video = scanner.scan(tmp_path / "one.png"), scanner.scan(make_video([picture] * 4))
    assert [one.detector.name for one in image.opinions] == ["for-stills"]
    assert [one.detector.name for one in video.opinions] == ["for-films", "for-stills"]


def test_several_detectors_may_judge_images_in_place_of_one(toys, finder, make_video, tmp_path):
    names = ("manipulated", "generated")
    folders = [write_detector(tmp_path / name, name=name, question=f"face_{name}") for name in names]
    films = write_detector(tmp_path / "films", name="films", stills=[str(folder) for folder in folders])
    picture = toys.draw([((60, 40, 160, 140), toys.RED)])
    Image.fromarray(picture).save(tmp_path / "one.png")
    with Scanner(Settings(str(films), frames=2), finder=finder) as scanner:
        image, video = scanner.scan(tmp_path / "one.png"), scanner.scan(make_video([picture] * 4))
    assert [one.question for one in image.opinions] == ["face_manipulated", "face_generated"]
    assert image.detector.name == "manipulated"
    assert [one.detector.name for one in video.opinions] == ["films"]


def test_a_card_may_name_one_detector_for_images_as_cards_did_before(tmp_path):
    assert load_card(write_detector(tmp_path / "one", stills="jrc-stills")).stills == ("jrc-stills",)
    assert load_card(write_detector(tmp_path / "two", stills=None)).stills == ()
