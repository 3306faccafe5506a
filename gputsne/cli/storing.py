"""Options of `embed` that store the run, or do a stored run again, and what they mean for a job."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from gputsne.base.parameter_table import BY_NAME
from gputsne.cli.options import option
from gputsne.cli.parameters import FLAGS
from gputsne.cli.plots import Style, fixed_in
from gputsne.cli.stores import found_store, store_of
from gputsne.data import Selection, require
from gputsne.provenance import Run

if TYPE_CHECKING:
    from gputsne.runs.keeping import Keeping
    from gputsne.runs.store import Store

THUMB: Final = "thumb.png"
LARGE_ONLY: Final = ("dpi", "point_size", "annotate")  # what was chosen for larger pictures
# What a run says of the machine that it ran on, and no map depends on.
OF_THE_PLACE: Final = ("verbose", "n_jobs", "memory_limit", "callbacks", "callbacks_every")

keep_options: Final = (
    option("--store", metavar="URI", help="Store the run there: map, model, thumbnail, record."),
    option("--keep-input", is_flag=True, help="Store the files IN, too, byte for byte."),
    option("--keep-report", is_flag=True, help="Store the page of gputsne report, too."),
    option(
        "--replay",
        metavar="RUN",
        help="Do a stored run again: its options, seed and, without IN, its stored input. Options "
        "that are given count first.",
    ),
)


def keeping_of(given: Mapping[str, Any], style: Style) -> Keeping | None:
    """Return how a job is kept; None where no store is named for it."""
    if given["store"] is None:
        for name in ("keep_input", "keep_report"):
            if given[name]:
                flag = f"--{name.replace('_', '-')}"
                raise click.BadParameter("has no effect without --store", param_hint=flag)
        return None
    require("pyarrow", "storing map.parquet")
    store = store_of(given)
    drawn: dict[str, Callable[..., None]] = {}
    if _is_there("matplotlib"):
        kept = {k: v for k, v in style.settings.items() if k not in LARGE_ONLY}
        small = replace(style, title=None, settings={**kept, "style": "thumbnail"})
        drawn[THUMB] = fixed_in(store, small).draw
    if given["keep_report"]:
        require("jinja2", "storing report.html")
        require("matplotlib", "storing report.html")
        drawn["report.html"] = _report
    from gputsne.runs.keeping import Keeping

    return Keeping(store, given["keep_input"], drawn)


def _is_there(package: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(package) is not None


def _report(path: Path, model: Any, points: Any) -> None:
    from gputsne.reporting import report

    report(points.table.X, model, points.table.labels, path=path)


@dataclass(frozen=True)
class Replay:
    """A stored run that is done again.

    Attributes
    ----------
    run : Run
        Its record.
    sources : tuple of Path
        What is read.
    given : dict
        The options of the command, with the run's own choice of columns where none is given.
    parameters : dict
        Keyword arguments of TSNE that the run was given.
    """

    run: Run
    sources: tuple[Path, ...]
    given: dict[str, Any]
    parameters: dict[str, Any]

    def with_options(self, ctx: click.Context, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the run's parameters with those of the command line put over them."""
        asked = {name: value for name, value in chosen.items() if _is_given(ctx, name)}
        found = self.parameters | asked
        for name, value in found.items():
            if isinstance(value, Mapping):
                said = (
                    f"{self.run.id} was given an array, of which the record has the hash: name it"
                )
                raise click.BadParameter(said, param_hint=FLAGS[name])
        return found

    def told(self, now: Run) -> dict[str, Any]:
        """Return whether a run came to the same map, from the same values."""
        then = self.run
        return {
            "run": then.id,
            "same_input": _same(then.input.get("data_sha256"), now.input.get("data_sha256")),
            "same_map": _same(then.map_sha256, now.map_sha256),
        }


def replay_of(
    ctx: click.Context, given: dict[str, Any], sources: tuple[Path, ...], stack: ExitStack
) -> Replay | None:
    """Return the run to do again; None where none is asked for.

    Parameters
    ----------
    ctx : click.Context
        Of the command.
    given : dict
        Its options.
    sources : tuple of Path
        Its inputs, which may be none.
    stack : ExitStack
        Removes copies of the stored input at its end.
    """
    if given["replay"] is None:
        if not sources:
            raise click.MissingParameter(ctx=ctx, param=_argument(ctx), param_type="argument")
        return None
    store = found_store({"store": given["store"] or _from_environment()})
    run = store.get(given["replay"]).run
    names = {field.name for field in fields(Selection)} - {"memory_limit"} | {"keep"}
    held = {k: v for k, v in (run.input.get("selection") or {}).items() if k in names}
    merged = {**given, "tags": {**given["tags"], "replay": run.id}}
    if not any(_is_given(ctx, name) for name in names):
        merged |= {k: tuple(v) if isinstance(v, tuple | list) else v for k, v in held.items()}
    parameters = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in run.parameters.items()
        if name in BY_NAME and name not in OF_THE_PLACE and value != BY_NAME[name].default
    }
    unknown = [name for name in parameters if name not in FLAGS]
    if unknown:
        said = f"{run.id} was given {', '.join(unknown)}, which only Python has"
        raise click.BadParameter(said, param_hint="--replay")
    if not sources:
        sources = _stored_inputs(store, run.id, stack)
    return Replay(run, sources, merged, parameters)


def _stored_inputs(store: Store, id: str, stack: ExitStack) -> tuple[Path, ...]:
    """Return copies of the inputs that were stored with a run, in their order."""
    from gputsne.runs.keeping import INPUT

    found = store.get(id)
    names = [n for n in found.files if n.partition(".")[0].partition("-")[0] == INPUT]
    if not names:
        said = "the run has no stored input (it was stored without --keep-input): name IN"
        raise click.BadParameter(said, param_hint="--replay")
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gputsne-")))
    for name in names:
        found.fetch(name, folder / name)
    order = {name: int(name.partition(".")[0].partition("-")[2] or 1) for name in names}
    return tuple(folder / name for name in sorted(names, key=lambda name: order[name]))


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _argument(ctx: click.Context) -> click.Parameter:
    (found,) = (p for p in ctx.command.params if p.name == "sources")
    return found


def _from_environment() -> str | None:
    import os

    from gputsne.cli.stores import VARIABLE

    return os.environ.get(VARIABLE)


def _same(one: str | None, other: str | None) -> bool | None:
    """Tell whether two hashes are equal; None where one of them isn't known."""
    return None if one is None or other is None else one == other


def with_store(
    said: str, facts: dict[str, Any], run: Run, keeping: Keeping | None, again: Replay | None
) -> tuple[str, dict[str, Any]]:
    """Return a summary, as text and as facts, with the stored run and what a replay came to."""
    if keeping is not None and keeping.stored is not None:
        said = f"{said}\nstored        {keeping.stored}"
        facts = {**facts, "stored": keeping.stored}
    if again is not None:
        told = again.told(run)
        said = f"{said}\nreplay        {_sentence(told)}"
        facts = {**facts, "replay": told}
    return said, facts


def _sentence(told: Mapping[str, Any]) -> str:
    said = {
        True: f"the map of {told['run']}, bit for bit",
        False: f"another map than that of {told['run']}",
        None: f"{told['run']} has no hash of its map",
    }[told["same_map"]]
    return f"{said}; the input is another, too" if told["same_input"] is False else said
