"""Writes docs/api: the reference of every public name as Markdown, from its numpydoc docstring.

    python tools/api_pages.py            # write the pages
    python tools/api_pages.py --check    # exit with 1 where a page is not what would be written

A page per public module. Classes that functions return stand on the same page as they.
tests/docs/test_api_pages.py compares the pages and holds the docstrings against the signatures.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gputsne
from gputsne.change import Alignment, Reproducibility
from gputsne.change.drifting import Drift
from gputsne.data import Data
from gputsne.judging import Advice, Checklist, Row
from gputsne.large import LargeMap
from gputsne.metrics.spaces import Space
from gputsne.planning.memory import Plan
from gputsne.reporting import Report
from gputsne.runs.attempts import Attempt
from gputsne.runs.pruning import Pruned
from gputsne.runs.refs import RefEntry
from gputsne.runs.storage import Content
from gputsne.runs.storage.retries import Retry
from gputsne.runs.stored import StoredRun
from gputsne.runs.verifying import Problem
from gputsne.sampling import Sample
from gputsne.serve.asgi import Application
from gputsne.serve.tokens import Caller
from gputsne.sweeps import Sweep, Trial
from gputsne.tiling import Tiles
from gputsne.updating import Updated

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "api"
# What public functions return, besides arrays and plain values.
RESULTS: dict[str, tuple[type, ...]] = {
    "gputsne": (
        Advice,
        Alignment,
        Attempt,
        Checklist,
        Content,
        Data,
        Drift,
        LargeMap,
        Plan,
        Problem,
        Pruned,
        RefEntry,
        Report,
        Reproducibility,
        Retry,
        Row,
        Sample,
        StoredRun,
        Sweep,
        Tiles,
        Trial,
        Updated,
    ),
    "gputsne.metrics": (Space,),
    "gputsne.serve": (Application, Caller),
}
TABLED = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
PROSE = ("Notes", "References")


def pages() -> dict[str, types.ModuleType]:
    """Return the module of each page, by the page's name."""
    public = {name: getattr(gputsne, name) for name in gputsne.__all__}
    rooms = {name: value for name, value in public.items() if inspect.ismodule(value)}
    return {"gputsne": gputsne, **rooms}


def names_of(module: types.ModuleType) -> dict[str, Any]:
    """Return the public functions, classes and tables of a module, by name."""
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    ]
    values = {name: getattr(module, name) for name in listed}
    values |= {kind.__name__: kind for kind in RESULTS.get(module.__name__, ())}
    return {
        name: value
        for name, value in values.items()
        if not inspect.ismodule(value) and (callable(value) or isinstance(value, Mapping))
    }


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Return the methods and properties of a class that are the project's own and have a text."""
    own = [base for base in cls.__mro__ if base.__module__.startswith("gputsne")]
    # What a class overrides stands where its base class has it.
    places = {name: base for base in own for name in vars(base)}
    for name in (name for base in own for name in vars(base) if places[name] is base):
        home = next(base for base in cls.__mro__ if name in vars(base))
        value = vars(home)[name]
        plain = inspect.unwrap(getattr(value, "__func__", value))
        told = isinstance(value, property) or inspect.isfunction(plain)
        if home in own and told and not name.startswith("_") and inspect.getdoc(plain):
            yield name, value if isinstance(value, property) else plain


