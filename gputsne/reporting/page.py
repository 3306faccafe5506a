"""Report: a verdict, what it comes from and how to repeat it, as one HTML page and as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np

from gputsne.base.files import replacing
from gputsne.base.pages import rendered
from gputsne.base.parameter_table import BY_NAME
from gputsne.data import require
from gputsne.judging import Checklist, check
from gputsne.judging.checklist import MARKS, OPEN
from gputsne.judging.views import ROOM as CHECKLISTS
from gputsne.provenance import Run
from gputsne.provenance.machine import machine, peak_memory, versions
from gputsne.provenance.plain import plain, stamp
from gputsne.reporting import sections
from gputsne.reporting.figures import Figure, figures
from gputsne.reporting.subject import Subject, read_subject

__all__ = ["Report", "report"]

SCHEMA: Final = "gputsne.report/1"
ROOM: Final = "gputsne.reporting"
FURTHER: Final = ("diagnose", "clusters", "neighbors")  # checked besides the profile asked for
SPACES: Final = ("input", "pca", "map")


@dataclass(frozen=True, eq=False)
class Report:
    """A report that was made.

    Attributes
    ----------
    checklist : Checklist
        The verdict that decides.
    further : tuple of Checklist
        Other profiles that had evidence; they decide nothing here.
    facts : dict
        Everything told, as plain values: what ``to_json`` writes.
    figures : tuple of Figure
        Pictures; the JSON has none.
    """

    checklist: Checklist
    further: tuple[Checklist, ...]
    facts: dict[str, Any]
    figures: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> str:
        """One of "PASS", "FAIL" and "INCOMPLETE"."""
        return self.checklist.verdict

    @property
    def exit_code(self) -> int:
        """0 if passed, else 1."""
        return self.checklist.exit_code

    @property
    def evidence(self) -> dict[str, Any]:
        """What was judged, a flat dict that ``gputsne.check`` takes."""
        return dict(self.facts["evidence"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures as plain values.

        Returns
        -------
        dict
            What ``to_json`` writes.
        """
        return dict(self.facts)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON, which ``gputsne check`` reads; write it where a path is given.

        Parameters
        ----------
        path : path-like or None, default None
            The file to make or replace, whole or not at all.

        Returns
        -------
        str
        """
        return _written(json.dumps(self.facts, indent=1, allow_nan=False) + "\n", path)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one HTML page that loads nothing; write it where a path is given.

        Parameters
        ----------
        path : path-like or None, default None
            The file to make or replace, whole or not at all.

        Returns
        -------
        str
            Every text in it escaped.

        Raises
        ------
        DependencyMissing
            Without jinja2, which the extra ``report`` brings.
        """
        rows = self.checklist.rows
        colours = {name: colour for held in self.figures[:1] for name, colour in held.legend}
        html = rendered(
            "report.html.j2", [ROOM, CHECKLISTS], title=self.facts["title"], facts=self.facts,
            checklist=self.checklist, further=self.further, figures=self.figures, marks=MARKS,
            colours=colours,
            wrong=[row for row in rows if row.status in ("fail", "warn")],
            waiting=[row for row in rows if row.status in OPEN],
            decided=[row for row in rows if row.status not in ("fail", "warn", *OPEN)],
        )  # fmt: skip
        return _written(html, path)

    def __str__(self) -> str:
        return str(self.checklist)


