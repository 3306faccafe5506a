"""The CUDA launchers without a GPU: compiled by g++ on top of simt.hpp, as a module.

``Emulator`` has the functions of ``gputsne._cuda``, on addresses of host memory, and steers the
shuffle of the threads. The modules are kept in build/gpu_free, by the hash of what made them.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpu_free.compiled import recipe
from gpu_free.locks import locked

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
NARROW = ("machine.hpp", "gpu_error.hpp")
BINDINGS = ("-O0",)
PLAIN = ("-O2",)
PLANTED = ("-O0",)  # a bug is compiled once and run for a moment
SANITISED = (
    "-O0",  # compiling takes longer than running
    "-g1",
    "-fsanitize=address,undefined",
    "-fno-sanitize=vptr",
    "-fno-sanitize-recover=undefined",
)
JOBS = 2


def command(flags: Sequence[str], csrc: Path) -> list[str]:
    """Return how a source is compiled."""
    import pybind11

    folders = [HERE, csrc / "cuda", pybind11.get_include(), sysconfig.get_path("include")]
    defines = ["-DSIMT_EMU", "-DGPUTSNE_MODULE=_emulated", '-DGPUTSNE_VERSION="0"']
    return [
        os.environ.get("CXX", "g++"),
        "-std=c++17",
        "-fPIC",
        "-ffp-contract=off",  # as the CPU module on x86-64 and the deposit on the GPU
        "-fno-gnu-unique",  # several modules in one process share nothing
        *flags,
        *defines,
        '-DGPUTSNE_ARCHS="emulated"',
        *(f"-I{folder}" for folder in folders),
    ]


def run(arguments: Sequence[str]) -> None:
    """Run a compiler; what it says is the error's message."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}\n{done.stderr[-4000:]}")


def hashed(paths: Sequence[Path], flags: Sequence[str]) -> str:
    digest = hashlib.sha256(" ".join(flags).encode())
    for path in paths:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def build(flags: Sequence[str] = PLAIN, planted: Path | None = None) -> Path:
    """Return the compiled module; an object is made again only if something it may see changed.

    ``planted`` is a .cu file of a copy of csrc. It stands before the file of that name, which has
    the functions that it lacks; the flags are for this file only.
    """
    csrc, store = ROOT / "csrc", ROOT / "build" / "gpu_free"
    store.mkdir(parents=True, exist_ok=True)
    with locked(store / "bindings.lock"):
        bindings = recipe().bindings(store, JOBS)
    sources = sorted([*csrc.glob("cuda/*.cu"), *HERE.glob("simt_*.cpp"), *bindings])
    if planted is not None:  # first, so that its kernels are the ones that are linked
        sources = [planted, *sources]

    def compiled(source: Path) -> str:
        around = source.parents[1] if source.suffix == ".cu" else csrc
        seen = [*around.glob("kernels/*.hpp"), *around.glob("cuda/*.hpp"), *HERE.glob("simt*.hpp")]
        how = flags if planted is None else PLAIN
        if source == planted and flags == PLAIN:
            how = PLANTED
        elif source == planted:
            how = flags
        if source.parent == HERE:  # the scheduler: not what sanitisers are to watch
            how = PLAIN
        elif source.parent == store:  # they only pass on: neither optimised nor sanitised
            how = BINDINGS
            seen = [p for p in seen if p.parent.name != "kernels" or p.name in NARROW]
            seen += csrc.glob("cuda/*.cpp")
        target = store / f"{source.stem}-{hashed([source, *sorted(seen)], how)}.o"
        with locked(target.with_suffix(".lock")):
            if not target.exists():
                part = target.with_suffix(".part")
                run([*command(how, around), "-x", "c++", "-c", str(source), "-o", str(part)])
                part.replace(target)  # whole or not there
        return str(target)

    with ThreadPoolExecutor(JOBS) as pool:
        objects = list(pool.map(compiled, sources))
    name = hashlib.sha256(" ".join([*objects, *flags]).encode()).hexdigest()[:16]
    module = store / name / "_emulated.so"
    with locked(store / f"{name}.lock"):
        if not module.exists():
            module.parent.mkdir(exist_ok=True)
            part = module.with_suffix(".part")
            first_counts = ["-Wl,-z,muldefs"] if planted else []
            link = [*command(flags, csrc), "-shared", *first_counts, *objects, "-o", str(part)]
            run([*link, "-ldl"])
            part.replace(module)
    return module


@dataclass(frozen=True)
class Launch:
    """One launch, as the driver would get it."""

    kernel: str  # mangled name
    grid: int
    block: tuple[int, int]
    arguments: bytes
    shared: int  # bytes that the launch gives each block


class Emulator:
    """The launchers of csrc/cuda on host memory.

    Parameters
    ----------
    module : Path
        What ``build`` returned.
    """

    def __init__(self, module: Path) -> None:
        # pybind11 knows modules by their full name: each build has its own
        spec = importlib.util.spec_from_file_location(f"{module.parent.name}.{module.stem}", module)
        assert spec is not None
        assert spec.loader is not None
        self.cuda: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.cuda)
        self._steer = ctypes.CDLL(str(module))
        self._steer.simt_kernel.restype = ctypes.c_char_p
        self._steer.simt_launches.restype = ctypes.c_long

    def shuffle(self, seed: int) -> None:
        """Begin another order of blocks and threads."""
        self._steer.simt_seed(seed)

    @contextmanager
    def shared_memory(self, most: int) -> Iterator[None]:
        """Be a GPU whose blocks may have so many bytes of shared memory."""
        self._steer.simt_most_shared(most)
        try:
            yield
        finally:
            self._steer.simt_most_shared(227 << 10)

    def launches(self) -> int:
        """Return how many kernels were launched since the last call."""
        return int(self._steer.simt_launches())

    @contextmanager
    def recording(self) -> Iterator[list[Launch]]:
        """Collect launches instead of running them; the list is filled at the end."""
        found: list[Launch] = []
        self._steer.simt_forget()
        self._steer.simt_record(1)
        try:
            yield found
        finally:
            self._steer.simt_record(0)
            for k in range(self._steer.simt_recorded()):
                shape = (ctypes.c_uint * 4)()
                self._steer.simt_shape(k, shape)
                data = ctypes.c_void_p()
                size = self._steer.simt_arguments(k, ctypes.byref(data))
                assert data.value is not None
                name = self._steer.simt_kernel(k).decode()
                arguments = ctypes.string_at(data.value, size)
                block = (shape[1], shape[2])
                found.append(Launch(name, shape[0], block, arguments, shape[3]))


def available() -> str:
    """Return why the emulator can't be built here, or an empty string."""
    if not shutil.which(os.environ.get("CXX", "g++")):
        return "no C++ compiler"
    return "" if Path(sysconfig.get_path("include"), "Python.h").exists() else "no Python.h"


def runtime(library: str) -> str:
    """Return the path of a library of the compiler's, to be loaded before Python."""
    command = [os.environ.get("CXX", "g++"), f"-print-file-name={library}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def sanitised_environment() -> dict[str, str]:
    """Return what a process needs that loads a sanitised module."""
    # libstdc++ is loaded first too, for ASan to see its exceptions.
    libraries = [runtime(name) for name in ("libasan.so", "libstdc++.so")]
    return {
        "LD_PRELOAD": " ".join(libraries),
        # Python keeps memory until it ends. A block's threads read at most 2 kB beyond an array:
        # a wider zone around each says so, where freed memory behind it would be named instead.
        "ASAN_OPTIONS": "detect_leaks=0:redzone=2048",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
