"""Checks of the environment: packages, compiled kernels, threads, memory, folders, text, clock."""

from __future__ import annotations

import json
import locale
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from gputsne._version import __version__
from gputsne.base import cgroups, threads
from gputsne.base.memory import available_memory
from gputsne.base.sizes import size_text
from gputsne.provenance.machine import versions
from gputsne.telemetry.doctor.finding import FAILED, OK, WARNING, Check, Finding

__all__ = ["CHECKS", "bounds", "in_process"]

AREA: Final = "environment"
LIBRARIES: Final = (
    "numpy", "scipy", "sklearn", "faiss", "narwhals", "threadpoolctl", "click", "tqdm",
)  # fmt: skip
PACKAGE: Final = {"sklearn": "scikit-learn", "faiss": "faiss-cpu"}  # pip's names of libraries
LEAST: Final = 250 << 20  # bytes: libraries and a map of a few rows took 213 MB
LITTLE: Final = 1 << 30  # bytes: 20,000 rows of 50 columns
SHARED: Final = 64 << 20  # bytes of /dev/shm in a container that nobody gave more
SECONDS: Final = 120.0  # that imports may take from a cold network disk
BUILT: Final = 1_767_225_600  # 2026-01-01 in seconds of Unix: no clock that is right is before
IMPORTING: Final = """
import importlib, json, sys
sys.path[:] = json.loads(sys.argv[1])
for name in sys.argv[2:]:
    print(json.dumps({"begins": name}), flush=True)
    try:
        importlib.import_module(name)
        said = ""
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    print(json.dumps({"ends": name, "said": said}), flush=True)
try:
    from threadpoolctl import threadpool_info
    pools = [[pool["user_api"], pool["prefix"], pool["filepath"]] for pool in threadpool_info()]
except BaseException:
    pools = []
print(json.dumps({"pools": pools}), flush=True)
"""


