"""Rules and verdicts: what evidence must be (``rules.toml``), and ``check``, which compares.

Every threshold is a row of the file; checklists, diagnosis, JUnit, HTML and exit code are views.
"""

from gputsne.judging.advice import Advice, advise
from gputsne.judging.checklist import Checklist, Row
from gputsne.judging.evidence import evidence_of
from gputsne.judging.rules import Rule, read_rules
from gputsne.judging.verdict import check
from gputsne.judging.watching import watch

__all__ = [
    "Advice",
    "Checklist",
    "Row",
    "Rule",
    "advise",
    "check",
    "evidence_of",
    "read_rules",
    "watch",
]
