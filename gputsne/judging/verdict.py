"""check: evidence held against the rules of a profile; the only code that knows a threshold."""

from __future__ import annotations

import difflib
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from gputsne.judging.checklist import Checklist, Row
from gputsne.judging.rules import Rule, profiles_of, read_rules

__all__ = ["check"]

Evidence = dict[str, float]
SLOT = re.compile(r"\{([\w.%-]+)\}")


def check(
    evidence: Mapping[str, Any], profile: str = "go-no-go", *,
    rules: str | PathLike[str] | Mapping[str, Any] | None = None,
    acks: Mapping[str, str] | Sequence[str] = (),
) -> Checklist:  # fmt: skip
    """Hold evidence against the rules of a profile.

    Parameters
    ----------
    evidence : mapping of str to number, text or None
        Flat, from ``metrics.evaluate`` and the ``evidence`` of what ``inspect`` finds, joined by
        ``|``, and whatever else a rule names. None and NaN are missing.
    profile : str, default "go-no-go"
        "go-no-go", "diagnose", "clusters", "neighbors", "models", "spaces", "ci", "preprod",
        "prod", "incident", or one of your own rules.
    rules : path, mapping or None
        A TOML file whose tables are added to the rules of the package or put over them.
    acks : mapping of str to str, or sequence of str
        Answers to the questions of a profile: ``{"visualization": "ann: ten clear groups"}``, or
        texts ``"visualization=ann: ten clear groups"``; without a row's name for every question.

    Returns
    -------
    Checklist
        ``verdict``, ``passed``, ``exit_code``, ``rows``; prints as text, shows as HTML in a
        notebook, and ``to_junit``, ``to_html`` and ``to_dict`` give the rest. Missing evidence is
        "n/a" and an unanswered question "needs review"; neither is ever a pass.

    Raises
    ------
    ValueError
        For an unknown profile, evidence that is no number where a rule compares it, and acks of
        unknown rows, of rows that are no question, or without a name and a reason.
    BadInput
        A ValueError: for rules that can't be read or make no sense.

    Examples
    --------
    >>> found = check({"silhouette": 0.061, "davies_bouldin": 3.678})
    >>> found.verdict, found["silhouette"].status, found["latency"].status
    ('FAIL', 'fail', 'n/a')
    """
    every = read_rules(rules)
    known = profiles_of(every)
    if profile not in known:
        near = difflib.get_close_matches(str(profile), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"profile={profile!r} must be one of {', '.join(known)}{hint}")
    chosen = [rule for rule in every if profile in rule.profiles]
    read = {name for rule in chosen for name in _compared(rule)}
    numbers_, words = _read(evidence, read)
    answers = _answers(acks, chosen)
    rows = tuple(_row(rule, numbers_, words, answers.get(rule.id)) for rule in chosen)
    return Checklist(profile, rows)


def _compared(rule: Rule) -> list[str]:
    """Return the names of evidence that a rule compares or shows."""
    conditions = [rule.passes, rule.fault, *(band for band, _ in rule.bands)]
    names = [name for held in conditions if held is not None for name in held.names]
    names += rule.needs
    return [*names, rule.metric] if rule.metric else names


def _read(evidence: Any, compared: set[str]) -> tuple[Evidence, dict[str, str]]:
    """Return evidence as numbers, and all of it as words."""
    if not isinstance(evidence, Mapping):
        raise TypeError(
            "evidence must be a flat mapping of names to numbers, as metrics.evaluate returns, "
            f"got {type(evidence).__name__}"
        )
    found: Evidence = {}
    words: dict[str, str] = {}
    for name, value in evidence.items():
        if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a number of numpy
            value = value.item()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        if isinstance(value, numbers.Real):
            found[str(name)] = float(value)
            words[str(name)] = f"{float(value):.3g}"
        elif name in compared:
            raise ValueError(f"evidence {name}={value!r} must be a number: a rule compares it")
        elif isinstance(value, str):
            words[str(name)] = value
    return found, words


def _answers(acks: Any, chosen: Sequence[Rule]) -> dict[str, str]:
    """Return the answers to questions by row."""
    asked = [rule.id for rule in chosen if rule.ask]
    pairs = list(acks.items()) if isinstance(acks, Mapping) else [_pair(text) for text in acks]
    found: dict[str, str] = {}
    for row, answer in pairs:
        who, colon, why = str(answer).partition(":")
        if not colon or not who.strip() or not why.strip():
            raise ValueError(
                f"ack {answer!r} must say who and why, as 'ann: ten clear groups, one per service'"
            )
        if row == "":
            found = {**dict.fromkeys(asked, answer), **found}
        elif row in asked:
            found[row] = answer
        elif any(rule.id == row for rule in chosen):
            raise ValueError(f"ack of {row!r}: it is decided by evidence; questions are "
                             f"{', '.join(asked) or 'none'}")  # fmt: skip
        else:
            raise ValueError(f"ack of {row!r}: no such row; questions are "
                             f"{', '.join(asked) or 'none'}")  # fmt: skip
    return found


def _pair(text: str) -> tuple[str, str]:
    """Return row and answer of ``row=who: why``, or of ``who: why`` for every question."""
    before, equals, after = text.partition("=")
    return (before.strip(), after) if equals and ":" not in before else ("", text)


def _row(rule: Rule, evidence: Evidence, words: dict[str, str], answer: str | None) -> Row:
    status, missing = _status(rule, evidence, answer)
    says = ""
    if status == "acknowledged":
        says = f"acknowledged by {answer}"
    elif status in ("fail", "warn") and rule.symptom:
        says = rule.symptom
    elif rule.ask and status != "pass":
        says = rule.ask
    elif status != "n/a":
        band = (text for held, text in rule.bands if held.holds(evidence))
        says = next(band, rule.why if status == "note" else "")
    bad = status in ("fail", "warn")
    waits = status in ("n/a", "needs review")
    action = _filled(rule.action, words) if bad else rule.bring if waits else ""
    return Row(
        rule.id, rule.title, status, rule.severity, rule.required, rule.metric,
        evidence.get(rule.metric), rule.condition, _filled(says, words),
        _filled(rule.cause, words) if bad else "", action, rule.source, missing,
    )  # fmt: skip


def _status(rule: Rule, evidence: Evidence, answer: str | None) -> tuple[str, tuple[str, ...]]:
    """Return what a rule says of the evidence, and what is missing where it says nothing."""
    wrong = "fail" if rule.severity == "gate" else "warn"
    if rule.ask:
        known = None if rule.passes is None else rule.passes.holds(evidence)
        if known is not None:
            return ("pass" if known else wrong), ()
        if answer is not None:
            return "acknowledged", ()
        flagged = rule.fault is not None and rule.fault.holds(evidence) is True
        return (wrong if flagged else "needs review"), ()
    condition = rule.passes or rule.fault
    if lacking := tuple(name for name in rule.needs if name not in evidence):
        return "n/a", lacking
    if condition is None:
        return ("note", ()) if rule.metric in evidence else ("n/a", (rule.metric,))
    holds = condition.holds(evidence)
    if holds is None:
        return "n/a", tuple(name for name in condition.names if name not in evidence)
    return ("pass" if holds is (rule.passes is not None) else wrong), ()


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Return a text with evidence in place of its ``{names}``."""
    return SLOT.sub(lambda slot: words.get(slot[1], "(unknown)"), text)
