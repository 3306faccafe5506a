"""Every limit on memory counts: the machine, each control group, ``ulimit``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gputsne.base import memory, threads

MB = 1_000_000


def test_memory_of_the_machine_and_its_group(machine):
    machine.write("proc", meminfo="MemTotal: 9000 kB\nMemAvailable: 2000 kB\n")
    machine.v2("/")
    machine.write(
        "sys/fs/cgroup",
        memory__max=f"{3 * MB}\n", memory__current="2500000\n",
        memory__stat="anon 100\ninactive_file 1000000\n",
    )  # fmt: skip
    assert memory.available_memory() == 1_500_000  # 3.0 - 2.5 + 1.0 MB of cache that can go
    machine.write("sys/fs/cgroup", memory__max="max\n")
    assert memory.available_memory() == 2_048_000
    (machine.root / "proc/meminfo").unlink()
    assert memory.available_memory() is None


@pytest.mark.parametrize("tight", ["job/inner", "job", ""])
@pytest.mark.parametrize("version", [1, 2])
def test_the_least_memory_of_all_groups_on_the_path(machine, version: int, tight: str):
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
        assert memory.available_memory() in (410 * MB, 400 * MB + 7)
    else:
        assert memory.available_memory() == 410 * MB
    machine.write(f"{top}/{tight}", **{used: f"{650 * MB}"})
    assert memory.available_memory() == 0


def test_where_the_group_slows_down_counts_as_full(machine):
    machine.v2("/job")
    machine.write(
        "sys/fs/cgroup/job", memory__max="max", memory__high=f"{500 * MB}", memory__current="0"
    )
    assert memory.available_memory() == 500 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize(("kind", "field"), [("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")])
def test_ulimit_counts(machine, monkeypatch, kind: str, field: str):
    import resource

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # whoever started this may have set it
    monkeypatch.setattr(threads, "cores", lambda: 2)
    monkeypatch.setattr(threads, "_limit_of_caller", lambda: None)
    monkeypatch.setattr(threads, "_run_before", False)
    reserved = memory.LIBRARY_ADDRESSES + threads.POOLS * memory.THREAD_ADDRESSES
    machine.write("proc/self", status=f"Name: python\n{field}:\t 100000 kB\n")
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    limits = {getattr(resource, kind): (2000 * MB, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits.get(which, endless))
    left = 2000 * MB - 102_400_000
    assert memory.available_memory() == left - reserved * (kind == "RLIMIT_AS")
    monkeypatch.setattr(threads, "_run_before", True)  # stacks and heaps are in VmSize now
    assert memory.available_memory() == left


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_freed_memory_goes_back_to_the_system():
    """Blocks too small for pages of their own, and one alive behind them, as after a search."""
    code = """
import resource
from gputsne.base.memory import give_back
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident()
blocks = [bytearray(100_000) for _ in range(1000)]
last = bytearray(100_000)
del blocks
kept = resident() - before
give_back()
print(kept, resident() - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    kept, left = map(int, run.stdout.split())
    assert left < 10_000_000  # of the 100 MB
    assert left < kept or kept < 10_000_000  # a C library that keeps nothing has nothing to give
