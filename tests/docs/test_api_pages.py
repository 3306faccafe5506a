"""The pages of docs/api are those of today's docstrings, and docstrings say what signatures do."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.exceptions import NotFittedError

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("api_pages", ROOT / "tools" / "api_pages.py")
assert SPEC is not None
assert SPEC.loader is not None
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)
PAGES = TOOL.written()
DEFAULT = re.compile(r"\bdefault (\"[^\"]*\"|\w*\([^)]*\)|``[\w.]+``|\d+(?:,\d{3})+|[^\s,;]+)")


def public() -> Iterator[tuple[str, Any]]:
    """Return every public function, class and method with its full name."""
    for page, module in TOOL.pages().items():
        for name, value in TOOL.names_of(module).items():
            if callable(value):
                yield f"{page}.{name}", value
            if inspect.isclass(value):
                for member, held in TOOL.members(value):
                    if not isinstance(held, property):
                        yield f"{page}.{name}.{member}", held


PUBLIC = dict(public())
each = pytest.mark.parametrize("name", PUBLIC)


def is_exception(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException)


def parameters(value: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters by name, with their stars as a docstring writes them."""
    if is_exception(value) or getattr(value, "_is_protocol", False):
        return {}
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        f"{stars.get(p.kind, '')}{p.name}": p
        for p in inspect.signature(value).parameters.values()
        if p.name not in ("self", "cls")
    }


def documented(doc: NumpyDocString, *sections: str) -> list[tuple[str, str]]:
    """Return names and types of sections, several names of one line apart."""
    items = [item for section in sections for item in doc[section]]
    return [(name.strip(), item.type) for item in items for name in item.name.split(",")]


def is_record(value: Any) -> bool:
    """Tell classes whose fields are their parameters."""
    return inspect.isclass(value) and (
        hasattr(value, "__dataclass_fields__") or hasattr(value, "_fields")
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_what_would_be_written(path: Path):
    assert path.exists(), "run python tools/api_pages.py"
    assert path.read_text("utf-8") == PAGES[path], "run python tools/api_pages.py"
    assert path.stat().st_size < 200_000


def test_there_is_no_page_of_a_room_that_has_gone():
    assert set(TOOL.OUT.glob("*.md")) == set(PAGES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_to_headings(path: Path):
    headings = {
        page.name: {head.lower() for head in re.findall(r"^#+ (\S+)$", text, re.MULTILINE)}
        for page, text in PAGES.items()
    }
    links = re.findall(r"\]\(([\w.]*)#([\w.-]+)\)", PAGES[path])
    assert links or path.name == "types.md"
    assert not [link for link in links if link[1] not in headings[link[0] or path.name]]


@each
def test_it_begins_with_a_sentence(name: str):
    summary = " ".join(NumpyDocString(inspect.getdoc(PUBLIC[name]) or "")["Summary"])
    assert summary.endswith(".")
    assert len(summary) > 10


@each
def test_parameters_are_those_of_the_signature_in_its_order(name: str):
    value = PUBLIC[name]
    doc = NumpyDocString(inspect.getdoc(value) or "")
    told = documented(doc, "Parameters") or (
        documented(doc, "Attributes") if is_record(value) else []
    )
    wanted = parameters(value)
    assert [n for n, _ in told if n in wanted] == list(wanted)
    assert is_record(value) or [n for n, _ in told] == list(wanted)
    assert all(kind for _, kind in told), f"a parameter of {name} has no type"
    for parameter, kind in told:
        stated = DEFAULT.search(kind)
        if stated is None or parameter not in wanted:
            continue
        default = wanted[parameter].default
        told_default = stated[1].strip("`")
        if callable(default):
            assert told_default.endswith(default.__name__)
            continue
        number = re.sub(r"(?<=\d),(?=\d{3})", "", told_default)
        assert eval(number, {"range": range}) == default, f"{parameter}: {kind}, but {default!r}"


@each
def test_what_is_returned_is_described(name: str):
    value = PUBLIC[name]
    if inspect.isclass(value):
        return
    returned = value.__annotations__.get("return")
    doc = NumpyDocString(inspect.getdoc(value) or "")
    assert bool(doc["Returns"] or doc["Yields"]) is (returned not in (None, "None"))


def test_classes_that_are_returned_have_a_place_on_a_page():
    there = {value.__name__ for value in PUBLIC.values() if inspect.isclass(value)}
    missing = []
    for name, value in PUBLIC.items():
        said = str(getattr(value, "__annotations__", {}).get("return", ""))
        for word in re.findall(r"[A-Z]\w+", said):
            home = getattr(getattr(value, "__globals__", {}).get(word), "__module__", "")
            if home.startswith("gputsne") and word not in there:
                missing.append(f"{name} returns {word}")
    assert not missing


@each
def test_what_it_raises_is_named(name: str):
    """Errors that its own body raises; those of what it calls are the docstring's to choose."""
    value = PUBLIC[name]
    doc = NumpyDocString(inspect.getdoc(value) or "")
    body = value.__init__ if inspect.isclass(value) else value
    if is_record(value):
        body = getattr(value, "__post_init__", None)
    if not inspect.isfunction(body) or getattr(value, "_is_protocol", False):
        return
    names = {"NotFittedError": NotFittedError} | vars(builtins) | body.__globals__
    words = [word.strip() for item in doc["Raises"] for word in item.type.split(",")]
    told = tuple(names.get(word) or getattr(TOOL.gputsne.errors, word) for word in words)
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(body)))):
        called = node.exc.func if isinstance(node, ast.Raise) and isinstance(
            node.exc, ast.Call) else None  # fmt: skip
        if isinstance(called, ast.Name) and inspect.isclass(names.get(called.id)):
            assert issubclass(names[called.id], told), f"{name} raises {called.id}"