def signature(name: str, value: Any) -> str:
    """Return a call as it is written, without annotations; an exception's alone is its name."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return name
    given = inspect.signature(value)
    bare = [
        p.replace(annotation=inspect.Parameter.empty)
        for p in given.parameters.values()
        if p.name not in ("self", "cls")
    ]
    told = str(given.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return f"{name}{told}"


def page(module: types.ModuleType, title: str) -> str:
    """Return the Markdown of a module's page."""
    found = names_of(module)
    lines = [f"# {title}", "", prose(inspect.getdoc(module) or ""), ""]
    lines += [f"- [`{name}`](#{name.lower()}): {_summary(value)}" for name, value in found.items()]
    for name, value in found.items():
        lines += ["", f"## {name}", "", *_entry(name, value)]
        if inspect.isclass(value):
            for member, held in members(value):
                lines += ["", f"### {name}.{member}", "", *_entry(member, held)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"table of {len(value)} rows."
    return prose(" ".join((inspect.getdoc(value) or "").split("\n\n")[0].split()))


def _entry(name: str, value: Any) -> list[str]:
    """Return the lines of a function, class, property or table."""
    from numpydoc.docscrape import NumpyDocString

    if isinstance(value, Mapping):
        return [", ".join(f"`{key}`" for key in value)]
    doc = NumpyDocString(inspect.getdoc(value) or "")
    lines = [] if isinstance(value, property) else ["```text", *_call(name, value), "```", ""]
    lines += [prose("\n".join(doc["Summary"])), ""]
    if doc["Extended Summary"]:
        lines += [prose("\n".join(doc["Extended Summary"])), ""]
    for section in TABLED:
        if doc[section]:
            lines += [f"**{section}**", ""]
            for item in doc[section]:
                lines += _item(item)
            lines.append("")
    for section in PROSE:
        if doc[section]:
            lines += [f"**{section}**", "", prose("\n".join(doc[section])), ""]
    if doc["Examples"]:
        lines += ["**Examples**", "", "```pycon", *doc["Examples"], "```", ""]
    return lines[:-1]


def _call(name: str, value: Any) -> list[str]:
    return textwrap.wrap(signature(name, value), 100, subsequent_indent="    ")


def _item(item: Any) -> list[str]:
    """Return one parameter, result or error as an item of a list."""
    name, kind = (item.name, item.type) if item.name else ("", item.type)
    head = f"`{name}`" if name else ""
    head += f"{': ' if head else ''}{prose(kind)}" if kind else ""
    told = prose("\n".join(item.desc))
    return [f"- {head}" + (f"  \n{textwrap.indent(told, '  ')}" if told else "")]


def prose(text: str) -> str:
    """Return reStructuredText as Markdown: code, formulas and roles; lists are alike in both."""
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    text = re.sub(
        r"^\.\. math::[ ]*(.*(?:\n(?:[ ]+.*)?)*?)(?=\n\S|\Z)",
        lambda m: f"```math\n{textwrap.dedent(m[1]).strip()}\n```",
        text,
        flags=re.MULTILINE,
    )
    return text.strip()


def written() -> dict[Path, str]:
    """Return every page by its path."""
    titles = {name: name if name == "gputsne" else f"gputsne.{name}" for name in pages()}
    found = {OUT / f"{name}.md": page(module, titles[name]) for name, module in pages().items()}
    lines = ["# API reference", "", "Made from the docstrings by `python tools/api_pages.py`.", ""]
    for name, module in pages().items():
        first = prose((inspect.getdoc(module) or "").split("\n\n")[0])
        lines += [f"- [`{titles[name]}`]({name}.md): {' '.join(first.split())}"]
        lines += [f"  {', '.join(f'[`{n}`]({name}.md#{n.lower()})' for n in names_of(module))}"]
    return {OUT / "README.md": "\n".join(lines) + "\n", **found}


def main() -> None:
    """Write the pages, or tell whether they are as they would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    asked = parser.parse_args()
    found = written()
    there = set(OUT.glob("*.md"))
    stale = [p for p, text in found.items() if p not in there or p.read_text("utf-8") != text]
    stale += sorted(there - set(found))
    if asked.check:
        if stale:
            sys.exit(f"python tools/api_pages.py: {', '.join(p.name for p in stale)}")
        return
    OUT.mkdir(exist_ok=True)
    for path in there - set(found):
        path.unlink()
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(found)} pages in {OUT}, {len(stale)} of them new or changed")


if __name__ == "__main__":
    main()
