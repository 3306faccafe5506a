"""The house looks as designed: sizes, direction of imports, first lines, docstrings."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import re
import token as tokens
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The rooms from the ground up: a room may import those of lower levels, never one of its own level
# or above. Names that have no folder yet are reserved for what is planned there.
LEVELS: list[set[str]] = [
    {"base", "_version", "_build", "_native", "_cuda"},
    {"data", "backends"},
    {"preparation", "neighbors", "affinities", "initial"},
    {"engine"},
    {"planning"},
    {"provenance", "viewer"},
    {"model"},
    {"estimator"},
    {"plotting", "runs", "judging"},
    {"tiling", "accounts"},
    {"reporting", "telemetry", "sweeps", "callbacks", "updating", "gates", "large"},
    {"serve", "notebook", "dask"},
    {"__init__"},
    {"cli"},
    {"__main__"},
]
# A tower beside the stages: what judges or explains a map needs no fit, only points and neighbours;
# what inspects or compares maps asks the metrics, too.
SIDE = {"metrics", "inspection", "change", "sampling"}
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
LEVEL |= dict.fromkeys(SIDE, LEVEL["planning"]) | {"metrics": LEVEL["engine"]}
SIDE_MAY = {"base", "neighbors", "metrics", "_version"}
NOT_CODE = {
    tokens.COMMENT, tokens.NL, tokens.NEWLINE, tokens.INDENT, tokens.DEDENT, tokens.ENDMARKER,
}  # fmt: skip
# Tables that tell users the names of devices; everyone else asks a backend what it can do.
NAMES_FOR_USERS = {"base/parameter_table.py", "model/foreign.py"}
LIMITS = {".py": 300, ".pyi": 300, ".cpp": 350, ".hpp": 350, ".cu": 350, ".cuh": 350}
# Only the machines, and the emulator of one, may know how a body is launched and how bodies meet.
MACHINES = {
    "machine.hpp",
    "gpu_machine.hpp",
    "gpu_rows.hpp",
    "gpu_patch.hpp",
    "gpu_fft.hpp",
    "gpu_neighbors.hpp",
    "simt.hpp",
    "simt_device.hpp",
}
LAUNCH = re.compile(r"<<<|#\s*pragma\s+omp|_Pragma\(.*omp|\bomp_\w+|__shfl|\batomic[A-Z]\w+")
ATOMIC = re.compile(r"\batomic")
# numpydoc's codes: a docstring whose summary is a sentence; parameters and results all described.
SUMMARY = {"GL08", "SS01", "SS03"}
SECTIONS = {"PR01", "PR02", "PR04", "RT01", "YD01"}


def files(*suffixes: str) -> list[Path]:
    """Return the project's own files with one of these suffixes."""
    tops = ("gputsne", "csrc", "tests", "bench", "docs")
    found = [p for top in tops for p in (ROOT / top).rglob("*") if p.suffix in suffixes]
    found += [p for p in ROOT.glob("*") if p.suffix in suffixes]
    return sorted(p for p in found if "__pycache__" not in p.parts)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    return path.relative_to(ROOT / "gputsne").parts[0].removesuffix(".py")


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def imported_rooms(source: str, package: list[str]) -> set[str]:
    """Return the rooms of gputsne that a module's source imports, anywhere in it."""
    modules: set[str] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").split(".")]
            modules |= {".".join([*filter(None, base), alias.name]) for alias in node.names}
    inside = [m.split(".")[1:] for m in modules if m.split(".")[0] == "gputsne"]
    rooms = {p.stem for p in (ROOT / "gputsne").iterdir()} | {"_native", "_cuda"}
    return {parts[0] if parts and parts[0] in rooms else "__init__" for parts in inside}


