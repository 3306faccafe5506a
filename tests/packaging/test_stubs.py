"""The stubs of the compiled modules describe the modules that are installed."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gputsne
from gputsne._build import build

CLASSES = (
    "Convolution", "Directed", "Edges", "Fitted", "Given", "Mesh", "Packed", "Query", "Rows",
    "StepInto",
)  # fmt: skip
MODULES = ("_native", "_cuda")


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> str:
    if importlib.util.find_spec(f"gputsne.{request.param}") is None:
        told = build()
        pytest.skip(told["reason"] if request.param == "_native" else told["cuda_reason"])
    return str(request.param)


@pytest.mark.slow
def test_the_stubs_name_what_the_modules_have(tmp_path: Path):
    modules = [f"gputsne.{m}" for m in MODULES if importlib.util.find_spec(f"gputsne.{m}")]
    if not modules:
        pytest.skip(build()["reason"])
    # The metaclass of pybind11's classes can't be imported, and the mark of a class that both
    # modules bind has the compiler's name in it, so no stub can name them.
    allowed = tmp_path / "allowed"
    bound = f"gputsne\\.({'|'.join(MODULES)})\\.({'|'.join(CLASSES)})"
    allowed.write_text(f"{bound}\n{bound}\\.__pybind11_module_local\\w+\n", encoding="utf-8")
    # Beside an empty package: the types of the whole one, which are checked first, take longer.
    home, alone = Path(gputsne.__file__).parent, tmp_path / "gputsne"
    assert (home / "py.typed").is_file()  # or nobody would read the stubs
    alone.mkdir()
    (alone / "__init__.pyi").touch()
    for module in modules:
        stub = f"{module.removeprefix('gputsne.')}.pyi"
        (alone / stub).write_bytes((home / stub).read_bytes())
    command = [sys.executable, "-m", "mypy.stubtest", *modules]
    done = subprocess.run(
        [*command, "--allowlist", str(allowed), "--ignore-unused-allowlist"],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def parameters(function: ast.FunctionDef) -> tuple[list[str], int]:
    """Return the names of the parameters and how many of them have a default."""
    return [a.arg for a in function.args.args], len(function.args.defaults)


def test_the_stub_has_the_parameters_of_the_bindings(module: str):
    # stubtest can't see them: pybind11 writes signatures into the docstring's first line only.
    compiled = importlib.import_module(f"gputsne.{module}")
    stub = ast.parse(Path(gputsne.__file__).with_name(f"{module}.pyi").read_text(encoding="utf-8"))
    want = {f.name: parameters(f) for f in stub.body if isinstance(f, ast.FunctionDef)}
    for name, wanted in want.items():
        first, *more = getattr(compiled, name).__doc__.splitlines()
        # of several overloads the first line says nothing, and each has a numbered one
        lines = [line.split(". ", 1)[1] for line in more if re.match(r"\d+\. ", line)] or [first]
        for line in lines:
            (bound,) = ast.parse(f"def {line}: ...").body
            assert isinstance(bound, ast.FunctionDef)
            assert parameters(bound) == wanted, name