def report(
    X: Any, Y: Any = None, labels: Any = None, records: Any = None, *,
    path: str | PathLike[str] | None = None, profile: str = "go-no-go",
    rules: str | PathLike[str] | Mapping[str, Any] | None = None,
    acks: Mapping[str, str] | Sequence[str] = (), evidence: Mapping[str, Any] | None = None,
    space: str | None = None, model: Any = None, run: Run | Mapping[str, Any] | None = None,
    fields: Sequence[str] | None = None, critical: Sequence[str] = (), metadata: Any = None,
    perplexity: float | None = None, metric: Any = "euclidean",
    metric_params: dict[str, Any] | None = None, k: int | None = None,
    sample: int | str | None = "auto", random_state: int | None = 0, title: str | None = None,
    command: str | None = None, palette: Any = None,
) -> Report:  # fmt: skip
    """Report on vectors and their map: verdict, records, pictures, numbers, and how to repeat it.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d), or None
        Data, or vectors of any model; None reports on the map alone.
    Y : fitted TSNE, or array_like, shape (n, c), or None
        Map of the same rows, whoever made it; a fitted TSNE tells parameters and times as well.
        None reports on the vectors alone.
    labels : array-like, shape (n,), or None
        Categories, or values to colour by.
    records : sequence of dict, DataFrame or dict of columns, or None
        What the rows were made of: dicts, pandas, polars and arrow alike.
    path : path-like or None, default None
        HTML file to write; ``Report.to_html`` writes it later.
    profile : str, default "go-no-go"
        What decides, as in ``check``.
    rules : path-like, mapping or None, default None
        Rules of your own, as in ``check``.
    acks : mapping of str to str, or sequence of str
        Answers to the profile's questions, as in ``check``.
    evidence : mapping of str to number or None
        What was measured elsewhere, over what is measured here: ``inspect.latency``,
        ``inspect.stability``, a budget.
    space : {"input", "pca", "map"} or None
        Whose silhouette, Davies-Bouldin index and k-NN accuracy are judged; by default the
        input's, or the map's where there is no input.
    model : fitted TSNE or None
        The fit, where Y is an array.
    run : Run, mapping or None
        Record of the fit, as ``gputsne embed --run-record`` writes it.
    fields : sequence of str or None
        Fields of the records that may be shown; None shows all. Others don't get into the files.
    critical : sequence of str
        Fields that neighbours must share; where they don't, questions are failed until answered.
    metadata : mapping of str to array-like, DataFrame or None
        Columns that should not decide the map: a time, a batch, a sensor.
    perplexity : float or None
        Of the map, where neither model nor run tells.
    metric : str or callable, default "euclidean"
        How rows of X are compared, whatever ``knn`` takes.
    metric_params : dict or None, default None
        Its parameters.
    k : int or None
        Neighbours per point; 10, or what fewer than 21 points allow.
    sample : int, "auto" or None, default "auto"
        Points asked, always against all points. "auto" asks 2,000, beyond n = 15,000 fewer,
        3 10^7 / n but at least 100; None asks all. Standard errors stand beside sampled values.
    random_state : int or None, default 0
        Seed of samples.
    title : str or None
        Of the page.
    command : str or None
        What made the report, to be repeated; by default a call of this function.
    palette : object
        Colours of labels, as in ``gputsne.plot``: what ``Store.colours()`` keeps, or a file. By
        default those that earlier pictures of the model have, else distinct ones.

    Returns
    -------
    Report
        ``verdict``, ``exit_code``, ``to_html``, ``to_json``, ``to_dict``. What can't be had is
        None and "n/a", never a pass.

    Raises
    ------
    TypeError, ValueError
        For points, labels and records that don't fit each other, unknown names, and what ``check``
        refuses.
    DependencyMissing
        With ``path`` and without jinja2, which the extra ``report`` brings.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> found = report(X, X[:, :2], X[:, 0] > 0)
    >>> found.verdict, found.checklist["latency"].status
    ('FAIL', 'n/a')
    """
    if path is not None:
        require("jinja2", "a report")
    if space not in (None, *SPACES):
        raise ValueError(f"space={space!r} must be one of {', '.join(SPACES)}")
    check({}, profile, rules=rules, acks=acks)  # before anything is computed
    subject = read_subject(
        X, Y, labels, records, model=model, run=run, fields=fields, k=k, sample=sample,
        random_state=random_state, metric=metric, metric_params=metric_params, palette=palette,
    )  # fmt: skip
    if critical:
        critical = _critical(critical, subject)
    told = dict(evidence or {})
    facts, found, estimates = _measured(subject, told, critical, metadata, perplexity, space)
    judged = found | told
    verdict = check(judged, profile, rules=rules, acks=acks)
    others = tuple(check(judged, name, rules=rules) for name in FURTHER if name != profile)
    further = tuple(held for held in others if _decided(held))
    why = check(judged, "spaces", rules=rules)
    pictures, missing = figures(subject, estimates)
    name = title or f"Report on {subject.n:,} points"
    facts = {
        "schema": SCHEMA, "title": name, "verdict": verdict.verdict,
        "exit_code": verdict.exit_code, "evidence": judged, "checklist": verdict.to_dict(),
        "further_checklists": [held.to_dict() for held in further],
        "why_spaces_differ": [
            {"title": row.title, "says": row.says, "cause": row.cause, "action": row.action}
            for row in why.rows if row.status in ("fail", "warn")
        ],
        **facts,
        "figures": [{"title": held.title, "caption": held.caption} for held in pictures],
        "figures_missing": missing,
        "repeat": _repeat(subject, command, profile),
    }  # fmt: skip
    made = Report(verdict, further, plain(facts), pictures)
    if path is not None:
        made.to_html(path)
    return made


