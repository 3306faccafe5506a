"""Threads as asked for or granted, shared settings put back, in every order of runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gputsne.base import deadline, threads


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS"):
        monkeypatch.delenv(name, raising=False)


def test_a_positive_number_is_taken_as_it_is():
    assert threads.resolve_n_jobs(7) == 7


@pytest.mark.parametrize("n_jobs", [None, -1])
def test_everything_granted_is_never_more_than_the_affinity_mask(n_jobs: int | None):
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system has no affinity mask")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert threads.resolve_n_jobs(n_jobs) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("n_jobs", "left"), [(-1, 8), (-2, 7), (-8, 1), (-9, 1), (-100, 1)])
def test_negative_numbers_leave_cores_free(monkeypatch, n_jobs: int, left: int):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    assert threads.resolve_n_jobs(n_jobs) == left


def test_no_number_of_threads():
    with pytest.raises(ValueError, match=r"n_jobs=0 .*1 or more"):
        threads.resolve_n_jobs(0)


@pytest.mark.parametrize("n_jobs", [20_000, 200_000, 2**31, np.int64(2**40), 10**30])
def test_more_threads_than_can_be_started_are_never_asked_for(n_jobs: int):
    assert threads.resolve_n_jobs(n_jobs) == max(64, threads.resolve_n_jobs(-1))


@pytest.mark.parametrize("text", ["3", "3,2", " 3 "])
def test_none_keeps_to_the_job_systems_number(monkeypatch, text: str):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(threads, "_limit_of_caller", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert threads.resolve_n_jobs(None) == 3
    assert threads.resolve_n_jobs(-1) == 8  # asked for by name
    assert threads.resolve_n_jobs(5) == 5


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "16"])
def test_a_number_that_limits_nothing(monkeypatch, text: str):
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(threads, "_limit_of_caller", lambda: None)
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert threads.resolve_n_jobs(None) == 8


def test_none_keeps_to_the_users_threadpool_limits(monkeypatch):
    import faiss  # noqa: F401  brings OpenMP

    monkeypatch.setattr(threads, "cores", lambda: 8)
    with threadpool_limits(limits=1):
        assert threads.resolve_n_jobs(None) == 1
        assert threads.resolve_n_jobs(3) == 3
    with threadpool_limits(limits=3):
        assert threads.resolve_n_jobs(None) == 3


def test_openmps_ceilings_hold_for_every_number(monkeypatch):
    monkeypatch.setenv("OMP_THREAD_LIMIT", "3")
    assert threads.resolve_n_jobs(8) == 3
    monkeypatch.setenv("OMP_MAX_ACTIVE_LEVELS", "0")
    assert threads.resolve_n_jobs(8) == 1


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
        threads.resolve_n_jobs(n_jobs)  # type: ignore[arg-type]


def counts() -> dict[str, int]:
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}


def test_limit_caps_and_restores():
    import faiss

    before, found = faiss.omp_get_max_threads(), counts()
    with threads.limit(1):
        assert faiss.omp_get_max_threads() == 1
        assert set(counts().values()) == {1}
    with pytest.raises(RuntimeError, match="inside"), threads.limit(1):
        raise RuntimeError("inside")
    assert faiss.omp_get_max_threads() == before
    assert counts() == found


def test_blas_is_never_given_more_than_the_user_left_it():
    with threadpool_limits(limits=1, user_api="blas"), threads.limit(2):
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
    limit = threads._BlasLimit()
    limit.enter("early", 1, [])
    limit.enter("later", 2, [late])
    assert late.num_threads == 1
    limit.leave("later", [late])
    limit.leave("early", [])
    assert late.num_threads == 4


def test_runs_at_once_leave_blas_as_the_first_found_it():
    import faiss  # noqa: F401

    found, gate = counts(), threading.Barrier(2)

    def one(n: int) -> None:
        for _ in range(30):
            with threads.limit(n):
                gate.wait(30)
            gate.wait(30)

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, (1, 2)))
        assert counts() == found


def test_a_run_that_outlives_another_keeps_its_own_limit():
    found = counts()
    with threads.limit(2):
        inner = threads.limit(1)
        inner.__enter__()
        assert set(counts().values()) == {1}
        inner.__exit__(None, None, None)
        assert max(counts().values()) <= 2
    assert counts() == found


def test_faiss_threshold_comes_back_after_searches_at_once():
    import faiss

    name = "distance_compute_blas_threshold"
    before, gate = getattr(faiss.cvar, name), threading.Barrier(4)

    def hold(turn: int) -> int:
        with threads.faiss_without_blas(faiss):
            gate.wait(30)  # all are inside
            return int(getattr(faiss.cvar, name))

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            assert set(pool.map(hold, range(4))) == {threads.DIRECT}
            assert getattr(faiss.cvar, name) == before


@pytest.mark.parametrize("n", [1, 2, 5])
def test_work_of_several_threads_comes_back_in_order(n):
    def slower_first(i):
        time.sleep(0.02 if i % 3 == 0 else 0.0)
        return i, deadline.passed(), np.geterr()["over"]

    with deadline.limit(0.0), np.errstate(over="ignore"):  # what the caller set holds there
        found = list(threads.in_order(slower_first, range(20), n))
    assert found == [(i, True, "ignore") for i in range(20)]
    assert not list(threads.in_order(slower_first, [], n))


def test_an_error_of_one_thread_ends_the_work():
    def broken(i):
        if i == 3:
            raise ValueError("the fourth")
        return i

    with pytest.raises(ValueError, match="the fourth"):
        list(threads.in_order(broken, range(100), 2))


def test_threads_in_force_are_those_of_the_block():
    import faiss  # noqa: F401  brings OpenMP

    with threads.limit(2):
        assert threads.in_force() == 2
        with threads.limit(1):
            assert threads.in_force() == 1
