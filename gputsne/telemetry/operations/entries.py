"""Entries of ``ops.toml``: its name, and how one that makes no sense is refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from gputsne.base.errors import BadInput

__all__ = ["FILE", "check_known", "refuse"]

FILE: Final = "ops.toml"


def refuse(name: str, value: object, wanted: str) -> NoReturn:
    """Raise BadInput for an entry's value, saying what it must be."""
    raise BadInput(f"{FILE}: {name} = {value!r} must be {wanted}")


def check_known(told: Iterable[Any], known: Iterable[str], path: str = FILE) -> None:
    """Raise BadInput for the first name that is no entry, with the one that is nearest.

    Parameters
    ----------
    told : iterable of str
        Names that were read.
    known : iterable of str
        Names of entries.
    path : str
        Named in the message.
    """
    known = list(known)
    for name in told:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise BadInput(f"{path}: unknown entry {name!r}; {hint}")
