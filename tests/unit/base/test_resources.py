"""Threads as asked for or granted, shared settings put back, and every limit on memory counted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gputsne.base import resources


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS"):
        monkeypatch.delenv(name, raising=False)


def test_a_positive_number_is_taken_as_it_is():
    assert resources.resolve_n_jobs(7) == 7


@pytest.mark.parametrize("n_jobs", [None, -1])
def test_everything_granted_is_never_more_than_the_affinity_mask(n_jobs: int | None):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system has no affinity mask")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert resources.resolve_n_jobs(n_jobs) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("n_jobs", "left"), [(-1, 8), (-2, 7), (-8, 1), (-9, 1), (-100, 1)])
def test_negative_numbers_leave_cores_free(monkeypatch, n_jobs: int, left: int):
    monkeypatch.setattr(resources, "_granted", lambda: 8)
    assert resources.resolve_n_jobs(n_jobs) == left


def test_no_number_of_threads():
    with pytest.raises(ValueError, match=r"n_jobs=0 .*1 or more"):
        resources.resolve_n_jobs(0)


@pytest.mark.parametrize("n_jobs", [20_000, 200_000, 2**31, np.int64(2**40), 10**30])
def test_more_threads_than_can_be_started_are_never_asked_for(n_jobs: int):
    assert resources.resolve_n_jobs(n_jobs) == max(64, resources.resolve_n_jobs(-1))


@pytest.mark.parametrize("text", ["3", "3,2", " 3 "])
def test_none_keeps_to_the_job_systems_number(monkeypatch, text: str):
    monkeypatch.setattr(resources, "_granted", lambda: 8)
    monkeypatch.setattr(resources, "_limit_of_caller", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert resources.resolve_n_jobs(None) == 3
    assert resources.resolve_n_jobs(-1) == 8  # asked for by name
    assert resources.resolve_n_jobs(5) == 5


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "16"])
def test_a_number_that_limits_nothing(monkeypatch, text: str):
    monkeypatch.setattr(resources, "_granted", lambda: 8)
    monkeypatch.setattr(resources, "_limit_of_caller", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert resources.resolve_n_jobs(None) == 8


def test_none_keeps_to_the_users_threadpool_limits(monkeypatch):
    import faiss  # noqa: F401  brings OpenMP

    monkeypatch.setattr(resources, "_granted", lambda: 8)
    with threadpool_limits(limits=1):
        assert resources.resolve_n_jobs(None) == 1
        assert resources.resolve_n_jobs(3) == 3
    with threadpool_limits(limits=3):
        assert resources.resolve_n_jobs(None) == 3


def test_openmps_ceilings_hold_for_every_number(monkeypatch):
    monkeypatch.setenv("OMP_THREAD_LIMIT", "3")
    assert resources.resolve_n_jobs(8) == 3
    monkeypatch.setenv("OMP_MAX_ACTIVE_LEVELS", "0")
    assert resources.resolve_n_jobs(8) == 1


@pytest.mark.parametrize("variable", ["OMP_DYNAMIC=true", "OMP_THREAD_LIMIT=2",
                                      "OMP_MAX_ACTIVE_LEVELS=0"])  # fmt: skip
def test_a_search_returns_under_smaller_teams(variable: str):
    # Wide rows go through FAISS's BLAS, whose threads wait for each other.
    code = (
        "import numpy as np, gputsne\n"
        "X = np.random.default_rng(0).normal(size=(2500, 90))\n"
        "print(gputsne.knn(X, 15, n_jobs=4).indices.sum())"
    )
    name, value = variable.split("=")
    done = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **extra}, capture_output=True, text=True, check=True, timeout=300,
        ).stdout
        for extra in ({}, {name: value})
    ]  # fmt: skip
    assert done[0] == done[1]


@pytest.mark.parametrize("n_jobs", [True, 2.0, "2"])
def test_no_integer(n_jobs: object):
    with pytest.raises(TypeError, match="n_jobs"):
        resources.resolve_n_jobs(n_jobs)  # type: ignore[arg-type]


class Machine:
    """The files of /proc and /sys below a folder that the module reads in place of the root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memberships: list[str] = []
        self.mounts: list[str] = []

    def write(self, path: str, **files: str) -> None:
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)

    def v2(self, path: str, top: str = "/") -> None:
        self._add(f"0::{path}", f"{top} /sys/fs/cgroup", "cgroup2 cgroup2 rw")

    def v1(self, names: str, path: str, top: str = "/") -> None:
        place = f"/sys/fs/cgroup/{names}"
        self._add(f"4:{names}:{path}", f"{top} {place}", f"cgroup cgroup rw,{names}")

    def _add(self, membership: str, mount: str, kind: str) -> None:
        self.memberships.append(membership)
        self.mounts.append(f"33 24 0:28 {mount} rw,nosuid shared:9 - {kind}")
        self.write(
            "proc/self",
            cgroup="\n".join(self.memberships) + "\n",
            mountinfo="1 0 0:1 / / rw - ext4 /dev/sda rw\n" + "\n".join(self.mounts) + "\n",
        )