def _critical(critical: Sequence[str] | str, subject: Subject) -> list[str]:
    """Return the names of critical fields, all of which may be shown."""
    if subject.records is None:
        raise ValueError("critical has no effect without records; bring them, or leave it out")
    names = subject.records.check(critical, "critical")
    hidden = [name for name in names if name not in subject.fields]
    if hidden:
        raise ValueError(f"critical: {hidden[0]!r} is none of the fields that may be shown")
    return names


def _measured(
    subject: Subject, told: Mapping[str, Any], critical: Sequence[str], metadata: Any,
    perplexity: float | None, space: str | None,
) -> tuple[dict[str, Any], dict[str, Any], Any]:  # fmt: skip
    """Return sections, the evidence of all of them, and the estimates that pictures are made of."""
    groups, of_groups = sections.clusters(subject)
    by_space, of_spaces = sections.spaces(subject)
    chosen = space or next(iter(subject.spaces), None)
    if space is not None and space not in subject.spaces:
        held = ", ".join(subject.spaces) or "none"
        raise ValueError(f"space={space!r} is not there: the report has {held}")
    own = {key.partition(".")[2]: v for key, v in of_spaces.items() if key.startswith(f"{chosen}.")}
    quality: dict[str, Any] = {"rows": [], "missing": "there is no map"}
    of_map: sections.Evidence = {}
    estimates: Any = {}
    if subject.Y is not None:
        quality, of_map, estimates = sections.measured(subject)
    shared, of_fields = sections.agreement(subject, critical)
    symptoms, of_faults = sections.faults(subject, metadata, perplexity)
    costs, of_costs = sections.operation(subject, told)
    facts = {
        "groups": groups, "spaces": by_space | {"judged": chosen}, "quality": quality,
        "agreement": shared, "symptoms": symptoms, "spot_checks": sections.spot_checks(subject),
        "operation": costs,
    }  # fmt: skip
    # What a rule calls silhouette is that of the space that is judged, not always the map's.
    evidence = of_map | of_spaces | own | of_groups | of_fields | of_faults | of_costs
    return facts, evidence, estimates


def _decided(checklist: Checklist) -> bool:
    return any(row.status not in OPEN for row in checklist.rows)


def _repeat(subject: Subject, command: str | None, profile: str) -> dict[str, Any]:
    """Return what is needed to make the same report again."""
    run = subject.run
    return {
        "command": command or _call(subject, profile),
        "parameters": run.get("parameters") or {},
        "seed": run.get("seed"),
        "sample": subject.sample,
        "sample_seed": subject.random_state,
        "metric": subject.metric if isinstance(subject.metric, str) else repr(subject.metric),
        "data": {name: _fingerprint(points) for name, points in
                 (("X", subject.X), ("Y", subject.Y)) if points is not None},
        "input": run.get("input"),
        "versions": versions(),
        "fit_versions": run.get("versions"),
        "machine": machine(),
        "peak_memory_bytes": peak_memory(),
        "made": stamp(datetime.now(UTC)),
    }  # fmt: skip


def _call(subject: Subject, profile: str) -> str:
    """Return the call that makes the report, with what the fit was asked."""
    asked = subject.run.get("parameters") or {}
    lines = ["import gputsne"]
    if asked and subject.Y is not None:
        chosen = {k: v for k, v in asked.items() if k in BY_NAME and BY_NAME[k].default != v}
        told = ", ".join(f"{k}={v!r}" for k, v in chosen.items())
        lines.append(f"Y = gputsne.TSNE({told}).fit(X)")
    given = ["X" if subject.has_data else "None", "Y" if subject.Y is not None else "None"]
    given.append("None" if subject.labels is None else "labels")
    given.append("None" if subject.records is None else "records")
    given.append(f'profile={profile!r}, path="report.html"')
    return "\n".join([*lines, f"gputsne.report({', '.join(given)})"])


def _fingerprint(points: Any) -> dict[str, Any]:
    """Return shape and SHA-256 of points as float64, which tell whether two runs had the same."""
    digest = hashlib.sha256(np.ascontiguousarray(points, dtype="<f8")).hexdigest()
    return {"shape": list(points.shape), "sha256_float64": digest}


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with replacing(Path(path)) as part:
            part.write_text(text, encoding="utf-8")
    return text
