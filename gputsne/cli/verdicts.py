"""What commands that judge share: rules and answers, evidence from JSON, and the reason of a no."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from gputsne.cli.options import PATH, option
from gputsne.data import BadInput
from gputsne.provenance.outcome import shown

rule_options: Final = (
    option(
        "--profile",
        default="go-no-go",
        metavar="NAME",
        help="go-no-go, diagnose, clusters, neighbors, models, spaces; for runs ci, preprod, prod, "
        "incident; or your own. [go-no-go]",
    ),
    option("--rules", type=PATH, metavar="FILE", help="TOML: rules to add, or to put over ours."),
    option(
        "--ack",
        "acks",
        multiple=True,
        metavar="[ROW=]WHO:WHY",
        help="Answer the question ROW, or every question; repeatable.",
    ),
    option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="More evidence, a number; repeatable.",
    ),
)


def check_rules(given: Mapping[str, Any]) -> None:
    """Raise UsageError for a profile that is none, and answers that it has no question for."""
    import gputsne
    from gputsne.judging import read_rules
    from gputsne.judging.rules import profiles_of

    known = profiles_of(read_rules(given["rules"]))
    if given["profile"] not in known:
        said = f"{given['profile']!r} is none of {', '.join(known)}"
        raise click.BadParameter(said, param_hint="--profile")
    try:
        gputsne.check({}, given["profile"], rules=given["rules"], acks=given["acks"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ack") from error


def reason(found: Any) -> str:
    """Return why a checklist does not pass, in one line."""
    failed = [row.id for row in found.rows if row.status == "fail"]
    waiting = [
        row.id for row in found.rows if row.required and row.status in ("n/a", "needs review")
    ]
    if failed:
        return f"{found.profile} failed: {', '.join(failed)}"
    named = f": {', '.join(waiting)}" if waiting else ", no rule has evidence"
    return f"{found.profile} is incomplete{named}"


def json_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file."""
    name = shown(path)
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise BadInput(f"{name}: no such file") from error
    except OSError as error:
        raise BadInput(f"{name}: {error.strerror}") from error
    except RecursionError as error:
        raise BadInput(f"{name} is nested too deep to be read") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise BadInput(f"{name} is no JSON: {error}") from error
    if not isinstance(held, dict):
        raise BadInput(f"{name} holds a {type(held).__name__}; evidence is an object of numbers")
    return held


def setting(text: str) -> tuple[str, float]:
    """Return name and number of ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    try:
        if not equals or not name.strip():
            raise ValueError
        return name.strip(), float(value)
    except ValueError:
        said = f"{text!r} is no NAME=VALUE with a number"
        raise click.BadParameter(said, param_hint="--set") from None