@pytest.fixture
def machine(tmp_path: Path, monkeypatch) -> Machine:
    monkeypatch.setattr(resources, "_ROOT", tmp_path)
    return Machine(tmp_path)


def test_no_groups(machine: Machine):
    assert resources._cpu_quota() is None
    assert resources._tasks_left() is None
    assert resources.available_memory() is None or sys.platform != "linux"


def test_quota_of_version_2_is_the_tightest_of_the_parents(machine: Machine):
    # joblib.cpu_count reads the outermost group only, and would count every core here.
    machine.v2("/user/job")
    machine.write("sys/fs/cgroup/user", cpu__max="150000 100000\n")
    machine.write("sys/fs/cgroup/user/job", cpu__max="max 100000\n")
    assert resources._cpu_quota() == 1.5


def test_quota_of_version_1(machine: Machine):
    machine.v1("memory", "/job")
    machine.v1("cpu,cpuacct", "/job")
    machine.write(
        "sys/fs/cgroup/cpu,cpuacct/job", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000"
    )
    assert resources._cpu_quota() == 2.5


@pytest.mark.parametrize(
    ("path", "top"),
    [("/outside/of/here", "/elsewhere"), ("/docker/ab", "/docker/ab"), ("/../job", "/")],
)
def test_quota_inside_a_container(machine: Machine, path: str, top: str):
    machine.v2(path, top)
    machine.write("sys/fs/cgroup", cpu__max="300000 100000")
    assert resources._cpu_quota() == 3.0


def test_quota_of_a_group_inside_a_container(machine: Machine):
    machine.v2("/docker/ab/job", "/docker/ab")
    machine.write("sys/fs/cgroup/job", cpu__max="200000 100000")
    assert resources._cpu_quota() == 2.0


