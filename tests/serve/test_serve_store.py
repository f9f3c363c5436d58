"""The job store, on every database that is at hand."""

import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra [serve]")

from unmask.serve import ServeError
from unmask.serve.database import connect
from unmask.serve.jobs import NewJob, new_id
from unmask.serve.roster import Roster
from unmask.serve.store import JobStore


@pytest.fixture
def store(database):
    engine = connect(database)
    yield JobStore(engine, attempts=2, lease=30.0)
    engine.dispose()


def add(store, owner=None, queue=1000, name="a.mp4", frames=6):
    new = NewJob(new_id(), name, 10, "0" * 64, "jrc", frames, owner)
    assert store.add(new, queue)
    return new.id


def test_a_job_comes_back_as_it_went_in(store):
    identifier = add(store, owner="ab", name="Kennedy\u2019s \U0001f600.mp4")
    job = store.get(identifier)
    assert (job.state, job.name, job.owner, job.attempts, job.progress) == (
        "queued", "Kennedy\u2019s \U0001f600.mp4", "ab", 0, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("frames", [None, 12])
def test_a_number_of_frames_is_kept_and_so_is_none(store, frames):
    identifier = add(store, frames=frames)
    assert store.get(identifier).frames == frames


def test_the_queue_is_bounded(store):
    add(store, queue=2)
    add(store, queue=2)
    assert not store.add(NewJob(new_id(), "c", 1, "0" * 64, "jrc", 6), 2)
    assert store.claim("w") is not None
    add(store, queue=2)


def test_jobs_are_claimed_in_order_and_once(store):
    waiting = [add(store) for _ in range(3)]
    assert [store.claim("w").id for _ in waiting] == waiting
    assert store.claim("w") is None


def test_two_workers_never_get_the_same_job(store):
    waiting = {add(store) for _ in range(60)}
    claimed = []

    def work(name):
        while (job := store.claim(name)) is not None:
            claimed.append(job.id)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(claimed) == 60
    assert set(claimed) == waiting


def test_a_result_is_stored_for_the_claim_that_holds_alone(store):
    identifier = add(store)
    first = store.claim("w1")
    store.release_worker("w1")
    second = store.claim("w2")
    assert (second.id, second.attempts) == (identifier, 2)
    assert not store.finish(identifier, first.claim, "{}", "ok", "likely_real", 0.1)
    assert not store.heartbeat(identifier, first.claim, 0.5)
    assert store.finish(identifier, second.claim, '{"a": 1}', "ok", "likely_fake", 0.9)
    assert not store.fail(identifier, second.claim, "too late")
    job = store.get(identifier, whole=True)
    assert (job.state, job.verdict, job.score, job.scan(), job.failure) == (
        "done", "likely_fake", 0.9, {"a": 1}, None,
    )  # fmt: skip


def test_a_job_is_retried_once_and_then_failed_with_a_reason(store):
    identifier = add(store)
    store.claim("w")
    assert store.release_worker("w") == 1
    assert store.get(identifier).state == "queued"
    store.claim("w")
    assert store.release_worker("w") == 1
    job = store.get(identifier)
    assert (job.state, job.failure) == (
        "failed",
        "the worker process ended 2 times while it scanned this file",
    )
    assert job.finished is not None
    assert store.claim("w") is None


def test_a_silent_worker_s_job_is_released_after_the_lease(database):
    engine = connect(database)
    store = JobStore(engine, lease=0.2)
    identifier = add(store)
    job = store.claim("w")
    assert store.release_expired() == 0
    time.sleep(0.12)
    assert store.heartbeat(identifier, job.claim, 0.3)
    time.sleep(0.12)
    assert store.release_expired() == 0, "the heartbeat renewed the lease"
    time.sleep(0.12)
    assert store.release_expired() == 1
    assert store.get(identifier).state == "queued"
    engine.dispose()


def test_a_job_handed_back_counts_as_not_begun(store):
    identifier = add(store)
    job = store.claim("w")
    assert store.requeue(identifier, job.claim)
    job = store.get(identifier)
    assert (job.state, job.attempts, job.started) == ("queued", 0, None)


def test_the_heartbeat_marks_a_change_only_where_there_is_one(store):
    identifier = add(store)
    claim = store.claim("w").claim
    store.heartbeat(identifier, claim, 0.5)
    first = store.get(identifier)
    store.heartbeat(identifier, claim, 0.5)
    assert store.get(identifier).updated == first.updated
    store.heartbeat(identifier, claim, 0.6)
    assert store.get(identifier).updated > first.updated


def test_a_running_job_can_be_removed(store):
    identifier = add(store)
    job = store.claim("w")
    assert store.remove(identifier)
    assert not store.remove(identifier)
    assert not store.heartbeat(identifier, job.claim, 0.5)
    assert not store.finish(identifier, job.claim, "{}", "ok", None, None)
    assert store.get(identifier) is None


def test_owners_see_their_own_jobs(store):
    mine, theirs = add(store, owner="me"), add(store, owner="them")
    assert store.get(mine, "me") is not None
    assert store.get(theirs, "me") is None
    assert [job.id for job in store.page(10, owner="me")] == [mine]
    assert not store.remove(theirs, "me")
    assert len(store.page(10)) == 2


def test_pages_hold_every_job_once_newest_first(store):
    made = [add(store) for _ in range(7)]
    seen, before = [], None
    while page := store.page(3, before):
        seen += [job.id for job in page]
        before = (page[-1].created, page[-1].id)
    assert seen == made[::-1]


def test_pages_can_be_of_one_state(store):
    add(store)
    done = add(store)
    store.claim("w")
    job = store.claim("w")
    store.finish(job.id, job.claim, "{}", "no_face", None, None)
    assert [job.id for job in store.page(5, state="done")] == [done]
    assert store.counts() == {"running": 1, "done": 1}


def test_finished_jobs_are_removed_after_their_time(store):
    old, waiting = add(store), add(store)
    job = store.claim("w")
    store.fail(old, job.claim, "broken")
    assert store.remove_finished_before(time.time() - 1) == []
    assert store.remove_finished_before(time.time() + 1) == [old]
    assert store.known([old, waiting]) == {waiting}


def test_workers_count_while_they_are_heard_of(database):
    engine = connect(database)
    clock = iter([0.0, 5.0, 20.0, 25.0, 45.0])
    roster = Roster(engine, lease=10.0, clock=lambda: next(clock))
    roster.register("a")  # 0
    assert roster.alive() == 1  # 5
    assert roster.alive() == 0  # 20
    roster.heartbeat("a")  # 25
    assert roster.alive() == 0  # 45
    engine.dispose()


def test_opening_a_database_again_keeps_its_jobs(database):
    engine = connect(database)
    identifier = add(JobStore(engine))
    engine.dispose()
    engine = connect(database)
    assert JobStore(engine).get(identifier) is not None
    engine.dispose()


def test_a_database_of_another_version_is_refused(database):
    from sqlalchemy import text

    engine = connect(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE unmask_version SET number = 99"))
    engine.dispose()
    with pytest.raises(ServeError, match="version 99"):
        connect(database)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "URL"),
        ("sqlite://", "memory"),
        ("oracle9://host/db", "URL"),
        ("postgresql+psycopg://u:hunter2@127.0.0.1:1/x?connect_timeout=2", "cannot be used"),
    ],
)
def test_an_unusable_database_is_one_line_without_its_password(url, says):
    with pytest.raises(ServeError, match=says) as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sqlite_is_in_wal_mode(tmp_path):
    from sqlalchemy import text

    engine = connect(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()