def words_of_code(source: str) -> list[str]:
    """Return a module's strings but for docstrings, and what it imports of the project."""
    tree = parsed(source)
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            found.append(node.value)
        elif isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.startswith("gputsne")]
        elif isinstance(node, ast.ImportFrom) and (node.level or "gputsne" in str(node.module)):
            found += [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return found


def modules() -> list[str]:
    paths = [p.relative_to(ROOT).with_suffix("") for p in (ROOT / "gputsne").rglob("*.py")]
    return sorted(".".join(p.parts).removesuffix(".__init__") for p in paths)


def code_lines(path: Path) -> int:
    """Count the lines that are code: no docstrings, no comments, no blank lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix not in (".py", ".pyi"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        return sum(bool(re.sub(r"//.*", "", line).strip()) for line in text.splitlines())
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


# A check of every file is one test, which names the files that fail: a test for each of thousands
# would take most of its time beside the check.
def test_no_file_outgrows_its_limit():
    found = []
    for path in files(*LIMITS):
        limit = LIMITS[path.suffix]
        # no more lines are code than there are; counting those alone takes long
        if path.read_text(encoding="utf-8").count("\n") >= limit and code_lines(path) > limit:
            found.append(f"{name(path)}: {code_lines(path)} lines of code, at most {limit}")
    assert not found, "\n".join(found)


def uphill(path: Path) -> set[str]:
    """Return the rooms that a module imports and may not."""
    here = room(path)
    assert here in LEVEL, f"{here} is a new room: give it a level in LEVELS"
    package = list(path.relative_to(ROOT).parts[:-1])
    imported = imported_rooms(path.read_text(encoding="utf-8"), package) - {here}
    strange = imported - SIDE_MAY if here in SIDE else set()
    return strange | {other for other in imported if LEVEL[other] >= LEVEL[here]}


def test_imports_point_downhill():
    paths = sorted((ROOT / "gputsne").rglob("*.py"))
    found = {name(path): rooms for path in paths if (rooms := uphill(path))}
    assert paths
    assert not found


@pytest.mark.parametrize(
    ("line", "rooms"),
    [
        ("import gputsne.base.types as t", {"base"}),
        ("from gputsne import base, data", {"base", "data"}),
        ("def f():\n    from gputsne.cli.errors import Judged", {"cli"}),
        ("from . import cli", {"plotting"}),
        ("from .. import data", {"data"}),
        ("from ..base.types import KNNGraph", {"base"}),
        ("from gputsne import __version__", {"__init__"}),
        ("import numpy, gputsnext.types", set()),
    ],
)
def test_every_way_of_importing_is_seen(line: str, rooms: set[str]):
    assert imported_rooms(line, ["gputsne", "plotting"]) == rooms


def test_only_backends_know_what_a_device_is_called():
    device, found = re.compile(r"\bcuda\b"), {}
    for path in sorted((ROOT / "gputsne").rglob("*.py")):
        where = name(path).removeprefix("gputsne/")
        if where.startswith("backends/") or where in NAMES_FOR_USERS:
            continue
        words = words_of_code(path.read_text(encoding="utf-8"))
        if named := [word for word in words if device.search(word)]:
            found[where] = named
    assert not found


def test_every_way_of_naming_a_device_is_seen():
    lines = ['"""cuda"""', "from gputsne.cuda import b", 'x = d == "cuda"', 'f = f"{d} cuda"']
    seen = words_of_code("\n".join([*lines, "# cuda", "from cupy.cuda import b"]))
    assert sum("cuda" in word for word in seen) == 3


def test_only_the_machine_knows_how_bodies_are_launched():
    found = {}
    for path in files(".cpp", ".hpp", ".cu", ".cuh"):
        text = path.read_text(encoding="utf-8")
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
        launched = LAUNCH.search(code) or ATOMIC.search(code)
        if path.name not in MACHINES and launched:
            found[name(path)] = launched[0]
    assert not found


def test_a_file_begins_by_saying_what_it_is():
    found = []
    for path in files(*LIMITS, ".sh"):
        text = path.read_text(encoding="utf-8").removeprefix("#!/usr/bin/env bash\n")
        mark = {".py": '"""', ".pyi": '"""', ".sh": "# "}.get(path.suffix, "// ")
        first = text.split("\n", 1)[0]
        if not text.removeprefix("r").startswith(mark) or "?" in first:
            found.append(f"{name(path)}: {first}")  # the answer, not the question
    assert not found, "\n".join(found)


def test_no_path_of_one_machine():
    suffixes = (*LIMITS, ".md", ".toml", ".in", ".cff", ".yaml", ".json", ".sh", ".Dockerfile")
    here = re.compile(r"(?<![\w.])/(?:work|root|home|Users|tmp/[a-z])/?(?=\w)")
    found = [name(p) for p in files(*suffixes) if here.search(p.read_text(encoding="utf-8"))]
    assert not found


def documentable(value: object) -> bool:
    """Tell functions, classes and commands from constants and type aliases."""
    return inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)


def faults(target: str, value: object, codes: set[str]) -> list[str]:
    """Return what numpydoc says about a name, for the codes that matter."""
    from numpydoc.validate import validate

    if inspect.ismodule(value):  # numpydoc looks for a def or a class in it
        return [] if value.__doc__ else [f"{target}: GL08 no docstring"]
    fields = getattr(value, "__dataclass_fields__", getattr(value, "_fields", ()))
    missing: set[str] = set()
    if fields:  # a record: numpydoc does not read the section Attributes, where its fields stand
        told = re.findall(r"\w+", str(value.__doc__))
        missing = set(fields).difference(told) if codes >= SECTIONS else set()
        codes = codes - SECTIONS
    found = [f"{target}: {c} {text}" for c, text in validate(target)["errors"] if c in codes]
    return found + [f"{target}: {field} is not described" for field in missing]


@pytest.mark.parametrize("module", modules())
def test_every_room_says_what_its_names_are(module: str):
    if module == "gputsne.__main__":
        return  # importing it runs the command
    room = importlib.import_module(module)
    names = [n for n in getattr(room, "__all__", []) if documentable(getattr(room, n))]
    found = [f for n in names for f in faults(f"{module}.{n}", getattr(room, n), SUMMARY)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "module",
    [
        "gputsne",
        "gputsne.TSNE",
        "gputsne.metrics",
        "gputsne.inspection",
        "gputsne.judging",
        "gputsne.gates",
        "gputsne.reporting",
        "gputsne.data.datasets",
        "gputsne.dask",
    ],
)
def test_what_users_call_is_documented_in_full(module: str):
    import gputsne

    home = gputsne.TSNE if module == "gputsne.TSNE" else importlib.import_module(module)
    kinds = [k for k in getattr(home, "__mro__", ()) if k.__module__.startswith("gputsne.")]
    own = {n for k in kinds for n, value in vars(k).items() if callable(getattr(home, n))}
    names = [n for n in own if not n.startswith("_")] if kinds else home.__all__
    assert names
    values = {n: getattr(home, n) for n in names if documentable(getattr(home, n))}
    full = SUMMARY | SECTIONS
    found = [f for n, value in values.items() for f in faults(f"{module}.{n}", value, full)]
    assert not found, "\n".join(found)