def test_no_quota(machine: Machine):
    machine.v1("cpu", "/job")
    machine.v2("/job")
    machine.write("sys/fs/cgroup/cpu/job", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    machine.write("sys/fs/cgroup/job", cpu__max="max 100000")
    assert resources._cpu_quota() is None


def test_the_quota_cuts_the_cores_and_is_rounded_up(machine: Machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    machine.v2("/")
    machine.write("sys/fs/cgroup", cpu__max="150000 100000")
    assert resources.resolve_n_jobs(-1) == 2
    machine.write("sys/fs/cgroup", cpu__max="1000 100000")
    assert resources.resolve_n_jobs(-1) == 1


def test_threads_stay_within_the_groups_limit_of_tasks(machine: Machine):
    machine.v2("/job")
    machine.write("sys/fs/cgroup/job", pids__max="60", pids__current="20")
    assert resources.resolve_n_jobs(50) == 1 + 40 // resources.POOLS
    machine.write("sys/fs/cgroup/job", pids__max="20", pids__current="20")
    assert resources.resolve_n_jobs(50) == 1
    machine.write("sys/fs/cgroup/job", pids__max="max", pids__current="20")
    assert resources.resolve_n_jobs(50) == 50


MB = 1_000_000


def test_memory_of_the_machine_and_its_group(machine: Machine):
    machine.write("proc", meminfo="MemTotal: 9000 kB\nMemAvailable: 2000 kB\n")
    machine.v2("/")
    machine.write(
        "sys/fs/cgroup",
        memory__max=f"{3 * MB}\n", memory__current="2500000\n",
        memory__stat="anon 100\ninactive_file 1000000\n",
    )  # fmt: skip
    assert resources.available_memory() == 1_500_000  # 3.0 - 2.5 + 1.0 MB of cache that can go
    machine.write("sys/fs/cgroup", memory__max="max\n")
    assert resources.available_memory() == 2_048_000
    (machine.root / "proc/meminfo").unlink()
    assert resources.available_memory() is None


@pytest.mark.parametrize("tight", ["job/inner", "job", ""])
@pytest.mark.parametrize("version", [1, 2])
def test_the_least_memory_of_all_groups_on_the_path(machine: Machine, version: int, tight: str):
    if version == 2:
        machine.v2("/host/job/inner", "/host")
        top, cap, used, cache = "sys/fs/cgroup", "memory__max", "memory__current", ""
    else:
        machine.v1("memory", "/host/job/inner", "/host")
        top, cap, used = "sys/fs/cgroup/memory", "memory__limit_in_bytes", "memory__usage_in_bytes"
        cache = "total_"
    machine.write("proc", meminfo="MemAvailable: 24000000 kB\n")
    for path in ("", "job", "job/inner"):
        most = 600 * MB if path == tight else 9000 * MB if version == 2 else 9223372036854771712
        stat = f"inactive_file 7\n{cache}inactive_file {10 * MB}\n"
        machine.write(f"{top}/{path}", **{cap: f"{most}", used: f"{200 * MB}"}, memory__stat=stat)
    if version == 2:
        assert resources.available_memory() in (410 * MB, 400 * MB + 7)
    else:
        assert resources.available_memory() == 410 * MB
    machine.write(f"{top}/{tight}", **{used: f"{650 * MB}"})
    assert resources.available_memory() == 0


def test_where_the_group_slows_down_counts_as_full(machine: Machine):
    machine.v2("/job")
    machine.write(
        "sys/fs/cgroup/job", memory__max="max", memory__high=f"{500 * MB}", memory__current="0"
    )
    assert resources.available_memory() == 500 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize(("kind", "field"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_ulimit_counts(machine: Machine, monkeypatch, kind: str, field: str):
    import resource

    monkeypatch.setattr(resources, "_granted", lambda: 2)
    monkeypatch.setattr(resources, "_limit_of_caller", lambda: None)
    monkeypatch.setattr(resources, "_run_before", False)
    reserved = resources.LIBRARY_ADDRESSES + resources.POOLS * resources.THREAD_ADDRESSES
    machine.write("proc/self", status=f"Name: python\n{field}:\t 100000 kB\n")
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    limits = {getattr(resource, kind): (2000 * MB, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, endless))
    left = 2000 * MB - 102_400_000
    assert resources.available_memory() == left - reserved * (kind == "RLIMIT_AS")
    monkeypatch.setattr(resources, "_run_before", True)  # stacks and heaps are in VmSize now
    assert resources.available_memory() == left


def threads() -> dict[str, int]:
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}


def test_limit_caps_and_restores():
    import faiss

    before, found = faiss.omp_get_max_threads(), threads()
    with resources.limit(1):
        assert faiss.omp_get_max_threads() == 1
        assert set(threads().values()) == {1}
    with pytest.raises(RuntimeError, match="inside"), resources.limit(1):
        raise RuntimeError("inside")
    assert faiss.omp_get_max_threads() == before
    assert threads() == found


def test_blas_is_never_given_more_than_the_user_left_it():
    with threadpool_limits(limits=1, user_api="blas"), resources.limit(2):
        blas = [
            i["num_threads"] for i in threadpool_info() if i.get("threading_layer") == "pthreads"
        ]
        assert set(blas) <= {1}


def test_the_last_run_puts_back_what_it_never_knew():
    """One run begins before a library is loaded, and ends after the one that set it."""

    class Library:
        user_api, filepath, num_threads = "blas", "late.so", 4

        def set_num_threads(self, n):
            self.num_threads = n

    late = Library()
    limit = resources._BlasLimit()
    limit.enter("early", 1, [])
    limit.enter("later", 2, [late])
    assert late.num_threads == 1
    limit.leave("later", [late])
    limit.leave("early", [])
    assert late.num_threads == 4


def test_runs_at_once_leave_blas_as_the_first_found_it():
    import faiss  # noqa: F401

    found, gate = threads(), threading.Barrier(2)

    def one(n: int) -> None:
        for _ in range(30):
            with resources.limit(n):
                gate.wait(30)
            gate.wait(30)

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, (1, 2)))
        assert threads() == found


def test_a_run_that_outlives_another_keeps_its_own_limit():
    found = threads()
    with resources.limit(2):
        inner = resources.limit(1)
        inner.__enter__()
        assert set(threads().values()) == {1}
        inner.__exit__(None, None, None)
        assert max(threads().values()) <= 2
    assert threads() == found


def test_faiss_threshold_comes_back_after_searches_at_once():
    import faiss

    name = "distance_compute_blas_threshold"
    before, gate = getattr(faiss.cvar, name), threading.Barrier(4)

    def hold(turn: int) -> int:
        with resources.faiss_without_blas(faiss):
            gate.wait(30)  # all are inside
            return int(getattr(faiss.cvar, name))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert set(pool.map(hold, range(4))) == {resources.DIRECT}
            assert getattr(faiss.cvar, name) == before
