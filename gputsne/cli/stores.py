"""The options of commands that use a store of runs, and opening it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from gputsne.cli.options import option, tags
from gputsne.runs.naming import since_of

if TYPE_CHECKING:
    from gputsne.runs.store import Store

VARIABLE: Final = "GPUTSNE_STORE"

store_option: Final = option(
    "--store",
    envvar=VARIABLE,
    metavar="URI",
    help=f"Folder, s3://, gs:// or abfs://. [the environment variable {VARIABLE}]",
)
since_option: Final = option(
    "--since",
    metavar="WHEN",
    callback=lambda ctx, param, value: None if value is None else moment(value, "--since"),
    help="Only runs since an age such as 7d or 12h, or a date.",
)
tag_option: Final = option(
    "--tag",
    "tags",
    multiple=True,
    metavar="NAME=VALUE",
    callback=tags,
    help="Only runs with this tag; repeatable.",
)


def store_of(given: Mapping[str, Any]) -> Store:
    """Return the store that a command names; UsageError where it names none."""
    from gputsne.runs.store import Store

    uri = given.get("store")
    if not uri:
        raise click.UsageError(f"name the store: --store URI, or the variable {VARIABLE}")
    try:
        return Store(uri)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--store") from error


def moment(text: str, flag: str) -> datetime:
    """Return a moment; UsageError for what is none."""
    try:
        return since_of(text)
    except ValueError as error:
        said = f"{text!r} is neither an age such as 30d or 12h nor a date such as 2026-11-27"
        raise click.BadParameter(said, param_hint=flag) from error
