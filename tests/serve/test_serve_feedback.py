"""Feedback: what is kept of a scan, for whom, how long, and that what is exported can be evaluated."""

import csv
import json
import shlex
import sqlite3
from dataclasses import replace

import pytest
from typer.testing import CliRunner

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from page_site import put, scan, without_score
from sqlalchemy import select

from unmask.cli.main import build, explain
from unmask.demo import portrait
from unmask.detectors import load_card
from unmask.report import ScanResult
from unmask.scanning import detector_info
from unmask.serve import ServeError, ServeSettings
from unmask.serve.database import connect, feedback
from unmask.serve.feedback import Feedback, FeedbackStore, keep_file, kept_file
from unmask.serve.feedback_export import export_feedback
from unmask.serve.files import upload_path
from unmask.serve.jobs import NewJob, new_id, now
from unmask.serve.store import JobStore


def say(client, job, **said):
    return client.post(f"/v1/scans/{job}/feedback", json={"label": "fake", **said})


def put_kept(client, result):
    """Put a finished job whose upload is still there."""
    job = put(client, result)
    upload_path(client.app.state.service.settings, job).write_bytes(b"the file")
    return job


def test_feedback_is_stored_and_a_later_one_replaces_it(serve):
    client = serve()
    job = put(client, scan("likely_real", 0.1, (0.05, 0.2)))
    assert client.get(f"/v1/scans/{job}").json()["feedback"] is None
    first = say(client, job, note=" known swap ")
    assert first.status_code == 200
    assert (first.json()["label"], first.json()["note"], first.json()["kept"]) == (
        "fake",
        "known swap",
        False,
    )
    assert say(client, job, label="unsure").json()["note"] is None
    assert client.get(f"/v1/scans/{job}").json()["feedback"]["label"] == "unsure"
    with client.app.state.service.engine.connect() as connection:
        assert len(connection.execute(select(feedback)).all()) == 1


