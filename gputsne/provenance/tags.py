"""Tags of a run: short texts by name, checked, so that they can be labels of anything."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["checked_tags", "tags_of"]


def checked_tags(tags: Any) -> dict[str, str]:
    """Return tags as a dict of texts.

    Parameters
    ----------
    tags : mapping of str to str
        Names and values.

    Returns
    -------
    dict of str to str
        In the order they came.

    Raises
    ------
    TypeError
        For what is no mapping, and for names and values that are no text.
    ValueError
        For an empty name or value, white space around one, control characters such as a line feed,
        and a name with "=" in it.
    """
    if not isinstance(tags, Mapping):
        raise TypeError(f"tags={tags!r} must be a dict of texts, such as {{'owner': 'maps'}}")
    for name, value in tags.items():
        for what, text in (("name", name), ("value", value)):
            if not isinstance(text, str):
                raise TypeError(f"tags: the {what} {text!r} must be text, {str(text)!r} perhaps")
            if not text or text != text.strip():
                raise ValueError(
                    f"tags: the {what} {text!r} of {name!r} is empty or has spaces around it; "
                    "give it some text, or leave the tag out"
                )
            if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
                raise ValueError(
                    f"tags: the {what} {text!r} holds a control character such as a line feed; "
                    "leave it out"
                )
        if "=" in name:
            raise ValueError(f"tags: the name {name!r} has '=' in it; choose another name")
    return {str(name): str(value) for name, value in tags.items()}


def tags_of(pairs: Iterable[str]) -> dict[str, str]:
    """Return the tags that ``name=value`` pairs stand for.

    Parameters
    ----------
    pairs : iterable of str
        Cut at the first "=", so that a value may hold others.

    Returns
    -------
    dict of str to str
        See `checked_tags`.

    Raises
    ------
    ValueError
        For a pair without "=", a name that is there twice, and as `checked_tags`.

    Examples
    --------
    >>> tags_of(["owner=maps", "query=day=monday"])
    {'owner': 'maps', 'query': 'day=monday'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} is no tag: write NAME=VALUE, such as owner=maps")
        if name in found:
            raise ValueError(
                f"the tag {name!r} is there twice, as {found[name]!r} and {value!r}: keep one"
            )
        found[name] = value
    return checked_tags(found)
