"""JSON with its own hash: any altered byte shows, and half of a text is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from gputsne.base.errors import Damaged
from gputsne.provenance.plain import plain
from gputsne.runs.storage import Content

__all__ = ["is_torn", "seal", "unseal"]

STORE: Final = "store"  # the key under which a sealed object has its hash


def seal(facts: Mapping[str, Any], files: Mapping[str, Content] | None = None) -> bytes:
    """Return a JSON object as text with its own SHA-256, and those of the files beside it.

    Parameters
    ----------
    facts : mapping
        Anything that `gputsne.provenance.plain.plain` can tell; a key ``store`` is replaced.
    files : mapping of str to Content, optional
        The manifest.

    Returns
    -------
    bytes
        Under ``store``: ``files`` (size and sha256 by name) and ``sha256``: that of this very text
        with an empty text in its place.
    """
    told = {"size": 0, "sha256": ""}
    held = {name: {k: getattr(c, k) for k in told} for name, c in sorted((files or {}).items())}
    whole = {k: v for k, v in plain(facts).items() if k != STORE}
    whole[STORE] = {"files": held, "sha256": ""}
    whole[STORE]["sha256"] = hashlib.sha256(_text(whole)).hexdigest()
    return _text(whole)


def unseal(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Content]]:
    """Return what `seal` was given.

    Parameters
    ----------
    data : bytes
        The text.
    name : str
        What messages call it.

    Returns
    -------
    tuple of dict and dict of str to Content
        The object without its seal, and the manifest.

    Raises
    ------
    Damaged
        It is half a text, or a byte of it was altered.
    """
    try:
        whole = json.loads(data)
        held = whole[STORE]
        files = {
            str(f): Content(int(c["size"]), str(c["sha256"])) for f, c in held["files"].items()
        }
        said, held["sha256"] = held["sha256"], ""
        digest = hashlib.sha256(_text(whole)).hexdigest()
        held["sha256"] = said
        same = said == digest and _text(whole) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(f"{name} is half written or damaged: {error!r}") from error
    if not same:
        raise Damaged(f"{name} was altered after it was written")
    del whole[STORE]
    return whole, files


def is_torn(data: bytes) -> bool:
    """Tell whether the end of a sealed text is missing: who wrote it was cut off, or failed."""
    return not data.endswith(b"}\n")


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode("utf-8")
