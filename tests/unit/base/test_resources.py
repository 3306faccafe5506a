"""Is the number of threads what was asked for, or what the process was granted?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gputsne.base import resources


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


@pytest.mark.parametrize("n_jobs", [True, 2.0, "2"])
def test_no_integer(n_jobs: object):
    with pytest.raises(TypeError, match="n_jobs"):
        resources.resolve_n_jobs(n_jobs)  # type: ignore[arg-type]


def group(root: Path, path: str, **files: str) -> None:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_quota_of_version_2_is_the_tightest_of_the_parents(tmp_path: Path):
    proc, root = tmp_path / "cgroup", tmp_path / "fs"
    proc.write_text("0::/user/job\n")
    group(root, "user", cpu__max="150000 100000\n")
    group(root, "user/job", cpu__max="max 100000\n")
    assert resources._cgroup_quota(proc, root) == 1.5


def test_quota_of_version_1(tmp_path: Path):
    proc, root = tmp_path / "cgroup", tmp_path / "fs"
    proc.write_text("5:memory:/job\n3:cpu,cpuacct:/job\n")
    group(root, "cpu,cpuacct/job", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000")
    assert resources._cgroup_quota(proc, root) == 2.5


def test_quota_inside_a_container_whose_path_does_not_exist(tmp_path: Path):
    proc, root = tmp_path / "cgroup", tmp_path / "fs"
    proc.write_text("0::/outside/of/here\n")
    group(root, "", cpu__max="300000 100000")
    assert resources._cgroup_quota(proc, root) == 3.0


def test_no_quota(tmp_path: Path):
    proc, root = tmp_path / "cgroup", tmp_path / "fs"
    assert resources._cgroup_quota(proc, root) is None
    proc.write_text("3:cpu:/job\n0::/job\n")
    group(root, "cpu/job", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    group(root, "job", cpu__max="max 100000")
    assert resources._cgroup_quota(proc, root) is None


def test_the_quota_cuts_the_cores_and_is_rounded_up(tmp_path: Path, monkeypatch):
    (tmp_path / "cgroup").write_text("0::/\n")
    monkeypatch.setattr(resources, "_PROC", tmp_path / "cgroup")
    monkeypatch.setattr(resources, "_CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    (tmp_path / "cpu.max").write_text("150000 100000")
    assert resources.resolve_n_jobs(None) == 2
    (tmp_path / "cpu.max").write_text("1000 100000")
    assert resources.resolve_n_jobs(-1) == 1


def test_limit_caps_and_restores():
    import faiss
    from threadpoolctl import threadpool_info

    before = faiss.omp_get_max_threads()
    counts = sorted(pool["num_threads"] for pool in threadpool_info())
    with resources.limit(1):
        assert faiss.omp_get_max_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    with pytest.raises(RuntimeError, match="inside"), resources.limit(1):
        raise RuntimeError("inside")
    assert faiss.omp_get_max_threads() == before
    assert sorted(pool["num_threads"] for pool in threadpool_info()) == counts
