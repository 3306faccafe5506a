"""Rules: the rows of ``rules.toml``, read and checked, and a user's rows on top of them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

from gputsne.base.errors import BadInput
from gputsne.judging.expressions import Condition, read_condition

__all__ = ["SEVERITIES", "Rule", "profiles_of", "read_rules"]

SEVERITIES = ("gate", "warning", "note")
TEXTS = ("title", "metric", "pass", "fault", "severity", "ask", "symptom", "cause", "why",
         "action", "bring", "source")  # fmt: skip
WORDS = ("ask", "symptom", "cause", "why", "action", "bring", "source")
KEYS = (*TEXTS, "profiles", "bands", "required", "needs")


@dataclass(frozen=True)
class Rule:
    """One row.

    Attributes
    ----------
    id : str
        Its name in the file.
    title : str
        What people call it.
    metric : str
        Name of the evidence that is shown, or "".
    passes, fault : Condition or None
        When it is passed (``pass`` in the file), or when it is failed; at most one of the two.
    severity : {"gate", "warning", "note"}
        Whether a failure fails the whole, is told, or is no failure.
    profiles : tuple of str
        Checklists it is on.
    required : bool
        Whether missing evidence keeps the whole from passing.
    bands : tuple of (Condition, str)
        What a value means; the first that holds.
    ask : str
        The question of a row that a person answers, or "". With ``passes`` evidence answers it, and
        a person only where there is none.
    symptom, cause, why, action, source : str
        Words, in which ``{name}`` stands for evidence.
    bring : str
        What gives the evidence where it is missing.
    needs : tuple of str
        Evidence without which the row says nothing, whatever its condition makes of the rest.
    """

    id: str
    title: str
    metric: str = ""
    passes: Condition | None = None
    fault: Condition | None = None
    severity: str = "gate"
    profiles: tuple[str, ...] = ()
    required: bool = True
    bands: tuple[tuple[Condition, str], ...] = ()
    ask: str = ""
    symptom: str = ""
    cause: str = ""
    why: str = ""
    action: str = ""
    bring: str = ""
    source: str = ""
    needs: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The condition in words, for people."""
        if self.passes is not None:
            return self.passes.text
        if self.fault is not None and not self.ask:
            return f"not {self.fault.text}"
        return ""


def read_rules(more: str | PathLike[str] | Mapping[str, Any] | None = None) -> tuple[Rule, ...]:
    """Return the rules of the package, with those of a file added or put over them.

    Parameters
    ----------
    more : path, mapping or None
        A TOML file of tables, or what such a file holds. A table whose name the package has
        replaces the keys that it gives; every other table is a rule of its own.

    Returns
    -------
    tuple of Rule
        In the order of the files.

    Raises
    ------
    BadInput
        For a file that can't be read, no TOML, and rows that make no sense; the message names file,
        row and key.

    Examples
    --------
    >>> rules = read_rules({"latency": {"pass": "< 20"}})
    >>> next(rule.condition for rule in rules if rule.id == "latency")
    '< 20'
    """
    rows = {name: dict(row) for name, row in _own().items()}
    where = "rules"
    if more is not None:
        where, given = _given(more)
        for name, row in given.items():
            if not isinstance(row, Mapping):
                raise BadInput(f"{where}: {name} = {row!r} stands alone; rules are [tables]")
            before = dict(rows.get(name, {}))
            if "pass" in row or "fault" in row:
                before.pop("pass", None)
                before.pop("fault", None)
            rows[name] = {**before, **row}
    return tuple(_rule(name, row, where) for name, row in rows.items())


def profiles_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the checklists that rules are on, in order of appearance.

    Parameters
    ----------
    rules : iterable of Rule
        From ``read_rules``.

    Returns
    -------
    tuple of str
    """
    return tuple(dict.fromkeys(name for rule in rules for name in rule.profiles))


@cache
def _own() -> dict[str, dict[str, Any]]:
    text = resources.files("gputsne.judging").joinpath("rules.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _given(more: Any) -> tuple[str, Mapping[str, Any]]:
    """Return where rows come from, and the rows."""
    if isinstance(more, Mapping):
        return "rules", more
    try:
        path = Path(more)
    except TypeError:
        raise TypeError(f"rules={more!r} must be a path of a TOML file or a mapping") from None
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    except RecursionError as error:
        raise BadInput(f"{path}: nested too deep to be read") from error
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise BadInput(f"{path} is no TOML: {error}") from error


def _rule(name: str, row: Mapping[str, Any], where: str) -> Rule:
    place = f"{where}: [{name}]"
    for key, value in row.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(KEYS)}"
            raise BadInput(f"{place} has an unknown key {key!r}{hint}")
        if key in TEXTS and not isinstance(value, str):
            raise BadInput(f"{place} {key} = {value!r} must be text")
    severity = row.get("severity", "gate")
    if severity not in SEVERITIES:
        raise BadInput(f"{place} severity = {severity!r} must be one of {', '.join(SEVERITIES)}")
    required = row.get("required", severity == "gate")
    if not isinstance(required, bool):
        raise BadInput(f"{place} required = {required!r} must be true or false")
    profiles = row.get("profiles")
    if not isinstance(profiles, list) or not all(isinstance(p, str) for p in profiles):
        raise BadInput(f"{place} profiles = {profiles!r} must be a list of names, [] for none")
    needs = row.get("needs", [])
    if not isinstance(needs, list) or not all(isinstance(name, str) for name in needs):
        raise BadInput(f"{place} needs = {needs!r} must be a list of names of evidence")
    if "pass" in row and "fault" in row:
        raise BadInput(f"{place} has both pass and fault: a rule has one of them")
    metric = row.get("metric", "")
    if not ({"pass", "fault", "ask"} & set(row)) and not (severity == "note" and metric):
        raise BadInput(f'{place} needs pass, fault or ask; or severity = "note" and a metric')
    if severity == "note" and {"pass", "fault", "ask"} & set(row):
        raise BadInput(f"{place} is a note and has a condition: make it a gate or a warning")
    return Rule(
        name,
        row.get("title", name),
        metric,
        _condition(row, "pass", metric, place),
        _condition(row, "fault", metric, place),
        severity,
        tuple(profiles),
        required,
        _bands(row.get("bands", []), metric, place),
        **{key: row.get(key, "") for key in WORDS},
        needs=tuple(needs),
    )


def _condition(row: Mapping[str, Any], key: str, metric: str, place: str) -> Condition | None:
    if key not in row:
        return None
    try:
        return read_condition(row[key], metric)
    except ValueError as error:
        raise BadInput(f"{place} {key}: {error}") from error


def _bands(bands: Any, metric: str, place: str) -> tuple[tuple[Condition, str], ...]:
    found = []
    for band in bands if isinstance(bands, list) else [None]:
        if not (isinstance(band, list) and [type(part) for part in band] == [str, str]):
            raise BadInput(f"{place} bands must be a list of [condition, text], got {band!r}")
        if not metric:
            raise BadInput(f"{place} has bands but no metric")
        try:
            found.append((read_condition(band[0], metric), band[1]))
        except ValueError as error:
            raise BadInput(f"{place} bands: {error}") from error
    return tuple(found)
