"""What was compiled is taken where it lies: of the installation in this checkout, by its hash."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from gpu_free import compiled


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for nvcc, which digests "new"; returns the folders that it was asked to fill."""
    folders: list[Path] = []

    def kernels(nvcc: str, source: Path, archs: tuple[int, ...], folder: Path) -> None:
        if not (folder / "digest").exists():
            folders.append(folder)
            write(folder)

    tools = SimpleNamespace(
        ARCHS=(90,), find=lambda: "nvcc", sources=lambda: [Path("sum.cu")],
        kernels_digest=lambda *_: "new", kernels=kernels,
    )  # fmt: skip
    monkeypatch.setattr(compiled, "recipe", lambda: tools)
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    return folders


def write(folder: Path, digest: str = "new", log: str = "ptxas info    : 0 bytes gmem") -> Path:
    folder.mkdir(parents=True)
    (folder / "digest").write_text(digest)
    (folder / "log").write_text(log)
    return folder


def test_the_installed_kernels_are_looked_into(tmp_path: Path, made: list[Path]):
    installed = write(tmp_path / "build" / "temp.linux-x86_64-cpython-311" / "cuda" / "sum")
    (one,) = compiled.compile_all()
    assert (one.folder, one.name, made) == (installed, "sum", [])


def test_kernels_of_other_sources_are_not(tmp_path: Path, made: list[Path]):
    installed = write(tmp_path / "build" / "cuda" / "sum", digest="old")
    (one,) = compiled.compile_all()
    assert one.folder != installed
    assert made == [one.folder]
    assert compiled.compile_all() == [one]  # and kept
    assert made == [one.folder]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("said", ["x.cu(3): warning #177-D: unused", "ptxas warning : spilled"])
def test_a_warning_of_the_installation_is_an_error(said: str, tmp_path: Path):
    write(tmp_path / "build" / "cuda" / "sum", log=said)
    with pytest.raises(RuntimeError, match=re.escape(said)):
        compiled.compile_all()


@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_every_binding_is_compiled_once(parts: int, tmp_path: Path):
    bindings: Callable[[Path, int], list[Path]] = compiled.recipe().bindings
    text = "".join(path.read_text() for path in bindings(tmp_path, parts))
    files = sorted(str(path) for path in compiled.recipe().HERE.glob("*.cpp"))
    assert len(files) > 10
    assert sorted(re.findall(r'#include "(.+)"', text)) == files


def test_the_hash_is_of_the_file_its_headers_and_the_options(monkeypatch: pytest.MonkeyPatch):
    tools = compiled.recipe()
    said = SimpleNamespace(stdout=b"nvcc 1")
    monkeypatch.setattr(tools.subprocess, "run", lambda *_, **__: said)
    source, other = tools.HERE / "deposit.cu", tools.HERE / "step.cu"
    seen = {tools.kernels_digest("nvcc", source, (90,)), tools.kernels_digest("nvcc", other, (90,))}
    seen.add(tools.kernels_digest("nvcc", source, (80, 90)))
    monkeypatch.setattr(tools, "FLAGS_OF", {})
    seen.add(tools.kernels_digest("nvcc", source, (90,)))
    said.stdout = b"nvcc 2"
    seen.add(tools.kernels_digest("nvcc", source, (90,)))
    assert len(seen) == 5
