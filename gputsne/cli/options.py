"""Options that commands share, in sections, and their types; destinations have TSNE's own names.

An option that isn't given is not passed on, so that every default lives in one place: TSNE.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Any, Final

import click

from gputsne.base import sizes
from gputsne.base.parameter_table import BY_NAME
from gputsne.cli.log import begin_early, log_option
from gputsne.cli.output import printing
from gputsne.data import Selection
from gputsne.provenance.tags import tags_of

_NOISE: Final = re.compile(r"\s+\[(?:required|[^\[\]]*[<>][^\[\]]*)\]$")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def bytes_of(text: str) -> int:
    """Return an amount of memory in bytes, as ``memory_limit`` reads it."""
    try:
        return sizes.bytes_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


class WholeNumber(click.IntRange):
    """A whole number in a range."""

    name = "whole number"  # as click's message calls it: "'x' is not a valid ..."


class Number(click.FloatRange):
    """A finite number in a range."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; infinity and NaN are in no range."""
        with suppress(ValueError, TypeError):  # what is no number at all, click says
            if not isfinite(float(value)):
                self.fail(f"{value} isn't a finite number.", param, ctx)
        return super().convert(value, param, ctx)


ABOVE_0: Final = Number(min=0, min_open=True)
MOST_REPLICAS: Final = 10**9  # more machines than there are; a float of the cost holds it


def rate(text: str) -> str | float:
    """Return "auto" or a positive number."""
    if text == "auto":
        return text
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise click.BadParameter(f"{text!r} is neither auto nor a positive number")
    return number


def count_of(text: str) -> int:
    """Return a whole number from 1; ``1e6`` is one."""
    with suppress(InvalidOperation, ValueError, OverflowError):
        number = Decimal(text)
        if 1 <= number < sizes.LARGEST and number == int(number):
            return int(number)
    raise click.BadParameter(f"{text!r} isn't a whole number from 1, such as 1000000 or 1e6")


def size_of(text: str) -> int | float:
    """Return how many rows are asked for: a whole number, a share below 1, or per cent."""
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = 0.0
    if 0 < share < 1:
        return share
    try:
        if "." in text and "e" not in text.lower():  # 1.0 is all rows to some, one to others
            raise click.BadParameter("a number of rows has no point")
        return count_of(text)
    except click.BadParameter as error:
        said = f"{text!r} is no number of rows, such as 1000, nor a share, such as 0.01 or 1%"
        raise click.BadParameter(said) from error


def refinement_of(text: Any) -> int:
    """Return a number of iterations, 0 for none."""
    return 0 if str(text).lower() == "none" else int(WholeNumber(0).convert(text, None, None))


class Option(click.Option):
    """An option that knows under which heading the help shows it."""

    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return flags and help; ranges and "required" are said in the help's own words."""
        row = super().get_help_record(ctx)
        return None if row is None else (row[0], _NOISE.sub("", row[1]))


