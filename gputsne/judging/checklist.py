"""Checklist: the rows of a verdict, what they say together, and its text and files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gputsne.base.errors import DependencyMissing
from gputsne.base.files import replacing

__all__ = ["MARKS", "Checklist", "Row"]

MARKS = {
    "pass": "✓", "fail": "✗", "warn": "!", "n/a": "-", "needs review": "?", "acknowledged": "✓",
    "note": "·",
}  # fmt: skip
OPEN = ("n/a", "needs review")


@dataclass(frozen=True)
class Row:
    """One rule against the evidence.

    Attributes
    ----------
    id, title : str
        Of the rule.
    status : str
        "pass", "fail", "warn" (failed, but no gate), "note", "n/a" (evidence is missing),
        "needs review" (a person has to look) or "acknowledged".
    severity : str
        Of the rule.
    required : bool
        Whether "n/a" and "needs review" keep the whole from passing.
    metric : str
        Name of the evidence shown, or "".
    value : float or None
        Its value.
    condition : str
        What it was held against.
    says : str
        The band of the value, the symptom, or the question.
    cause : str
        Of a row that failed or warns, else "".
    action : str
        What to do about a row that failed or warns, what gives the evidence of one that is "n/a".
    source : str
        Of the rule.
    missing : tuple of str
        Evidence that a "n/a" row needs.
    """

    id: str
    title: str
    status: str
    severity: str
    required: bool
    metric: str = ""
    value: float | None = None
    condition: str = ""
    says: str = ""
    cause: str = ""
    action: str = ""
    source: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checklist:
    """A verdict and the rows it comes from.

    Attributes
    ----------
    profile : str
        Which checklist.
    rows : tuple of Row
        In the order of the rules.
    """

    profile: str
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> str:
        """One of "PASS", "FAIL", and "INCOMPLETE" where evidence or a person's word is missing."""
        if any(row.status == "fail" for row in self.rows):
            return "FAIL"
        waiting = any(row.required and row.status in OPEN for row in self.rows)
        decided = any(row.status not in OPEN for row in self.rows)
        return "PASS" if decided and not waiting else "INCOMPLETE"

    @property
    def passed(self) -> bool:
        """Whether every gate was passed, on evidence."""
        return self.verdict == "PASS"

    @property
    def exit_code(self) -> int:
        """0 if passed, else 1."""
        return 0 if self.passed else 1

    def __getitem__(self, name: str) -> Row:
        for row in self.rows:
            if row.id == name:
                return row
        raise KeyError(f"no row is called {name!r}; there are {', '.join(r.id for r in self.rows)}")

    def to_dict(self) -> dict[str, Any]:
        """Return profile, verdict and rows as one dict of plain values.

        Returns
        -------
        dict of str to object
            ``profile``, ``verdict`` and ``rows``, a dict for each.
        """
        rows = [{**asdict(row), "missing": list(row.missing)} for row in self.rows]
        return {"profile": self.profile, "verdict": self.verdict, "rows": rows}

    def to_junit(self, path: str | Path | None = None) -> str:
        """Return the rows as JUnit XML, and write it where a path is given.

        Parameters
        ----------
        path : str, Path or None
            The file to make or replace.

        Returns
        -------
        str
        """
        from gputsne.judging.views import junit

        return _written(junit(self), path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Return the rows as Markdown, and write it where a path is given.

        Parameters
        ----------
        path : str, Path or None
            The file to make or replace.

        Returns
        -------
        str
        """
        from gputsne.judging.views import markdown

        return _written(markdown(self), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the verdict as an HTML page that loads nothing; write it where a path is given.

        Parameters
        ----------
        path : str, Path or None
            The file to make or replace.

        Returns
        -------
        str

        Raises
        ------
        DependencyMissing
            Without jinja2, which the extra ``report`` brings.
        """
        from gputsne.judging.views import page

        return _written(page(self), path)

    def _repr_html_(self) -> str | None:
        from gputsne.judging.views import table

        try:
            return table(self)
        except DependencyMissing:  # notebooks then show the text
            return None

    def __str__(self) -> str:
        width = max((len(row.title) for row in self.rows), default=0)
        lines = []
        for row in self.rows:
            value = "" if row.value is None else f"{row.value:.4g}"
            held = f"{value:>9}  {MARKS[row.status]} {row.status:<12}"
            lines.append(f"{row.title:<{width}} {held} {row.condition}".rstrip())
            told = (row.says, row.cause, row.action)
            lines += [f"    {text}" for text in told if text]
            if row.status == "n/a":
                lines.append(f"    no evidence: {', '.join(row.missing)}")
        return "\n".join([*lines, f"{self.profile}: {self.verdict}"])


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        with replacing(Path(path)) as part:
            part.write_text(text, encoding="utf-8")
    return text
