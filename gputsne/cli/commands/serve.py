"""``gputsne serve``: a server of stored runs, their maps and tiles, and of new rows' places."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click

from gputsne.cli.log import end, log_option
from gputsne.cli.options import (
    ABOVE_0,
    FOLDER,
    PATH,
    Command,
    WholeNumber,
    option,
    options,
    split_commas,
)
from gputsne.cli.output import say
from gputsne.data import require

ROLES: Final = ("viewer", "editor")
EXAMPLES = """\
Examples:
  gputsne serve nightly
  gputsne serve s3://maps/nightly --host 0.0.0.0 --tokens tokens.txt --columns kind,site
  gputsne serve --new-token viewer

STORE is a store of runs, or a folder of maps and tile sets. On loopback anybody on this machine may
ask; elsewhere a token is needed: a line of the file per token, as --new-token prints it. A viewer
may look, an editor may also place new rows. docs/serve.md lists the addresses.

Each request is a line of JSON on standard error, without ids, queries or addresses. SIGTERM ends
the server once requests in flight are answered; exit code 0.
"""


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("store", metavar="STORE|DIR", required=False)
@options(
    "Address",
    option("--host", metavar="ADDRESS", help="Where to listen. [127.0.0.1]"),
    option("--port", type=WholeNumber(0, 65535), metavar="N", help="0: any free one. [8000]"),
    option(
        "--allow-host",
        "hosts",
        multiple=True,
        metavar="NAME",
        help="Name under which it may be asked; repeatable. [on loopback its own, else any]",
    ),
)
@options(
    "Who may ask",
    option(
        "--tokens",
        type=PATH,
        metavar="FILE",
        help="Their roles and hashes. [the environment variable GPUTSNE_TOKENS]",
    ),
    option("--new-token", type=click.Choice(ROLES), help="Only print a token and its line."),
    option("--rate", type=ABOVE_0, metavar="N", help="Requests per second of each. [50]"),
    option("--embeds", type=ABOVE_0, metavar="N", help="On-demand maps per hour of each. [10]"),
    option("--transforms", type=ABOVE_0, metavar="N", help="Transforms per hour of each. [600]"),
)
@options(
    "What is shown",
    option(
        "--columns",
        multiple=True,
        metavar="NAMES",
        callback=split_commas,
        help="Columns of maps that are shown, beside coordinates and labels.",
    ),
    option("--no-labels", is_flag=True, help="Don't show the column of labels."),
    option("--ids", is_flag=True, help="Show the column id."),
    option("--no-reports", is_flag=True, help="Don't show stored reports."),
    option(
        "--min-cell",
        type=WholeNumber(2),
        metavar="K",
        help="Show no points, but counts of at least K.",
    ),
)
@options(
    "Options",
    option("--max-rows", type=WholeNumber(1), metavar="N", help="Of an on-demand map. [5000]"),
    option("--max-new-rows", type=WholeNumber(1), metavar="N", help="Of a transform. [10000]"),
    option("--max-body", type=WholeNumber(1), metavar="BYTES", help="Of a request. [8000000]"),
    option("--work-seconds", type=ABOVE_0, metavar="S", help="Longest computation. [60]"),
    option("--grace-seconds", type=ABOVE_0, metavar="S", help="For requests at SIGTERM. [30]"),
    option("--workers", type=WholeNumber(1), metavar="N", help="Threads that compute. [2]"),
    option(
        "--cache",
        type=FOLDER,
        metavar="DIR",
        help="Of what is made on demand. [gputsne/serve in the user's cache]",
    ),
)
@options(
    "What is printed",
    option("-q", "--quiet", is_flag=True, help="Log no requests."),
    log_option,
)
def serve(store: str | None, **given: Any) -> None:
    """Serve the runs of STORE, or the maps of DIR, until it is told to end."""
    for package in ("starlette", "uvicorn", "prometheus_client", "jinja2"):
        require(package, "gputsne serve")
    from gputsne import serve as room

    if given["new_token"] is not None:
        token, line = room.new_token(given["new_token"])
        say(f"token  {token}\nline   {line}")
        return
    if store is None:
        raise click.MissingParameter(param_type="argument", param_hint="STORE|DIR")
    settings = _settings(given)
    tokens = room.Tokens.read(given["tokens"], os.environ)
    with _logging(quiet=given["quiet"]):
        busy = room.serve(
            store, settings=settings, tokens=tokens, ready=lambda address: say(f"serving {address}")
        )
    if busy:  # a thread that computes can't be ended otherwise
        end(click.get_current_context())
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _settings(given: dict[str, Any]) -> Any:
    from gputsne.serve import Settings

    names = ("host", "port", "rate", "embeds", "transforms", "min_cell", "max_rows",
             "max_new_rows", "max_body", "work_seconds", "grace_seconds", "workers")  # fmt: skip
    asked = {name: given[name] for name in names if given[name] is not None}
    if given["cache"] is not None:
        asked["cache"] = given["cache"]
    return Settings(
        hosts=tuple(given["hosts"]), columns=tuple(given["columns"]), ids=given["ids"],
        label=not given["no_labels"], reports=not given["no_reports"], **asked,
    )  # fmt: skip


@contextmanager
def _logging(*, quiet: bool) -> Iterator[None]:
    """Let the request log go to standard error."""
    logger = logging.getLogger("gputsne.serve")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
