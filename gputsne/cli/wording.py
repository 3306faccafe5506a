"""Messages in the words of the command line: its options in place of Python's arguments."""

from __future__ import annotations

import re
from typing import Final

import click

from gputsne.cli.parameters import FLAGS

IN_A_SHELL: Final = {"or pass an array": "or give an .npy file", " and no callable": ""}
# What stands in quotes, in a path or in a longer word is the user's own: a column, a file.
_ALONE: Final = r"(?<![\w./'\"-])"
_ASSIGNED: Final = re.compile(
    rf"{_ALONE}(?P<name>[a-z]\w*)=(?:(?P<quote>['\"])(?P<word>[^'\"\s,]*)(?P=quote)|(?P<on>True\b)|(?=[^\s=]))"
)
_NONE: Final = re.compile(r"\bpass (?P<name>[a-z]\w*)=None to\b")
_ADVICE: Final = re.compile(r"\b(?P<verb>lower|raise) (?P<name>[a-z]+)\b")
_NAME: Final = re.compile(rf"{_ALONE}[a-z]+(?:_[a-z]+)+(?![\w./'\"=-]| = )")


def flags_of(command: click.Command | None) -> dict[str, str]:
    """Return the options by the arguments of Python that they stand for.

    Parameters
    ----------
    command : click.Command or None
        Whose options count first; those of ``embed`` count everywhere, since advice is about them.

    Returns
    -------
    dict of str to str
        Such as ``{"n_neighbors": "--n-neighbors", "k": "-k"}``.
    """
    own = {
        str(option.name): max(option.opts, key=len)
        for option in (command.params if command is not None else ())
        if isinstance(option, click.Option) and option.name != "help"
    }
    return {**own, **FLAGS}


def in_shell(said: str, command: click.Command | None = None) -> str:
    """Return a message with options for arguments: ``--pca 50`` for ``pca=50``.

    Parameters
    ----------
    said : str
        What an exception or a warning of the library says.
    command : click.Command or None
        The command that runs.

    Returns
    -------
    str
        Names in quotes, in paths and in the middle of other words stay: they are the user's own.

    Examples
    --------
    >>> in_shell("memory_limit is 1 GB; lower perplexity or n_neighbors, or use device='cpu'")
    '--memory-limit is 1 GB; lower --perplexity or --n-neighbors, or use --device cpu'
    """
    for python, shell in IN_A_SHELL.items():
        said = said.replace(python, shell)
    flags = flags_of(command)
    said = _NONE.sub(lambda m: f"leave {flags.get(m['name'], m['name'])} out to", said)
    said = _ASSIGNED.sub(lambda m: _assigned(m, flags), said)
    said = _ADVICE.sub(lambda m: f"{m['verb']} {flags.get(m['name'], m['name'])}", said)
    return _NAME.sub(lambda m: flags.get(m[0], m[0]), said)


def _assigned(found: re.Match[str], flags: dict[str, str]) -> str:
    """Return the option of an assignment, with its value where that is a word."""
    flag = flags.get(found["name"])
    if flag is None:
        return found[0]
    if found["on"]:
        return flag
    return f"{flag} {found['word'] or ''}"
