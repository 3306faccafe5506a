"""Builds ``gputsne._native`` from csrc/cpu; where it can't, says why in one line and goes on.

``GPUTSNE_NATIVE=auto`` (default) tries, ``on`` must, ``off`` never; ``GPUTSNE_CXXFLAGS`` comes last
(sanitisers). ``GPUTSNE_CUDA`` says the same of ``gputsne._cuda``, which needs nvcc and is built
beside the other one only; ``GPUTSNE_CUDA_ARCHS="80 90"`` names GPUs, the fewer the quicker.
``GPUTSNE_BUILD_JOBS`` compilations run at a time (2; 0 for one per processor). The outcome is
recorded in ``gputsne/_build.json``, for ``gputsne info``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CUDA = "gputsne._cuda"


def switch(name: str) -> str:
    """Return what an environment variable says: "auto", "on" or "off"."""
    said = os.environ.get(name, "auto").strip().lower() or "auto"
    if said not in ("auto", "on", "off"):
        raise SystemExit(f"{name}={said!r} is none of 'auto', 'on', 'off'")
    return said


def jobs_at_once() -> int:
    """Return how many compilations run at a time: GPUTSNE_BUILD_JOBS, 0 for one per processor."""
    said = os.environ.get("GPUTSNE_BUILD_JOBS", "").strip() or "2"
    if not said.isdecimal():
        raise SystemExit(f"GPUTSNE_BUILD_JOBS={said!r} must be an integer of 0 (all) or more")
    return int(said) or os.cpu_count() or 1


MODE = switch("GPUTSNE_NATIVE")
CUDA_MODE = switch("GPUTSNE_CUDA")

# Portable: no -march, the kernels are bound by memory (docs/math.md). The two -fno flags let the
# compiler vectorise sqrt and selects; neither changes a result, so they keep runs bit-equal. Where
# a processor has fused multiply-add (aarch64), contraction would change results.
COMPILE = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
COMPILE += ["-fvisibility=hidden"]
COMPILE += os.environ.get("GPUTSNE_CXXFLAGS", "-g0").split()
JOBS = jobs_at_once()


def relative(pattern: str) -> list[str]:
    """Return the files of a glob as setuptools wants them: sorted, relative to this file."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


