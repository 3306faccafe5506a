"""Whatever fails at whatever step, a store holds whole runs alone; a fault of a moment passes."""

from __future__ import annotations

import errno
import os
import signal
import threading

import pytest
from buckets import BUCKET, Server, faulty
from pyarrow import fs

import gputsne
from gputsne.provenance import Run
from gputsne.runs.storage import Retry
from gputsne.runs.storage.retries import is_transient

FILES = {"map.parquet": os.urandom(2_500_000), "thumb.png": b"png"}
AT_ONCE = Retry(first=0.0)
SAYINGS = {
    "network": OSError("AWS Error NETWORK_CONNECTION during PutObject operation"),
    "slow down": OSError("AWS Error SLOW_DOWN during PutObject operation: try again"),
    "reset": ConnectionResetError(errno.ECONNRESET, "reset"),
    "disk": OSError(errno.EIO, "input/output error"),
}


class Step:
    """Fail at one step, or from it on; count the steps."""

    def __init__(self, at: float, times: float = 1, error: Exception | None = None) -> None:
        self.at, self.times, self.n = at, times, 0
        self.error = error or SAYINGS["network"]

    def __call__(self, step: str, path: str) -> None:
        self.n += 1
        if self.at <= self.n < self.at + self.times:
            raise self.error


class Where:
    """One place, seen through a filesystem with faults and through one without."""

    def __init__(self, filesystem, root: str) -> None:
        self.filesystem, self.root = filesystem, root

    @property
    def clean(self) -> gputsne.Store:
        return self.seen_through(lambda step, path: None)

    def seen_through(self, ask, tears: bool = False) -> gputsne.Store:
        through = faulty(self.filesystem, ask, tears=tears)
        return gputsne.Store(self.root, filesystem=through, retry=AT_ONCE)


@pytest.fixture
def where(tmp_path):
    """A bucket in a folder: as S3 in what it shows when, and quick enough to try every step."""
    return Where(fs.LocalFileSystem(), str(tmp_path / "bucket"))


@pytest.fixture
def server(s3, request):
    return Where(s3.filesystem(), f"{BUCKET}/{request.node.name.replace('[', '-').strip(']')}")


def steps_of(where: Where, work) -> int:
    count = Step(float("inf"))
    work(where.seen_through(count))
    return count.n


@pytest.mark.parametrize(
    ("place", "times"),
    [("where", 1), ("where", 2), pytest.param("server", 2, marks=pytest.mark.slow)],
)
def test_a_put_passes_by_faults_of_a_moment_at_every_step(place, times, request):
    where = request.getfixturevalue(place)
    steps = steps_of(where, lambda store: store.put(Run(), files=FILES))
    assert steps > 10
    for at in range(1, steps + 1):
        run = Run()
        store = where.seen_through(Step(at, times))
        assert store.put(run, files=FILES) == run.id
        assert where.clean.verify(run.id) == (), at
        assert where.clean.get(run.id).read("map.parquet") == FILES["map.parquet"]
    assert where.clean.verify() == ()


@pytest.mark.parametrize("tears", [False, True])
def test_a_put_that_fails_from_a_step_on_leaves_a_whole_run_or_none(where, tears):
    steps = steps_of(where, lambda store: store.put(Run(), files=FILES))
    for at in range(1, steps + 1):
        run = Run()
        with pytest.raises(OSError, match="NETWORK"):
            where.seen_through(Step(at, float("inf")), tears).put(run, files=FILES)
        clean = where.clean
        if any(found.id == run.id for found in clean.list()):  # it had arrived, unbeknownst
            assert clean.verify(run.id) == (), at
        else:
            clean.put(run, files={"map.parquet": b"again"})  # and is no obstacle
            assert clean.verify(run.id) == ()
    assert where.clean.verify() == ()


def test_reading_passes_by_faults_of_a_moment_at_every_step(where, tmp_path):
    id = where.clean.put(Run(), files=FILES)
    where.clean.promote(id)

    def read(store: gputsne.Store) -> None:
        found = store.get("production")
        found.fetch("map.parquet", tmp_path / "map")
        assert (tmp_path / "map").read_bytes() == found.read("map.parquet") == FILES["map.parquet"]
        assert store.verify() == ()
        assert store.refs() == {"production": id}
        assert len(store.list()) == len(store.history()) == 1

    steps = steps_of(where, read)
    assert steps > 20
    for at in range(1, steps + 1):
        read(where.seen_through(Step(at, 2)))
        with pytest.raises(OSError, match="NETWORK"):
            read(where.seen_through(Step(at, float("inf"))))


