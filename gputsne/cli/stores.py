"""The options of commands that use a store of runs, and opening it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from gputsne.base.errors import BadInput
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
# Before any run; what lies before, such as the year 1, is a slip of the keyboard.
FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)

since_option: Final = option(
    "--since",
    metavar="WHEN",
    callback=lambda ctx, param, value: since_given(value),
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


def found_store(given: Mapping[str, Any]) -> Store:
    """Return the store that a command reads; BadInput where there is none at that place.

    An empty folder is a store without runs. In a bucket, a store is where an object is.
    """
    store = store_of(given)
    if not store.exists():
        raise BadInput(f"no store at {store.uri}; gputsne embed --store makes one")
    return store


def since_given(text: str | None) -> datetime | None:
    """Return the moment of --since; UsageError for one that no run can lie after, or before."""
    if text is None:
        return None
    found = moment(text, "--since")
    instead = "give an age such as 30d, or a date such as 2026-11-27"
    if found > datetime.now(UTC):
        raise click.BadParameter(f"{text!r} lies in the future: {instead}", param_hint="--since")
    if found < FIRST_DAY:
        said = f"{text!r} lies before {FIRST_DAY:%Y-%m-%d}, when there was no run: {instead}"
        raise click.BadParameter(said, param_hint="--since")
    return found


def moment(text: str, flag: str) -> datetime:
    """Return a moment; UsageError for what is none."""
    try:
        return since_of(text)
    except ValueError as error:
        said = f"{text!r} is neither an age such as 30d or 12h nor a date such as 2026-11-27"
        raise click.BadParameter(said, param_hint=flag) from error
