"""The server samples a video as the command does, unless it is told a number, and says how far it has got."""

from dataclasses import replace

import numpy as np
import pytest

from unmask.demo.clips import portrait, with_blended_face, write_clip
from unmask.media.isolated import process as decoding_process
from unmask.scanning import Settings, scan

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from unmask.serve.jobs import Job
from unmask.serve.scan_upload import SCANNING, UploadScanner

JOB = Job("0" * 32, 0, 0.0, 0.0, None, "running", 0.0, 1, "c", None, "clip.mp4", 1, "0" * 64, "jrc", None, False,
          None, None, None, None)  # fmt: skip


@pytest.fixture(scope="module")
def scanner():
    return UploadScanner("jrc", threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "blended.mp4"
    write_clip(path, with_blended_face(portrait()), size=(320, 320), seconds=2.0)
    return path


@pytest.mark.parametrize("frames", [None, 5])
def test_an_upload_is_scanned_as_the_command_scans_a_file(scanner, clip, tmp_path, frames):
    heard = []
    result = scanner(replace(JOB, frames=frames), clip, tmp_path, heard.append)
    own = scan(clip, Settings(frames=frames))
    assert result.coverage == own.coverage
    assert (result.verdict, result.score, result.path) == (own.verdict, own.score, "clip.mp4")
    assert heard == sorted(heard) and heard[0] <= SCANNING / 3 and heard[-1] == SCANNING
    assert len(heard) == result.coverage.frames_sampled + 1
    assert (tmp_path / "pictures.json").is_file()


def test_uploads_share_one_process_that_is_replaced_when_it_dies(scanner, clip, tmp_path, monkeypatch):
    made = []
    begin = decoding_process.DecodingProcess.__init__

    def counted(self, *arguments, **named):
        begin(self, *arguments, **named)
        made.append(self)

    monkeypatch.setattr(decoding_process.DecodingProcess, "__init__", counted)
    scanner.close()
    scores = [scanner(JOB, clip, tmp_path / str(number), lambda share: None).score for number in range(2)]
    assert len(made) == 1
    made[0]._process.kill()
    made[0]._process.wait()
    scores.append(scanner(JOB, clip, tmp_path / "2", lambda share: None).score)
    assert len(made) == 2 and len(set(scores)) == 1


def test_an_error_of_the_scanner_s_own_costs_one_upload(scanner, clip, tmp_path, monkeypatch):
    from unmask.scanning import Scanner

    scan_one = Scanner.scan
    monkeypatch.setattr(Scanner, "scan", lambda self, *arguments: self.close() or scan_one(self, *arguments))
    with pytest.raises(RuntimeError):
        scanner(JOB, clip, tmp_path, lambda share: None)
    monkeypatch.setattr(Scanner, "scan", scan_one)
    assert scanner(JOB, clip, tmp_path, lambda share: None).status == "ok"


def test_what_has_no_face_is_searched_in_every_planned_pass(scanner, make_video, tmp_path):
    clip = make_video([np.full((240, 320, 3), 90 + i, np.uint8) for i in range(24)])
    heard = []
    result = scanner(JOB, clip, tmp_path, heard.append)
    assert (result.status, result.coverage.frames_sampled) == ("no_face", 12)
    assert len(set(heard)) == 12
