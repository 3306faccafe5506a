"""A TOML file of options: ``--config run.toml`` gives defaults, the command line overrides them."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

import click

from gputsne.cli.options import PATH, Command, Decorator, options
from gputsne.provenance.outcome import shown


def _defaults(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Take the file's options as defaults of this command."""
    if path is None:
        return
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise click.BadParameter(f"{path}: lists nested too deep to be read", ctx, param) from error
    except OSError as error:
        raise click.BadParameter(shown(f"{path}: {error.strerror}"), ctx, param) from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise click.BadParameter(shown(f"{path}: {error}"), ctx, param) from error
    known = _known(ctx.command)
    found: dict[str, Any] = {}
    told: dict[str | None, str] = {}  # from the option's name to the file's key
    for key, value in given.items():
        name = key.replace("_", "-")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            if isinstance(ctx.command, Command) and (said := ctx.command.elsewhere(key)):
                hint = f"; {said}"
            if isinstance(value, dict):
                hint = "; write options without a [table] around them"
            raise click.BadParameter(f"{path}: no option is called {key!r}{hint}", ctx, param)
        option, positive = known[name]
        if option.name in told:
            said = f"{path}: {key} and {told[option.name]} are one option; give it once"
            raise click.BadParameter(said, ctx, param)
        told[option.name] = key
        found[str(option.name)] = _as_given(option, positive, key, value, path, ctx, param)
    ctx.default_map = {**(ctx.default_map or {}), **found}
    ctx.meta["gputsne.config"] = path


def _known(command: click.Command) -> dict[str, tuple[click.Option, bool]]:
    """Return the options by their long names without dashes; False for ``--no-...`` ones."""
    known: dict[str, tuple[click.Option, bool]] = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in ("config", "help"):
            for flags, positive in ((option.opts, True), (option.secondary_opts, False)):
                known |= {f[2:]: (option, positive) for f in flags if f.startswith("--")}
    return known


def _as_given(
    option: click.Option,
    positive: bool,
    key: str,
    value: Any,
    path: Path,
    ctx: click.Context,
    param: click.Parameter,
) -> Any:
    """Return the value as the option takes it from a command line; refuse another kind."""
    if option.is_flag:
        if not isinstance(value, bool):
            raise click.BadParameter(f"{path}: {key} must be true or false", ctx, param)
        return value if positive else not value
    values = value if isinstance(value, list) else [value]
    if any(isinstance(v, bool | dict | list) for v in values) or (
        isinstance(value, list) and not option.multiple
    ):
        raise click.BadParameter(f"{path}: {key} = {value!r} is no value for it", ctx, param)
    told = [v if isinstance(v, str) else repr(v) for v in values]
    return told if option.multiple else told[0]


def config_option(function: Any) -> Any:
    """Add ``--config`` to a command."""
    decorate: Decorator = options(
        "Options in a file",
        (
            ("--config",),
            {
                "type": PATH,
                "metavar": "FILE",
                "is_eager": True,
                "expose_value": False,
                "callback": _defaults,
                "help": "TOML file of options by their names, as max-iter = 500.",
            },
        ),
    )
    return decorate(function)