def test_hashes_and_numbers_are_kept_but_not_the_files_name_nor_its_facts(serve):
    client = serve()
    job = put(client, scan("likely_fake", 0.9, (0.8, 0.95), name="Jane Doe.MP4"))
    say(client, job)
    with client.app.state.service.engine.connect() as connection:
        row = connection.execute(select(feedback)).mappings().one()
    assert "Doe" not in str(dict(row))
    assert (row["verdict"], row["score"], row["detector"], row["weights"]) == (
        "likely_fake",
        0.9,
        "jrc",
        "0" * 64,
    )
    assert row["file"] == f"{row['sha256']}.mp4"
    kept = json.loads(row["result"])
    assert "evidence" not in kept
    assert ScanResult.from_dict(kept).path == row["file"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"label": "swap"},
        {"label": "fake", "note": "a" * 2001},
        {"label": "fake", "note": 1},
        {"label": "fake", "verdict": "x"},
        {"label": "fake", "keep_file": "maybe"},
    ],
)
def test_wrong_feedback_is_refused(serve, body):
    client = serve()
    job = put(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    assert client.post(f"/v1/scans/{job}/feedback", json=body).status_code == 422


def test_characters_that_no_database_takes_make_no_trouble(serve):
    client = serve()
    job = put(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    address = f"/v1/scans/{job}/feedback"
    headers = {"Content-Type": "application/json"}
    for note, status, kept in ((b"a\\u0000b", 200, "ab"), (b"a\\ud800", 422, None)):
        answer = client.post(address, content=b'{"label": "fake", "note": "%s"}' % note, headers=headers)
        assert (answer.status_code, answer.json().get("note")) == (status, kept)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_held_in_memory_is_bounded(serve, chunked):
    client = serve(keys=True)
    body = b'{"key": "' + b"a" * 100_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/session", content=iter([body]) if chunked else body, headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_there_is_no_feedback_on_what_is_not_there_or_not_done(serve, upload):
    client = serve()
    assert say(client, "0" * 32).status_code == 404
    waiting = upload(client, {}).json()["id"]
    assert say(client, waiting).json()["type"] == "urn:unmask:problem:no-result"


def test_a_key_gives_feedback_on_its_own_scans_alone(serve):
    client = serve(keys=True)
    service = client.app.state.service
    tokens = [service.keys.add(name) for name in ("one", "two")]
    job = NewJob(new_id(), "a.mp4", 1, "0" * 64, "jrc", owner=service.keys.id_of("one"))
    assert service.store.add(job, 10)
    claim = service.store.claim("w").claim
    result = scan("likely_fake", 0.9, (0.8, 0.95))
    assert service.store.finish(job.id, claim, json.dumps(result.to_dict()), "ok", "likely_fake", 0.9)
    assert say(client, job.id).status_code == 401
    for token, status in zip(tokens, (200, 404), strict=True):
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.post(f"/v1/scans/{job.id}/feedback", json={"label": "real"}, headers=headers)
        assert answer.status_code == status


def test_the_file_is_kept_only_where_both_sides_say_so(serve, tmp_path):
    client = serve(folder=tmp_path / "a", keep_uploads=True)
    job = put_kept(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    assert say(client, job, keep_file=True).json()["type"] == "urn:unmask:problem:no-files"

    client = serve(folder=tmp_path / "b", keep_uploads=True, feedback_files=True)
    place = lambda job: kept_file(client.app.state.service.settings, job)  # noqa: E731
    job = put_kept(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    assert say(client, job).json()["kept"] is False
    assert not place(job).exists()
    assert say(client, job, keep_file=True).json()["kept"] is True
    assert place(job).read_bytes() == b"the file"
    assert say(client, job).json()["kept"] is False
    assert not place(job).exists()
    gone = put(client, scan("likely_fake", 0.9, (0.8, 0.95)))
    assert say(client, gone, keep_file=True).json()["type"] == "urn:unmask:problem:no-file"
    assert client.get(f"/v1/scans/{gone}").json()["feedback"] is None


def test_files_of_feedback_need_uploads_that_are_kept():
    with pytest.raises(ServeError, match="add --keep-uploads"):
        ServeSettings.checked(feedback_files=True)


def test_feedback_outlives_its_job_but_not_its_deletion(serve):
    client = serve(keep_uploads=True, feedback_files=True)
    service = client.app.state.service
    jobs = [put_kept(client, scan("likely_fake", 0.9, (0.8, 0.95))) for _ in range(2)]
    for job in jobs:
        assert say(client, job, keep_file=True).status_code == 200
    assert client.delete(f"/v1/scans/{jobs[0]}").status_code == 204
    assert not kept_file(service.settings, jobs[0]).exists()
    service.store.remove_finished_before(now() + 1)
    assert [row["job"] for row in service.feedback.rows()] == [jobs[1]]
    assert kept_file(service.settings, jobs[1]).exists()


# The export


@pytest.fixture
def server(database, tmp_path):
    settings = ServeSettings.checked(
        folder=tmp_path / "serve", database=database, keep_uploads=True, feedback_files=True
    )
    settings.uploads.mkdir(parents=True)
    engine = connect(database)
    yield settings, JobStore(engine), FeedbackStore(engine)
    engine.dispose()


def judged(server, label, result, sha256, keep=None, name="a.png"):
    """Add a finished job and feedback on it; keep : the bytes of a file to be kept."""
    settings, store, kept = server
    job = NewJob(new_id(), name, 10, sha256, "jrc")
    assert store.add(job, 1000)
    claim = store.claim("w").claim
    text = json.dumps(result.to_dict())
    assert store.finish(job.id, claim, text, result.status, result.verdict, result.score)
    if keep is not None:
        upload_path(settings, job.id).write_bytes(keep)
        assert keep_file(settings, job.id)
    kept.put(store.get(job.id, whole=True), None, Feedback(label, "because", keep is not None))
    return job.id


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_newest_feedback_on_a_files_bytes_is_exported(server, tmp_path):
    result = scan("likely_fake", 0.9, (0.8, 0.95))
    judged(server, "real", result, "a" * 64)
    judged(server, "fake", result, "a" * 64)
    judged(server, "unsure", result, "b" * 64)
    found = export_feedback(server[2], server[0], tmp_path / "out")
    assert (dict(found.labels), found.kept) == ({"fake": 1, "unsure": 1}, None)
    ((name, folder),) = found.recorded
    assert (name, folder.parent) == ("jrc", tmp_path / "out" / "recorded")
    (row,) = rows_of(folder / "manifest.csv")
    assert (row["path"], row["label"], row["sha256"]) == (f"{'a' * 64}.png", "fake", "a" * 64)
    everything = [json.loads(line) for line in (tmp_path / "out" / "feedback.jsonl").read_text().splitlines()]
    assert [row["label"] for row in everything] == ["real", "fake", "unsure"]
    assert everything[0]["note"] == "because"


def test_results_of_each_detector_and_state_of_it_are_a_set(server, tmp_path):
    result = scan("likely_fake", 0.9, (0.8, 0.95))
    recalibrated = replace(result, detector=replace(result.detector, threshold=0.6))
    other = replace(result, detector=replace(result.detector, name="other/one"))
    for one in (result, recalibrated, other, other):
        judged(server, "fake", one, "a" * 64)
    found = export_feedback(server[2], server[0], tmp_path / "out")
    assert [name for name, _ in found.recorded] == ["jrc", "jrc", "other/one"]
    assert len({folder for _, folder in found.recorded}) == 3
    assert all(len(rows_of(folder / "manifest.csv")) == 1 for _, folder in found.recorded)


def test_an_empty_store_says_so(server, tmp_path):
    with pytest.raises(ServeError, match="no feedback"):
        export_feedback(server[2], server[0], tmp_path / "out")


def png(tmp_path, picture):
    picture.save(tmp_path / "picture.png")
    return (tmp_path / "picture.png").read_bytes()


@pytest.mark.slow
def test_what_is_exported_runs_through_evaluate(server, tmp_path):
    """Both sets: the recorded results of files that are gone, and the files that were kept, scanned anew."""
    jrc = detector_info(load_card("jrc"))
    for number in range(6):
        label = ("real", "fake")[number % 2]
        score = 0.9 if number in (1, 3, 4) else 0.1
        verdict = "likely_fake" if score > 0.5 else "likely_real"
        keep = None
        if number < 2:
            picture = portrait().convert("RGB")
            picture.putpixel((0, 0), (number, 0, 0))
            keep = png(tmp_path, picture)
        result = scan(verdict, score, (score - 0.05, score + 0.05))
        judged(server, label, replace(result, detector=jrc), str(number) * 64, keep)
    judged(server, "real", replace(without_score("unreadable", "broken"), detector=jrc), "f" * 64)
    out = tmp_path / "out"
    run = CliRunner()
    store = server[0].database_url
    exported = run.invoke(build(), ["feedback", store, "--folder", str(server[0].folder), "--out", str(out)])
    assert exported.exit_code == 0, exported.output
    assert "4 real, 3 fake, 0 unsure" in exported.output
    (line,) = [line for line in exported.output.splitlines() if "--scans" in line]
    recorded = run.invoke(build(), [*shlex.split(line)[1:], "--resamples", "100", "--json"])
    assert recorded.exit_code == 0, recorded.output
    (figures,) = json.loads(recorded.stdout)["scans"]
    assert (figures["real"], figures["fake"], figures["statuses"]) == (3, 3, {"ok": 6, "unreadable": 1})
    assert figures["verdicts"]["real"] == {"likely_real": 2, "likely_fake": 1}
    assert figures["verdicts"]["fake"] == {"likely_fake": 2, "likely_real": 1}
    kept = run.invoke(build(), ["evaluate", "jrc", str(out / "kept"), "--resamples", "100", "--json"])
    assert kept.exit_code == 0, kept.output
    (figures,) = json.loads(kept.stdout)["scans"]
    assert (figures["real"], figures["fake"]) == (1, 1)


@pytest.mark.parametrize("words", [["--folder", "missing"], ["sqlite:///missing/jobs.sqlite3"]])
def test_an_export_makes_no_store(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNMASK_DATABASE", raising=False)
    done = CliRunner().invoke(build(), ["feedback", *words, "--out", "out"])
    message, code = explain(done.exception)
    assert code == 2 and message.startswith("no job store") and not list(tmp_path.iterdir())


def test_a_store_of_before_feedback_opens(tmp_path):
    connect(f"sqlite:///{tmp_path / 'a.sqlite3'}").dispose()
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        connection.execute("DROP TABLE unmask_feedback")
    assert list(FeedbackStore(connect(f"sqlite:///{tmp_path / 'a.sqlite3'}")).rows()) == []
