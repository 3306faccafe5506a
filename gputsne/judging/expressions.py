"""Conditions of rules: comparisons of evidence with numbers, joined by ``and`` and ``or``.

Missing evidence makes a comparison unknown, and unknown stays unknown unless the rest decides:
Kleene's logic of three values.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Comparison", "Condition", "read_condition"]

NAME = r"[A-Za-z_][\w.%-]*"
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
COMPARISON = re.compile(
    rf"\s*(?P<left>{NAME})?\s*(?P<sign>>=|<=|==|!=|>|<)\s*"
    rf"(?:(?P<number>{NUMBER})(?:\s*\*\s*(?P<times>{NAME}))?|"
    rf"(?P<name>{NAME})(?:\s+(?P<plus>[+-])\s+(?P<shift>{NUMBER}))?)\s*"
)
SIGNS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Comparison:
    """One piece of evidence against ``factor * other + shift``.

    Attributes
    ----------
    left : str
        Name of the evidence.
    sign : str
        Of ``>, >=, <, <=, ==, !=``.
    shift, factor : float
        The number; times what the other evidence is.
    other : str
        Evidence on the right side, or "" for a number alone.
    """

    left: str
    sign: str
    shift: float
    factor: float = 0.0
    other: str = ""

    def holds(self, evidence: Mapping[str, float]) -> bool | None:
        """Tell whether it holds, as ``Condition.holds``."""
        if self.left not in evidence or (self.other and self.other not in evidence):
            return None
        limit = self.shift + (self.factor * evidence[self.other] if self.other else 0.0)
        return bool(SIGNS[self.sign](evidence[self.left], limit))

    @property
    def names(self) -> tuple[str, ...]:
        """The evidence that it reads."""
        return (self.left, self.other) if self.other else (self.left,)


@dataclass(frozen=True)
class Condition:
    """Comparisons of which, in one group at least, all hold.

    Attributes
    ----------
    text : str
        As it was written.
    groups : tuple of tuple of Comparison
        Joined by ``or``; those of a group by ``and``.
    """

    text: str
    groups: tuple[tuple[Comparison, ...], ...]

    def holds(self, evidence: Mapping[str, float]) -> bool | None:
        """Tell whether the condition holds; None where missing evidence leaves it open.

        Parameters
        ----------
        evidence : mapping of str to float
            Without NaN.

        Returns
        -------
        bool or None
        """
        groups = [_joined([part.holds(evidence) for part in group], False) for group in self.groups]
        return _joined(groups, True)

    @property
    def names(self) -> tuple[str, ...]:
        """The evidence that it reads, each once."""
        told = (name for group in self.groups for part in group for name in part.names)
        return tuple(dict.fromkeys(told))


def _joined(values: Sequence[bool | None], decisive: bool) -> bool | None:
    """Join values by ``and``, which one False decides, or by ``or``, which one True does."""
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def read_condition(text: str, metric: str = "") -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Such as ``"> 0.5"``, ``"silhouette < 0.25 and knn_accuracy > 0.85"``,
        ``"footprint_gb <= budget_gb"``, ``"local < 0.25 * broad"`` or ``"knn > before - 0.02"``.
        ``and`` binds closer than ``or``; there are no brackets.
    metric : str
        What a comparison without a left side is about.

    Returns
    -------
    Condition

    Raises
    ------
    ValueError
        For what is no such text.

    Examples
    --------
    >>> read_condition("> 0.5", "silhouette").holds({"silhouette": 0.6})
    True
    >>> read_condition("a > 1 and b > 1").holds({"a": 2.0}) is None
    True
    """
    groups = tuple(
        tuple(_comparison(part, metric, text) for part in re.split(r"\sand\s", group))
        for group in re.split(r"\sor\s", text)
    )
    return Condition(text.strip(), groups)


def _comparison(part: str, metric: str, text: str) -> Comparison:
    found = COMPARISON.fullmatch(part)
    if found is None:
        raise ValueError(
            f"{text!r} is no condition: write comparisons such as '> 0.5' or 'name <= 3 * other', "
            "joined by and, or"
        )
    left = found["left"] or metric
    if not left:
        raise ValueError(f"{text!r} names no evidence on its left side, and the rule has no metric")
    if found["number"] is None:
        shift = float(found["shift"] or 0.0) * (-1 if found["plus"] == "-" else 1)
        return Comparison(left, found["sign"], shift, 1.0, found["name"])
    number = float(found["number"])
    if found["times"] is None:
        return Comparison(left, found["sign"], number)
    return Comparison(left, found["sign"], 0.0, number, found["times"])
