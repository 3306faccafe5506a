"""watch: windows of a stream held against a reference, which of them raise an alarm, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Whole
from gputsne.change import drift
from gputsne.judging.verdict import check

__all__ = ["watch"]

SHOWN = ("drift_mmd", "drift_novel")


def watch(
    reference: Any, windows: Iterable[Any], *, onset: int | None = None, profile: str = "stream",
    rules: str | PathLike[str] | Mapping[str, Any] | None = None, **how: Any,
) -> Findings:  # fmt: skip
    """Compare windows of a stream with a reference, one after the other.

    Parameters
    ----------
    reference : array_like or DataFrame, shape (n, d)
        Rows as they should be.
    windows : iterable of array_like or DataFrame, each of shape (m, d)
        New rows, ten at least, of other things than the reference's. One is held at a time.
    onset : int or None, default None
        The window at which a drift began, counted from 0, where that is known.
    profile : str, default "stream"
        Whose rules raise an alarm where they fail.
    rules : path, mapping or None
        As of ``check``.
    **how : object
        What else ``drift`` takes, such as ``sample``.

    Returns
    -------
    Findings
        Rows of ``window, alarm, rules`` (those that failed) ``, drift_mmd, drift_novel`` and
        ``group``, the rows that changed. Evidence: ``alarms``, ``first_alarm`` where there is one,
        and with an onset ``false_alarms`` (before it), ``alarm_precision`` where there are alarms,
        and ``alarm_delay``, windows from the onset to the first alarm that is no false one: 1 where
        the window of the onset itself raised it.

    Raises
    ------
    ValueError
        For what ``drift`` and ``check`` refuse.

    Examples
    --------
    >>> from gputsne import datasets
    >>> stream = datasets.drifting_stream(3, onset=1, rows=100)
    >>> watch(stream.reference, stream.windows, onset=1).evidence["false_alarms"]
    0.0
    """
    Whole(0, optional=True).check("onset", onset)
    check({}, profile, rules=rules)  # a stream may be long, or empty, before a window is judged
    rows: list[dict[str, Any]] = []
    for number, window in enumerate(windows):
        n, m = len(reference), len(window)
        # ids, as windows of as many rows as the reference are not the same rows
        found = drift(reference, window, old_ids=range(n), new_ids=range(n, n + m), **how)
        judged = check(found.evidence, profile, rules=rules)
        failed = [row.id for row in judged.rows if row.status in ("fail", "warn")]
        rows.append({
            "window": number, "alarm": bool(failed), "rules": ", ".join(failed),
            **{name: found.evidence[name] for name in SHOWN}, "group": found.groups[0]["rule"],
        })  # fmt: skip
    raised = [int(row["window"]) for row in rows if row["alarm"]]
    evidence: dict[str, float | str] = {"alarms": float(len(raised))}
    if raised:
        evidence["first_alarm"] = float(raised[0])
    if onset is not None:
        true = [window for window in raised if window >= onset]
        evidence["false_alarms"] = float(len(raised) - len(true))
        if raised:
            evidence["alarm_precision"] = len(true) / len(raised)
        if true:
            evidence["alarm_delay"] = float(true[0] - onset + 1)
    return Findings(tuple(rows), evidence, "Windows of the stream")
