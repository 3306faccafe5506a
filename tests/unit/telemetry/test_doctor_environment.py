"""The doctor at the machine: what is broken is found and breaks no other check."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import pytest
from findings import by_name, is_sound, only

from gputsne import backends
from gputsne.base import cgroups
from gputsne.telemetry.doctor import FAILED, OK, WARNING, Finding, environment
from gputsne.telemetry.doctor.finding import checked


def test_all_is_well_where_these_tests_run():
    found = [f for name, check in environment.CHECKS.items()
             for f in checked("environment", name, check)]  # fmt: skip
    assert [f for f in found if f.state == FAILED] == []
    assert all(map(is_sound, found))
    assert {f.name for f in found} >= set(environment.CHECKS)


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on():
    def broken():
        yield Finding("a", "b", OK, "so far")
        raise SystemExit("all is lost")

    found = only(checked("gpu", "device", broken))
    assert (found.area, found.name, found.state) == ("gpu", "device", FAILED)
    assert found.found == "the check ended with SystemExit: all is lost"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('libfaiss.so: cannot open shared object file')", "cannot open shared"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import os\nos.kill(os.getpid(), 9)", "it ended with signal 9"),
        ("import os\nos._exit(7)", "it ended with 7"),
    ],
)
def test_a_library_that_breaks_takes_nothing_along(tmp_path, monkeypatch, code, said):
    (tmp_path / "faiss.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(environment, "LIBRARIES", ("faiss", "click"))
    found = by_name(environment.imports())["imports"]
    assert found.state == FAILED
    assert found.found.startswith("faiss can't be imported: ")
    assert said in found.found
    assert found.remedy == "pip install --force-reinstall faiss-cpu"


def test_a_library_that_hangs_is_left(tmp_path, monkeypatch):
    (tmp_path / "faiss.py").write_text("import time\ntime.sleep(60)")
    monkeypatch.syspath_prepend(tmp_path)
    facts, end = environment.in_process(environment.IMPORTING, "faiss", seconds=1.5)
    assert ([fact for fact in facts if "ends" in fact], end) == ([], "no end within 1.5 s")


def test_the_whole_command_with_a_broken_faiss(tmp_path):
    (tmp_path / "faiss.py").write_text("raise ImportError('broken')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    here = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "LANG": "C", "LC_ALL": "C"}  # no HOME
    done = subprocess.run(
        [sys.executable, "-m", "gputsne", "doctor", "--json"],
        capture_output=True, env=here, timeout=60, check=False, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    failed = [f for f in told["findings"] if f["state"] == "failed"]
    assert [f["name"] for f in failed] == ["imports"]
    assert (told["failed"], len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    ("needs", "state", "said"),
    [
        (["numpy>=1.26", "click>=99"], FAILED, "click"),
        (["no-such-package>=1"], FAILED, "no-such-package is missing, >=1 is needed"),
        (["numpy>=1.26", "no-such-package>=1; extra == 'io'"], OK, "within bounds"),
        (["pyarrow>=999; extra == 'io'"], FAILED, "pyarrow"),
    ],
)
def test_versions_are_held_against_bounds(monkeypatch, needs, state, said):
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    found = only(environment.packages())
    assert (found.state, said in found.found) == (state, True)


def test_who_runs_from_sources_is_told_so(monkeypatch):
    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", fail)
    assert only(environment.packages()).state == WARNING


def test_missing_kernels_are_a_warning(monkeypatch):
    told = [("cuda", False, ""), ("cpu", False, "no compiler"), ("numpy", True, "")]
    monkeypatch.setattr(backends, "explain", lambda: told)
    found = environment.kernels()
    assert (found.state, "no compiler" in found.found) == (WARNING, True)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A machine whose control groups are files that tests write."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/job\n")
    (tmp_path / "proc/self/mountinfo").write_text(
        "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    )
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 8000000 kB\n")
    (tmp_path / "sys/fs/cgroup/job").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    cgroups._groups.cache_clear()
    yield tmp_path / "sys/fs/cgroup/job"
    cgroups._groups.cache_clear()


@pytest.mark.parametrize(
    ("most", "state"), [(100 << 20, FAILED), (800 << 20, WARNING), (2 << 30, OK)]
)
def test_memory_is_what_the_control_group_leaves(machine, most, state):
    (machine / "memory.max").write_text(f"{most}\n")
    (machine / "memory.current").write_text("0\n")
    found = environment.memory()
    assert found.state == state
    assert "by the control group's limit" in found.found
    assert is_sound(found)


def test_a_quota_below_one_core_and_few_tasks_are_told(machine, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (machine / "cpu.max").write_text("50000 100000\n")
    found = environment.processors()
    assert (found.state, "quota is 0.5" in found.found) == (WARNING, True)
    (machine / "pids.max").write_text("20\n")
    (machine / "pids.current").write_text("17\n")
    found = environment.processors()
    assert (found.state, "only 3 more threads" in found.found) == (FAILED, True)


def test_a_variable_that_limits_threads_is_named(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = environment.processors()
    assert (found.state, found.remedy) == (WARNING, "unset OMP_NUM_THREADS")
    assert "OMP_NUM_THREADS=1" in found.found
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert environment.processors().state == OK


def test_a_temporary_folder_without_room_is_told(monkeypatch, tmp_path):
    def full(*given, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert environment.temporary().state == FAILED
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "gone"))
    found = environment.temporary()
    assert (found.state, found.remedy) == (FAILED, "export TMPDIR=/a/folder/with/room")


def test_little_room_is_a_warning(monkeypatch, machine):
    little = shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little)
    assert environment.temporary().state == WARNING
    (cgroups.ROOT / "dev/shm").mkdir(parents=True)
    assert environment.shared_memory().state == WARNING


def test_a_user_without_home_is_told(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    found = environment.home()
    assert (found.state, found.remedy) == (WARNING, "export HOME=/tmp")


def test_another_encoding_and_a_clock_of_1970_are_told(monkeypatch):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    assert environment.text().remedy == "export PYTHONUTF8=1"
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert environment.clock().state == WARNING