def in_process(code: str, *words: str, seconds: float = SECONDS) -> tuple[list[Any], str]:
    """Run Python in a process of its own, which may crash or hang.

    Parameters
    ----------
    code : str
        Prints a line of JSON per fact; its first argument is this process's path of modules.
    *words : str
        Further arguments.
    seconds : float
        How long it may take.

    Returns
    -------
    tuple of list and str
        The facts, and how it ended where that was no good end.
    """
    command = [sys.executable, "-c", code, json.dumps(sys.path), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
        out, end = done.stdout, ""
        if done.returncode:
            signal = f"signal {-done.returncode}" if done.returncode < 0 else str(done.returncode)
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            end = f"it ended with {signal}{f' ({last[0]})' if last else ''}"
    except subprocess.TimeoutExpired as error:
        out, end = error.stdout or b"", f"no end within {seconds:g} s"
    facts = []
    for line in out.decode("utf-8", "replace").splitlines():
        try:
            facts.append(json.loads(line))
        except ValueError:  # a library prints
            continue
    return facts, end


def bounds() -> Iterator[tuple[str, str, str | None]]:
    """Yield what gputsne needs: name, bounds and what is installed, "" for extras not installed.

    Yields
    ------
    tuple of str, str, and str or None
        None: it is needed and missing.

    Raises
    ------
    PackageNotFoundError
        gputsne runs from its sources and was never installed.
    ImportError
        Without packaging, which reads bounds.
    """
    from packaging.requirements import Requirement

    told = versions()
    for text in metadata.requires("gputsne") or ():
        need = Requirement(text)
        here: str | None = None
        try:
            here = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            here = told.get("faiss") if need.name == "faiss-cpu" else None
        wanted = need.marker is None
        if not wanted and here is None:
            continue
        if here is None or not need.specifier.contains(here, prereleases=True):
            yield need.name, str(need.specifier), here


def python() -> Finding:
    """Tell which Python and gputsne these are."""
    where = Path(__file__).resolve().parents[2]
    found = f"{platform.python_version()}, gputsne {__version__} in {where}"
    if sys.maxsize < 2**32:
        return Finding(AREA, "python", FAILED, f"{found}, of 32 bits", "install Python of 64 bits")
    return Finding(AREA, "python", OK, found)


def packages() -> Iterator[Finding]:
    """Hold installed versions against the bounds of gputsne's own metadata."""
    try:
        wrong = list(bounds())
    except metadata.PackageNotFoundError:
        yield Finding(AREA, "packages", WARNING, "gputsne runs from sources that were not "
                      "installed: nobody checked versions", "pip install .")  # fmt: skip
        return
    except ImportError:
        yield Finding(AREA, "packages", WARNING, "without packaging nobody can check versions",
                      "pip install packaging")  # fmt: skip
        return
    for name, bound, here in wrong:
        found = f"{name} {here or 'is missing'}, {bound} is needed"
        yield Finding(AREA, "packages", FAILED, found, f"pip install '{name}{bound}'")
    if not wrong:
        told = versions()
        names = ("numpy", "scipy", "scikit-learn", "faiss")
        said = ", ".join(f"{name} {told[name]}" for name in names)
        yield Finding(AREA, "packages", OK, f"{said}, within bounds")


def imports() -> Iterator[Finding]:
    """Import what a fit needs in a process of its own, which a broken library may take along."""
    facts, end = in_process(IMPORTING, *LIBRARIES)
    said = {fact["ends"]: fact["said"] for fact in facts if "ends" in fact}
    begun = [fact["begins"] for fact in facts if "begins" in fact]
    wrong = {name: text for name, text in said.items() if text}
    if begun and begun[-1] not in said:
        wrong[begun[-1]] = end
    elif end:
        wrong[sys.executable] = end
    for name, text in wrong.items():
        line = " ".join(text.split())
        remedy = f"pip install --force-reinstall {PACKAGE.get(name, name)}"
        if name == sys.executable:
            remedy = "install Python anew"
        yield Finding(AREA, "imports", FAILED, f"{name} can't be imported: {line}", remedy)
    if not wrong:
        yield Finding(AREA, "imports", OK, f"{len(said)} libraries can be imported")
    pools = [pool for fact in facts for pool in fact.get("pools", ())]
    prefixes = sorted({prefix for api, prefix, _ in pools if api == "openmp"})
    if len(prefixes) > 1:
        yield Finding(AREA, "openmp", WARNING, f"several OpenMP runtimes at once: "
                      f"{', '.join(prefixes)}; they may wait for one another for ever",
                      "take all packages from one place: all of pip or all of conda")  # fmt: skip


def kernels() -> Finding:
    """Tell whether the compiled kernels of the CPU are there, and what they use."""
    from gputsne import backends
    from gputsne._build import build

    there, reason = next((t, r) for name, t, r in backends.explain() if name == "cpu")
    if not there:
        return Finding(AREA, "kernels", WARNING, f"numpy computes, many times slower: {reason}",
                       "pip install --force-reinstall gputsne, or . in a clone")  # fmt: skip
    from gputsne.backends.native.loading import native

    told = build()
    wide = "AVX2" if native()._set_wide(True) else "its base instructions"
    if not told["openmp"]:
        return Finding(AREA, "kernels", WARNING, "compiled without OpenMP: one thread computes",
                       "install a compiler with OpenMP (apt-get install g++), then reinstall "
                       "gputsne")  # fmt: skip
    return Finding(AREA, "kernels", OK, f"compiled for {told['machine']} with {wide} and OpenMP")


def processors() -> Finding:
    """Tell how many threads a fit uses, and what limits them."""
    granted = threads.resolve_n_jobs(None)
    quota, left = cgroups.cpu_quota(), cgroups.tasks_left()
    found = f"{granted} of {os.cpu_count()} processors"
    if quota is not None:
        found += f", the control group's quota is {quota:g}"
    if (
        left is not None and left < 4 * granted + 8
    ):  # BLAS, OpenMP and FAISS have pools of their own
        return Finding(AREA, "threads", FAILED, f"{found}; only {left} more threads may start",
                       "raise the limit of processes: docker run --pids-limit, or pids.max"
                       )  # fmt: skip
    if quota is not None and quota < 1:
        return Finding(AREA, "threads", WARNING, f"{found}: less than one core",
                       "raise the CPU limit: resources.limits.cpu, docker run --cpus")  # fmt: skip
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdigit() and int(first) < threads.cores():
            return Finding(AREA, "threads", WARNING, f"{found}, by {name}={first}", f"unset {name}")
    return Finding(AREA, "threads", OK, found)


def memory() -> Finding:
    """Tell how much memory may still be taken, by machine, control groups and ulimit."""
    left = available_memory()
    if left is None:
        return Finding(AREA, "memory", WARNING, "nothing says how much memory is left",
                       "give fits a limit: --memory-limit 8G")  # fmt: skip
    groups = list(cgroups.memory_left())
    said = f"{size_text(left)} may be taken"
    if groups and min(groups) <= left:
        said += ", by the control group's limit"
    remedy = "raise the limit (resources.limits.memory, docker run --memory) by gputsne plan N D"
    if left < LEAST:
        return Finding(AREA, "memory", FAILED, f"{said}: less than the libraries take", remedy)
    if left < LITTLE:
        return Finding(AREA, "memory", WARNING, said, remedy)
    return Finding(AREA, "memory", OK, said)


def shared_memory() -> Finding:
    """Tell how much /dev/shm has, where processes of joblib keep arrays."""
    folder = cgroups.ROOT / "dev/shm"
    if not folder.is_dir():
        return Finding(AREA, "shared memory", OK, "no /dev/shm: joblib uses the temporary folder")
    free = shutil.disk_usage(folder).free
    if free <= SHARED:
        return Finding(AREA, "shared memory", WARNING, f"/dev/shm has {size_text(free)} left",
                       "export JOBLIB_TEMP_FOLDER=/tmp, or docker run --shm-size 1g")  # fmt: skip
    return Finding(AREA, "shared memory", OK, f"/dev/shm has {size_text(free)} left")


def temporary() -> Finding:
    """Write a megabyte to the temporary folder."""
    remedy = "export TMPDIR=/a/folder/with/room"
    try:
        folder = tempfile.gettempdir()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(AREA, "temporary folder", FAILED, f"it can't be written: {error}", remedy)
    free = shutil.disk_usage(folder).free
    state = OK if free > LITTLE else WARNING
    found = f"{folder} has {size_text(free)} left"
    return Finding(AREA, "temporary folder", state, found, "" if state == OK else remedy)


def home() -> Finding:
    """Tell whether libraries have a place for their caches."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:
        return Finding(AREA, "home", WARNING, "no home folder: matplotlib and CuPy make their "
                       "caches anew each time", "export HOME=/tmp")  # fmt: skip
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(AREA, "home", WARNING, f"{folder} can't be written: matplotlib and CuPy "
                       "make their caches anew each time",
                       "export XDG_CACHE_HOME=$TMPDIR MPLCONFIGDIR=$TMPDIR")  # fmt: skip
    return Finding(AREA, "home", OK, f"caches go to {folder}")


def text() -> Finding:
    """Tell whether files' names and texts are UTF-8."""
    files, streams = sys.getfilesystemencoding(), locale.getpreferredencoding(False)
    found = f"names of files {files}, texts {streams}"
    if {files.lower().replace("-", ""), streams.lower().replace("-", "")} != {"utf8"}:
        return Finding(AREA, "text", WARNING, f"{found}: other letters than ASCII may be lost",
                       "export PYTHONUTF8=1")  # fmt: skip
    return Finding(AREA, "text", OK, found)


def clock() -> Finding:
    """Tell whether the machine's clock can be right."""
    now = time.time()
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    if now < BUILT:
        return Finding(AREA, "clock", WARNING, f"{shown} is before this version was written",
                       "timedatectl set-ntp true")  # fmt: skip
    return Finding(AREA, "clock", OK, shown)


CHECKS: Final[dict[str, Check]] = {
    "python": python, "packages": packages, "imports": imports, "kernels": kernels,
    "threads": processors, "memory": memory, "shared memory": shared_memory,
    "temporary folder": temporary, "home": home, "text": text, "clock": clock,
}  # fmt: skip