def test_a_put_that_fails_once_for_good_cleans_up_behind_itself(where):
    denied = OSError("AWS Error ACCESS_DENIED during PutObject operation")
    steps = steps_of(where, lambda store: store.put(Run(), files=FILES))
    for at in range(1, steps - 1):
        run = Run()
        with pytest.raises(OSError, match="DENIED"):
            where.seen_through(Step(at, 1, denied)).put(run, files=FILES)
        assert run.id not in [found.id for found in where.clean.list()]
        assert not [e for e in where.clean._storage.entries(f"runs/{run.id}") if e.kind == "file"]
    assert where.clean.verify() == ()


@pytest.mark.parametrize("times", [2, float("inf")])
def test_a_ref_is_moved_or_not_at_whatever_step_a_promotion_fails(where, times):
    old, new = Run(), Run()
    for run in (old, new):
        where.clean.put(run)
    where.clean.promote(old.id)
    steps = steps_of(where, lambda store: (store.promote(new.id), store.rollback()))
    for at in range(1, steps + 1):
        before = where.clean.history()
        store = where.seen_through(Step(at, times))
        if times == 2:
            assert store.promote(new.id).id == new.id
            assert store.rollback().id == old.id
        else:
            with pytest.raises(OSError, match="NETWORK"):
                (store.promote(new.id), store.rollback())
        after = where.clean.history()
        assert after[: len(before)] == before  # nothing of the history is lost
        assert where.clean.refs()["production"] in (old.id, new.id)
        where.clean.promote(old.id)
    assert [p for p in where.clean.verify() if not p.file.startswith("pins")] == []


@pytest.mark.parametrize("said", SAYINGS)
def test_faults_that_pass_are_told_from_those_that_stay(said, where):
    assert is_transient(SAYINGS[said])
    store = where.seen_through(Step(3, 4, SAYINGS[said]))
    assert store.verify(store.put(Run(), files=FILES)) == ()


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(), PermissionError(), OSError(errno.ENOSPC, "no space"),
        OSError(errno.EROFS, "read-only"), OSError(errno.EDQUOT, "quota"), ValueError("x"),
        OSError("AWS Error NO_SUCH_BUCKET during PutObject"), OSError("Access Denied"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_stays_is_not_tried_again(error):
    waits: list[float] = []
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        Retry(sleep=waits.append)("writing", work)
    assert (len(calls), waits) == (1, [])


def test_waits_double_up_to_the_most_and_differ_between_writers():
    waits: list[float] = []

    def work() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        Retry(tries=6, first=1.0, most=5.0, sleep=waits.append)("writing", work)
    assert all(
        0.5 * most <= wait <= most for wait, most in zip(waits, [1, 2, 4, 5, 5], strict=True)
    )
    assert len(set(waits)) == 5


def test_a_slow_bucket_completes_and_warns(where):
    times = iter(range(0, 10**6, 30))  # each look at the clock is 30 s later
    retry = Retry(clock=lambda: float(next(times)))
    store = gputsne.Store(where.root, filesystem=where.filesystem, retry=retry)
    with pytest.warns(UserWarning, match="the storage is slow") as told:
        id = store.put(Run(), files=FILES)
    said = f"the storage is slow: writing runs/{id}/map.parquet took 30 s"
    assert said in [str(warning.message) for warning in told]
    assert where.clean.verify(id) == ()


def test_a_server_that_stands_still_for_a_moment_is_waited_for():
    server = Server()
    try:
        store = gputsne.Store(BUCKET, filesystem=server.filesystem(), retry=AT_ONCE)
        process = server.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(1.0, process.send_signal, (signal.SIGCONT,))
        timer.start()
        id = store.put(Run(), files=FILES)
        timer.join()
        assert store.verify() == ()
        assert store.list()[0].id == id
    finally:
        server.stop()


def test_a_server_that_goes_away_in_the_middle_is_an_error_and_no_half_run():
    server = Server()
    try:

        def stop_at_the_map(step: str, path: str) -> None:
            if step == "close" and path.endswith("map.parquet"):
                server.stop()

        waits: list[float] = []
        retry = Retry(first=0.01, sleep=waits.append)
        failing = faulty(server.filesystem(), stop_at_the_map)
        store = gputsne.Store(BUCKET, filesystem=failing, retry=retry)
        with pytest.raises(OSError, match=r"(?i)connect"):
            store.put(Run(), files=FILES)
        assert len(waits) >= 4  # it was waited for
        server.start()
        assert store.list() == ()
        clean = gputsne.Store(BUCKET, filesystem=server.filesystem(), retry=AT_ONCE)
        clean.put(Run(), files=FILES)
        assert clean.verify() == ()
    finally:
        server.stop()
