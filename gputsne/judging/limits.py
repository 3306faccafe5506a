"""Limits of rules: the number that a rule holds a piece of evidence against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gputsne.base.errors import BadInput
from gputsne.judging.rules import Rule

__all__ = ["Limit", "limit_in"]

NEGATED: Final = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Limit:
    """When a number fails a rule: ``sign value``.

    Attributes
    ----------
    sign : str
        Of the failure.
    value : float
        The number.
    """

    sign: str
    value: float

    def __str__(self) -> str:
        return f"{self.sign} {self.value:g}"


def limit_in(rules: Mapping[str, Rule], id: str, evidence: str, whose: str) -> Limit:
    """Return the limit that a rule holds a piece of evidence against.

    Parameters
    ----------
    rules : mapping of str to Rule
        By id.
    id : str
        Of the rule.
    evidence : str
        As the rule names it.
    whose : str
        What has this limit, for the message.

    Returns
    -------
    Limit

    Raises
    ------
    BadInput
        There is no such rule, or it does not hold the evidence against a number.
    """
    rule = rules.get(id)
    condition = None if rule is None else rule.passes or rule.fault
    if rule is None or condition is None:
        raise BadInput(f"rules: [{id}] is missing; {whose} has its limit")
    for group in condition.groups:
        for part in group:
            if part.left == evidence and not part.other:
                sign = NEGATED[part.sign] if rule.passes is not None else part.sign
                return Limit(sign, part.shift)
    raise BadInput(f"rules: [{id}] holds {evidence} against no number; {whose} needs one")