class Command(click.Command):
    """A command whose help shows options under headings, and examples as they stand.

    Attributes
    ----------
    examples : str
        Shown below the options.
    elsewhere : callable
        Says of a name that is no option, ``--random-state``, what to write; "" where it can't.
    """

    def __init__(
        self,
        *args: Any,
        examples: str = "",
        elsewhere: Callable[[str], str] = lambda name: "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples, self.elsewhere = examples, elsewhere

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a name that is an option's elsewhere is told what it is here."""
        ctx.meta["gputsne.arguments"] = (ctx.info_name, *args)
        ctx.meta["gputsne.command"] = self
        begin_early(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not (hint := self.elsewhere(error.option_name)):
                raise
            said = f"No such option {error.option_name!r}; {hint}."
            raise click.NoSuchOption(error.option_name, said, ctx=ctx) from error

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; --help prints."""
        with printing():
            return super().make_context(*args, **kwargs)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each section's options under its heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        shown = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        last = getattr(shown[-2], "section", "Options")  # where click's own --help goes
        for param in shown:
            if (row := param.get_help_record(ctx)) is not None:
                sections.setdefault(getattr(param, "section", last), []).append(row)
        for heading in sorted(sections, key=lambda name: name == last):
            rows = sections[heading]
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=28)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        if self.examples:
            formatter.write(f"\n{self.examples}")


class Group(click.Group):
    """A group of commands within the program, whose help shows examples as they stand.

    Attributes
    ----------
    examples : str
        Shown below the commands.
    """

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; --help prints."""
        with printing():
            return super().make_context(*args, **kwargs)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand."""
        formatter.write(f"\n{self.examples}")


def options(section: str, *specs: tuple[tuple[str, ...], dict[str, Any]]) -> Decorator:
    """Return a decorator that adds options under one heading, in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for flags, settings in reversed(specs):
            function = click.option(*flags, cls=Option, section=section, **settings)(function)
        return function

    return decorate


def option(*flags: str, **settings: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return one option's flags and settings, for `options`."""
    return flags, settings


def split_commas(
    ctx: click.Context, param: click.Parameter, value: Iterable[str]
) -> tuple[str, ...]:
    """Return the names of an option that may be repeated and may hold several after commas.

    Double quotes keep a name with a comma whole, as in a csv file: ``'"length, cm",width'``.
    """
    rows = csv.reader(value, skipinitialspace=True)
    names = tuple(name.strip() for row in rows for name in row if name.strip())
    if value and not names:
        raise click.BadParameter("names nothing; leave it out, or name some", ctx, param)
    return names


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that one of TSNE's parameters may be, by its row in the table."""
    return tuple(re.findall(r'"(\w+)"', BY_NAME[name].type))


DEVICES: Final = words_of("device")
AFFINITY_DTYPES: Final = words_of("affinity_dtype")
PATH: Final = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


class _Folder(click.Path):
    """A folder; an empty word, as of a shell variable that isn't set, is none."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if str(value) == "":
            self.fail("'' is no folder; write . for the current one", param, ctx)
        return super().convert(value, param, ctx)


FOLDER: Final = _Folder(path_type=Path, file_okay=False)
STREAM_FORMATS: Final = ("csv", "tsv", "npy", "npz", "parquet", "h5ad")
MAP_FORMATS: Final = ("csv", "parquet", "npy", "h5ad")


def tags(ctx: click.Context, param: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the tags that NAME=VALUE pairs stand for."""
    try:
        return tags_of(pairs)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


record_options: Final = (
    option(
        "--run-record",
        type=PATH,
        metavar="FILE",
        help="JSON: parameters, seed, versions, input hashes, times, KL curve, memory, cost.",
    ),
    option(
        "--tag",
        "tags",
        multiple=True,
        metavar="NAME=VALUE",
        callback=tags,
        help="What the run is found and paid by, say owner=maps; repeatable.",
    ),
)


def input_options(
    labels: str, keep: str = "to write beside the map", without: tuple[str, ...] = ()
) -> Decorator:
    """Return a decorator that adds the options of what is read.

    ``labels`` says what labels do, ``keep`` what further columns are for, ``without`` names options
    that a command has not.
    """
    every = (
        option(
            "--columns",
            multiple=True,
            metavar="NAMES",
            callback=split_commas,
            help="Feature columns: names, positions from 0, slices 0:50 or patterns 'pc*', after "
            "commas or repeated; a name with a comma in double quotes. Default: every numeric "
            "column.",
        ),
        option("--vector", metavar="COL", help="One column that holds each row's whole vector."),
        option(
            "--key", metavar="NAME", help="Array of an npz file; matrix of h5ad, say obsm/X_pca."
        ),
        option(
            "--labels",
            metavar="COL",
            help=f"Column (or npz array, or file, or FILE:COL) of labels: {labels}, no feature.",
        ),
        option("--id", "ids", metavar="COL", help="Column that names the rows; kept, no feature."),
        option(
            "--join",
            type=PATH,
            metavar="FILE",
            help="Table whose columns are joined by --id; --labels and --keep may name them. All "
            "are kept where none is named.",
        ),
        option("--on", metavar="COL", help="Column of ids in the table of --join. [that of --id]"),
        option(
            "--header/--no-header",
            default=None,
            help="Whether the first line of a csv holds names. Default: found out.",
        ),
        option("--decimal", type=click.Choice([".", ","]), help="Decimal mark of a csv. [.]"),
        option("--encoding", metavar="NAME", help="Encoding of a csv, say cp1252. [utf-8]"),
        option(
            "--flatten",
            is_flag=True,
            help="Read an array of images (n, h, w) as n rows of h x w features.",
        ),
        option(
            "--keep",
            multiple=True,
            metavar="NAMES",
            callback=split_commas,
            help=f"Further columns {keep}, no features; as --columns.",
        ),
        option(
            "--input-format",
            type=click.Choice(STREAM_FORMATS),
            help="Format of IN where it is -, a pipe or a device. [by its bytes or name, else csv]",
        ),
    )
    return options("Input", *(spec for spec in every if spec[0][0] not in without))


def selection_of(given: Mapping[str, Any]) -> Selection:
    """Return what to read, by a command's input options."""
    names = {f.name for f in fields(Selection)} - {"memory_limit"}  # which isn't of the file
    chosen = {name: given[name] for name in names if name in given}
    if chosen.get("join") is not None:
        chosen["join"] = str(chosen["join"])
    elif chosen.get("on") is not None:
        raise click.BadParameter("has no effect without --join", param_hint="--on")
    if chosen.get("join") is not None and chosen.get("ids") is None:
        raise click.BadParameter("needs --id, the column that names IN's rows", param_hint="--join")
    return Selection(**chosen)


output_options: Final = (
    option("-o", "--output", type=PATH, required=True, metavar="OUT", help="The map. Required."),
    option(
        "--output-format",
        type=click.Choice(MAP_FORMATS),
        help="Format of OUT where it is -, a pipe or a device. [by its name, else csv]",
    ),
)


print_options = options(
    "What is printed",
    option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    option("-q", "--quiet", is_flag=True, help="Print nothing but errors (and --json)."),
    option(
        "-v", "--verbose", is_flag=True, help="Log progress off a terminal too, and tracebacks."
    ),
    log_option,
)
