"""What control groups leave of cores and tasks, whichever version and however they are mounted."""

from __future__ import annotations

import os
import sys

import pytest

from gputsne.base import cgroups, memory, threads


def test_no_groups(machine):
    assert cgroups.cpu_quota() is None
    assert cgroups.tasks_left() is None
    assert memory.available_memory() is None or sys.platform != "linux"


def test_quota_of_version_2_is_the_tightest_of_the_parents(machine):
    # joblib.cpu_count reads the outermost group only, and would count every core here.
    machine.v2("/user/job")
    machine.write("sys/fs/cgroup/user", cpu__max="150000 100000\n")
    machine.write("sys/fs/cgroup/user/job", cpu__max="max 100000\n")
    assert cgroups.cpu_quota() == 1.5


def test_quota_of_version_1(machine):
    machine.v1("memory", "/job")
    machine.v1("cpu,cpuacct", "/job")
    machine.write(
        "sys/fs/cgroup/cpu,cpuacct/job", cpu__cfs_quota_us="250000", cpu__cfs_period_us="100000"
    )
    assert cgroups.cpu_quota() == 2.5


@pytest.mark.parametrize(
    ("path", "top"),
    [("/outside/of/here", "/elsewhere"), ("/docker/ab", "/docker/ab"), ("/../job", "/")],
)
def test_quota_inside_a_container(machine, path: str, top: str):
    machine.v2(path, top)
    machine.write("sys/fs/cgroup", cpu__max="300000 100000")
    assert cgroups.cpu_quota() == 3.0


def test_quota_of_a_group_inside_a_container(machine):
    machine.v2("/docker/ab/job", "/docker/ab")
    machine.write("sys/fs/cgroup/job", cpu__max="200000 100000")
    assert cgroups.cpu_quota() == 2.0


def test_no_quota(machine):
    machine.v1("cpu", "/job")
    machine.v2("/job")
    machine.write("sys/fs/cgroup/cpu/job", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    machine.write("sys/fs/cgroup/job", cpu__max="max 100000")
    assert cgroups.cpu_quota() is None


def test_the_quota_cuts_the_cores_and_is_rounded_up(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    machine.v2("/")
    machine.write("sys/fs/cgroup", cpu__max="150000 100000")
    assert threads.resolve_n_jobs(-1) == 2
    machine.write("sys/fs/cgroup", cpu__max="1000 100000")
    assert threads.resolve_n_jobs(-1) == 1


def test_threads_stay_within_the_groups_limit_of_tasks(machine):
    machine.v2("/job")
    machine.write("sys/fs/cgroup/job", pids__max="60", pids__current="20")
    assert threads.resolve_n_jobs(50) == 1 + 40 // threads.POOLS
    machine.write("sys/fs/cgroup/job", pids__max="20", pids__current="20")
    assert threads.resolve_n_jobs(50) == 1
    machine.write("sys/fs/cgroup/job", pids__max="max", pids__current="20")
    assert threads.resolve_n_jobs(50) == 50
