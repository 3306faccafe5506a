"""The viewer's assets: one script, one style sheet, and the licences of what is built in."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["LICENCES", "SCRIPT", "STYLE", "asset", "bundle"]

SCRIPT, STYLE, LICENCES = "viewer.js", "viewer.css", "LICENCES.txt"


@cache
def asset(name: str) -> str:
    """Return the text of one of the viewer's files.

    Parameters
    ----------
    name : str
        ``SCRIPT``, an ES module that exports ``mount``, ``start`` and ``unpack``; ``STYLE``; or
        ``LICENCES``.

    Returns
    -------
    str
        As it lies in the package.

    Raises
    ------
    ValueError
        There is no such file.

    Examples
    --------
    >>> asset("viewer.css").startswith("/*")
    True
    """
    if name not in (SCRIPT, STYLE, LICENCES):
        raise ValueError(f"name={name!r} is none of {SCRIPT}, {STYLE}, {LICENCES}")
    return files("gputsne.viewer").joinpath("assets", name).read_text(encoding="utf-8")


def bundle() -> dict[str, bytes]:
    """Return every file that a page beside its data needs, by name.

    Returns
    -------
    dict of str to bytes
        The script, the style sheet and the licences.
    """
    return {name: asset(name).encode() for name in (SCRIPT, STYLE, LICENCES)}
