"""Sdist and wheel hold what they should and nothing else, with and without a compiler.

The distributions are built from a copy of the checkout without compiling; the compiled module is
what the installation under test was built with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
TOP = (*TOP, "CITATION.cff", "CONTRIBUTING.md", ".clang-format")
TREES = ("gputsne", "csrc", "tests", "docs")
BUILT = ("*.so", "*.o", "*.py[cod]", "__pycache__", "_build.json")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the checkout without anything that was built in it, and with a few traps."""
    copy = tmp_path_factory.mktemp("checkout")
    for tree in TREES:
        if (ROOT / tree).is_dir():
            shutil.copytree(ROOT / tree, copy / tree, ignore=shutil.ignore_patterns(*BUILT))
    for file in TOP:
        shutil.copy(ROOT / file, copy / file)
    return copy


@pytest.fixture(scope="module")
def sources(checkout: Path) -> set[str]:
    return {str(p.relative_to(checkout)) for p in checkout.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def distributions(
    checkout: Path, sources: set[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Build the sdist and, from it, the wheel, in a checkout that was used before."""
    (checkout / "gputsne" / "_build.json").write_text("{}")
    (checkout / "gputsne" / "_native.old.so").write_bytes(b"\0")
    (checkout / "gputsne" / "__pycache__").mkdir()
    (checkout / "gputsne" / "__pycache__" / "types.cpython-311.pyc").write_bytes(b"\0")
    (checkout / "demo.html").write_text("<html>")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    run(command, checkout, GPUTSNE_NATIVE="off")
    return out


def run(command: list[str], where: Path, *, check: bool = True, **environ: str) -> str:
    """Run a command quietly; a failure shows what it printed."""
    done = subprocess.run(
        command, cwd=where, env={**os.environ, **environ}, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    assert (done.returncode == 0) is check, output
    return output


def test_sdist_is_the_sources_and_nothing_else(distributions: Path, sources: set[str]):
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {m.name.split("/", 1)[1] for m in archive.getmembers() if m.isfile()}
    made = {n for n in names if n.startswith("gputsne.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    assert names - made == sources


def test_wheel_is_the_package_and_nothing_else(distributions: Path, sources: set[str]):
    (path,) = distributions.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
        info = {n.split("/", 1)[1] for n in archive.namelist() if ".dist-info/" in n}
        record = json.loads(archive.read("gputsne/_build.json"))
    package = {s for s in sources if s.startswith("gputsne/")}
    assert names == package | {"gputsne/_build.json"}
    assert "gputsne/py.typed" in names
    assert {"METADATA", "RECORD", "entry_points.txt", "licenses/LICENSE"} <= info
    assert record["native"] is False
    assert "GPUTSNE_NATIVE=off" in record["reason"]
    assert path.name.endswith("-py3-none-any.whl")  # nothing compiled: it serves every machine


@pytest.mark.parametrize("compiler", ["missing", "failing"])
def test_without_a_working_compiler_the_build_succeeds_and_says_so(
    compiler: str, checkout: Path, tmp_path: Path
):
    command = {"missing": str(tmp_path / "no-such-compiler"), "failing": "false"}[compiler]
    build = [sys.executable, "setup.py", "build", "--build-base", str(tmp_path)]
    build += ["--build-lib", str(tmp_path / "lib")]
    stale = tmp_path / "lib" / "gputsne" / "removed_since.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    without = {"CC": command, "CXX": command, "GPUTSNE_CUDA": "off"}
    output = run(build, checkout, GPUTSNE_NATIVE="auto", **without)
    assert not stale.exists()
    record = json.loads((tmp_path / "lib" / "gputsne" / "_build.json").read_text())
    said = [line for line in output.splitlines() if "without compiled kernels" in line]
    assert len(said) == 1
    assert record["native"] is False
    assert record["reason"] in said[0]
    assert {"missing": "not found", "failing": "failed"}[compiler] in record["reason"]
    run(build, checkout, check=False, GPUTSNE_NATIVE="on", **without)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GPUTSNE_NATIVE", "yes", "GPUTSNE_NATIVE='yes' is none of"),
        ("GPUTSNE_BUILD_JOBS", "-1", "GPUTSNE_BUILD_JOBS='-1' must be an integer of 0"),
    ],
)
def test_a_mistyped_switch_is_refused(checkout: Path, name: str, value: str, told: str):
    command = [sys.executable, "setup.py", "--version"]
    assert told in run(command, checkout, check=False, **{name: value})