def version() -> str:
    """Return the one version, from the text of ``gputsne/_version.py``."""
    text = (ROOT / "gputsne" / "_version.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)  # type: ignore[union-attr]


def native() -> Extension:
    """Return the CPU module; OpenMP is added by ``BuildNative`` once the compiler is known."""
    import pybind11

    return Extension(
        "gputsne._native",
        sources=relative("csrc/cpu/*.cpp"),
        depends=[*relative("csrc/**/*.?pp"), "gputsne/_version.py", "setup.py"],
        include_dirs=[pybind11.get_include(), "csrc/kernels", "csrc/cpu"],
        define_macros=[("GPUTSNE_VERSION", f'"{version()}"')],
        extra_compile_args=list(COMPILE),
        language="c++",
    )


def nvcc() -> ModuleType:
    """Return csrc/cuda/nvcc.py: how the CUDA module is compiled and linked, and sources joined."""
    spec = importlib.util.spec_from_file_location("nvcc", ROOT / "csrc" / "cuda" / "nvcc.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cuda() -> tuple[list[Extension], str]:
    """Return the CUDA module, or why it is not built; its sources are nvcc's, not setuptools'."""
    if CUDA_MODE == "off":
        return [], "GPUTSNE_CUDA=off when gputsne was installed"
    if nvcc().find() is None:
        if CUDA_MODE == "on":
            raise SystemExit("GPUTSNE_CUDA=on, but nvcc was not found (CUDA_HOME, PATH)")
        return [], "nvcc was not found when gputsne was installed"
    return [Extension(CUDA, sources=[], optional=CUDA_MODE == "auto")], ""


def extensions() -> tuple[list[Extension], str, str]:
    """Return what to build, and the reasons where a module is not."""
    if MODE == "off":
        reason = "GPUTSNE_NATIVE=off when gputsne was installed"
        return [], reason, reason
    try:
        with_cuda, why_no_cuda = cuda()
        return [native(), *with_cuda], "", why_no_cuda
    except ImportError as error:
        if MODE == "on":
            raise SystemExit(f"GPUTSNE_NATIVE=on, but {error}") from error
        reason = f"no pybind11 when gputsne was installed ({error})"
        return [], reason, reason


def record(
    package: Path, *, native: bool, openmp: bool, reason: str, cuda: bool, cuda_reason: str
) -> None:
    """Write how the modules fared beside the package's files; say it if there are none."""
    package.mkdir(parents=True, exist_ok=True)
    facts = {"native": native, "openmp": openmp, "reason": reason, "machine": platform.machine()}
    facts |= {"cuda": cuda, "cuda_reason": cuda_reason}
    (package / "_build.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if not native:
        line = f"gputsne: installed without compiled kernels, numpy does the work: {reason}"
        print(line, file=sys.stderr, flush=True)


EXTENSIONS, REASON, CUDA_REASON = extensions()


class BuildPython(build_py):
    """Copies the package; without anything to compile, this is where the reason is recorded."""

    def run(self) -> None:
        """Copy into an empty folder, so that no module of an older build stays, then record."""
        here = ROOT if self.editable_mode else Path(self.build_lib)
        if here != ROOT:
            shutil.rmtree(here / "gputsne", ignore_errors=True)
        super().run()
        if not EXTENSIONS:
            facts = {"native": False, "openmp": False, "cuda": False, "cuda_reason": CUDA_REASON}
            record(here / "gputsne", reason=REASON, **facts)


class BuildNative(build_ext):
    """Compiles in two jobs, only what changed, with OpenMP if the compiler has it."""

    openmp = False
    cuda_reason = CUDA_REASON

    def run(self) -> None:
        """Build; in mode "auto" a failure becomes a recorded reason."""
        reason = ""
        try:
            super().run()
        except Exception as error:  # whatever a toolchain comes up with
            if MODE == "on":
                raise
            print(error, file=sys.stderr)
            reason = f"{self.toolchain()}; 'pip install -v .' shows what happened"
            self.extensions = []  # not the distribution's list: its wheel keeps one layout
            self.cuda_reason = self.cuda_reason or reason
        here = ROOT if self.inplace or self.editable_mode else Path(self.build_lib)
        for stale in (here / "gputsne").glob("_cuda*.so") if self.cuda_reason else ():
            stale.unlink()
        facts = {"cuda": not self.cuda_reason, "cuda_reason": self.cuda_reason}
        record(here / "gputsne", native=not reason, openmp=self.openmp, reason=reason, **facts)

    def toolchain(self) -> str:
        """Say what the toolchain lacks, the likeliest first."""
        command = (getattr(self.compiler, "compiler_cxx", None) or ["a C++ compiler"])[0]
        if not shutil.which(command):
            return f"{command} was not found"
        if not Path(sysconfig.get_path("include"), "Python.h").exists():
            return "Python.h was not found (Debian: apt install python3-dev)"
        return f"{command} failed"

    def build_extensions(self) -> None:
        """Add OpenMP where it works, and deal the sources out to two jobs."""
        from pybind11.setup_helpers import ParallelCompile

        self.openmp = self.compiles(["-fopenmp"])
        for extension in self.extensions:
            extra = ["-fopenmp"] if self.openmp else []
            extension.extra_compile_args += extra
            extension.extra_link_args += extra
        headers = [Path(p).stat().st_mtime for p in self.extensions[0].depends]

        def stale(obj: str, source: str) -> bool:
            newest = max(Path(source).stat().st_mtime, *headers)
            return not Path(obj).exists() or Path(obj).stat().st_mtime <= newest

        with ParallelCompile(default=JOBS, needs_recompile=stale):
            super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        """Join the CPU module's sources; hand the CUDA module to nvcc, noting a failure."""
        if ext.name != CUDA:
            folder = Path(self.build_temp)
            folder.mkdir(parents=True, exist_ok=True)
            files = [ROOT / source for source in ext.sources]
            ext.sources = [str(p) for p in nvcc().joined(files, folder, "native", JOBS)]
            super().build_extension(ext)
            return
        import pybind11

        kept = ROOT / "build" if self.inplace or self.editable_mode else Path(self.build_temp)
        tools = nvcc()
        try:
            tools.build(
                tools.find(),
                Path(self.get_ext_fullpath(ext.name)),
                kept / "cuda",
                version=version(),
                include=[pybind11.get_include(), sysconfig.get_path("include")],
                jobs=JOBS,
            )
        except Exception as error:
            if CUDA_MODE == "on":
                raise
            print(error, file=sys.stderr)
            self.cuda_reason = "nvcc failed; 'pip install -v .' shows what happened"

    def compiles(self, flags: list[str]) -> bool:
        """Tell whether a program that uses OpenMP compiles and links with these flags."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.cpp")
            source.write_text("#include <omp.h>\nint main() { return !omp_get_max_threads(); }\n")
            try:
                objects = self.compiler.compile([str(source)], folder, extra_postargs=flags)
                self.compiler.link_executable(
                    objects, str(Path(folder, "probe")), extra_postargs=flags, target_lang="c++"
                )
            except Exception:
                return False
        return True


commands: dict[str, Any] = {"build_py": BuildPython, "build_ext": BuildNative}
setup(ext_modules=EXTENSIONS, cmdclass=commands)
