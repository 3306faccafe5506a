"""Events of a run, told to the logger ``gputsne.events``: stages as they begin and end, facts.

An event is its name and the fields below: numbers, hashes, and words of this package. Values of
data, names of columns, files, people and machines have no field, so no handler can write them.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from numbers import Integral, Real
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

__all__ = [
    "FIELDS", "LOGGER", "known", "learn", "line", "listened", "of_run", "places_of", "stage",
    "tell",
]  # fmt: skip

LOGGER: Final = logging.getLogger("gputsne.events")
LOGGER.setLevel(logging.INFO)

NUMBER, WORD, WORDS = "number", "word", "words"
FIELDS: Final[Mapping[str, str]] = {
    "run": WORD,  # id of the run
    "command": WORD,
    "version": WORD,  # of gputsne
    "stage": WORD,  # as in Run.timings; read, score, write and the like besides
    "seconds": NUMBER,  # that a stage or all took, by a clock that only goes forward
    "ok": NUMBER,  # whether a stage ended without an error
    "iteration": NUMBER,
    "iterations": NUMBER,
    "kl_divergence": NUMBER,
    "rows": NUMBER,
    "features": NUMBER,
    "input_sha256": WORD,  # of the values, as Run.input has it
    "sample_sha256": WORD,
    "map_sha256": WORD,
    "seed": NUMBER,
    "device": WORD,
    "peak_memory_bytes": NUMBER,  # of the process so far
    "peak_device_bytes": NUMBER,
    "status": WORD,
    "exit_code": NUMBER,
    "error": WORD,  # type of an exception
    "category": WORD,  # type of a warning
    "parameter": WORD,  # option that a command was given wrongly
    "logger": WORD,  # who made a remark
    "where": WORDS,  # files of code and lines in them, the innermost last
    "warnings": NUMBER,
}
ON_EACH: Final = ("run", "rows", "features", "device")  # that every line has, once known
LONGEST: Final = 64  # characters of a word: a SHA-256
FRAMES: Final = 6  # of a traceback, the innermost ones
_WORD: Final = re.compile(rf"[\w./:+<>-]{{1,{LONGEST}}}", re.ASCII)
_FACTS: ContextVar[dict[str, Any] | None] = ContextVar("facts", default=None)
_ROOM: Final = Path(__file__).resolve().parents[1]


def listened() -> bool:
    """Tell whether anybody listens to events, and not to all that is logged.

    Returns
    -------
    bool
    """
    return bool(LOGGER.handlers)


def tell(event: str, level: int = logging.INFO, **facts: Any) -> None:
    """Tell of an event.

    Parameters
    ----------
    event : str
        Its name.
    level : int, default logging.INFO
        How grave it is.
    **facts : object
        Of ``FIELDS``; what has no field, or is of another kind than its field, is left out.
    """
    if LOGGER.handlers:
        held = known()
        given = {name: held[name] for name in ON_EACH if name in held}
        LOGGER.log(level, "%s", event, extra={"facts": _fit(given | facts)})


@contextmanager
def stage(name: str) -> Iterator[dict[str, Any]]:
    """Tell that a stage begins and, whatever ends it, that it has ended.

    Parameters
    ----------
    name : str
        What is done inside.

    Yields
    ------
    dict
        Takes further facts, told at the end; ``seconds`` of a better clock among them.
    """
    if not listened():
        yield {}
        return
    more: dict[str, Any] = {}
    begin = time.monotonic()
    tell("stage_started", stage=name)
    ok = False
    try:
        yield more
        ok = True
    finally:
        more.setdefault("seconds", time.monotonic() - begin)
        tell("stage_ended", stage=name, ok=ok, **more)


@contextmanager
def of_run(id: str) -> Iterator[dict[str, Any]]:
    """Let events inside be those of a run.

    Parameters
    ----------
    id : str
        Of the run.

    Yields
    ------
    dict
        What ``learn`` gathers of it, its id as ``run``.
    """
    held = _FACTS.get()
    facts = held if held is not None and held["run"] == id else {"run": id}
    token = _FACTS.set(facts)
    try:
        yield facts
    finally:
        _FACTS.reset(token)


def known() -> Mapping[str, Any]:
    """Return what has been learnt of the run that goes on, ``run`` among it; empty without one.

    Returns
    -------
    mapping of str to object
    """
    return _FACTS.get() or {}


def learn(**facts: Any) -> None:
    """Take note of facts that the end of the run that goes on tells.

    Parameters
    ----------
    **facts : object
        Of ``FIELDS``.
    """
    held = _FACTS.get()
    if held is not None:
        held.update(facts)


def places_of(where: TracebackType | FrameType | None) -> list[str]:
    """Return where in the code something came from, without what is the machine's own.

    Parameters
    ----------
    where : traceback, frame or None
        Of an exception, or of who calls.

    Returns
    -------
    list of str
        Files within this package, names alone of others, and lines; the innermost last.
    """
    if isinstance(where, FrameType):
        frames = traceback.extract_stack(where)
    else:
        frames = traceback.extract_tb(where)
    return [f"{_short(frame.filename)}:{frame.lineno}" for frame in frames[-FRAMES:]]


def _short(file: str) -> str:
    path = Path(file)
    return path.relative_to(_ROOM).as_posix() if path.is_relative_to(_ROOM) else path.name


def line(event: str, level: int, facts: Mapping[str, Any]) -> str:
    """Return one line of JSON: a moment in UTC (RFC 3339), how grave, which event, its facts.

    Parameters
    ----------
    event : str
        Its name.
    level : int
        As logging has it.
    facts : mapping of str to object
        As JSON can hold them.

    Returns
    -------
    str
        Without a line break.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = {"at": now, "level": logging.getLevelName(level).lower(), "event": event}
    return json.dumps({**head, **facts}, allow_nan=False)


def _fit(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that fit their fields, as JSON can hold them."""
    found = {}
    for name, value in facts.items():
        kind = FIELDS.get(name)
        told: Any
        if kind == NUMBER:
            told = _number(value)
        elif kind == WORDS and isinstance(value, list):
            told = [word for word in value if _is_word(word)]
        else:
            told = value if kind == WORD and _is_word(value) else None
        if told is not None:
            found[name] = told
    return found


def _number(value: Any) -> int | float | bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    is_finite = isinstance(value, Real) and math.isfinite(value)
    return round(float(value), 9) if is_finite else None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
