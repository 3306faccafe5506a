"""Sections of a report: each measures one thing of the subject, and tells it in plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from gputsne import inspection
from gputsne.base.labels import text_of
from gputsne.metrics import METRICS, Context
from gputsne.metrics.estimate import Estimate
from gputsne.reporting.subject import Subject

__all__ = [
    "Evidence",
    "agreement",
    "clusters",
    "faults",
    "measured",
    "operation",
    "spaces",
    "spot_checks",
]

Evidence = dict[str, float | str]
Section = dict[str, Any]
T = TypeVar("T")
SORTING: Final = ("rnx",)  # metrics that sort all distances of each point asked
SHOWN_GROUPS: Final = 24  # on the page, the largest
JUDGED_GROUPS: Final = 100  # looked at; of more, tables and their evidence say little
TYPICAL: Final = 3  # records per group besides the one at its edge
CHECKS, CHECK_NEIGHBORS = 6, 5
GROUP_SAMPLE: Final = 1000  # points whose silhouette tells a group's edge
DISTINCT: Final = 50  # values of a field, up to which they are compared as names
COMPARED_FIELDS: Final = 8


def attempted(work: Callable[[], T]) -> tuple[T | None, str]:
    """Return what work returns, and "", or None and why these points allow no answer."""
    try:
        return work(), ""
    except ValueError as error:  # UndefinedMetric too: too few points, one class, all in one place
        return None, str(error)


def measured(subject: Subject) -> tuple[Section, Evidence, dict[str, Estimate]]:
    """Measure the map by every metric that can be had, all from one sample.

    Parameters
    ----------
    subject : Subject
        With a map.

    Returns
    -------
    section : dict
        ``rows`` of ``name, value, error, best, worst, meaning, source, missing``.
    evidence : dict
        As ``metrics.evaluate`` gives it.
    estimates : dict
        By name, with the scores of single points.
    """
    rows: list[Section] = []
    evidence: Evidence = {}
    estimates: dict[str, Estimate] = {}
    for name, line in METRICS.items():
        lacks = [need for need in line.needs if not subject.given[need]]
        found, why = None, f"needs {' and '.join(lacks)}"
        if not lacks:
            context = subject.few if name in SORTING else subject.context
            work = partial(line.estimate, context, k=subject.k)
            found, why = attempted(work)
        if found is not None:
            estimates[name] = found
            evidence[name] = found.value
            if found.error is not None:
                evidence[f"{name}_se"] = found.error
        rows.append({
            "name": name, "value": None if found is None else found.value,
            "error": None if found is None else found.error, "best": line.best,
            "worst": line.worst, "meaning": line.meaning, "source": line.source, "missing": why,
        })  # fmt: skip
    section = {"rows": rows, "sample": subject.sample, "k": subject.k, "missing": ""}
    return section, evidence, estimates


def spaces(subject: Subject) -> tuple[Section, Evidence]:
    """Measure the same points in the input, along its principal axes and on the map.

    Parameters
    ----------
    subject : Subject
        Any.

    Returns
    -------
    section : dict
        ``rows`` as ``inspect.spaces`` gives them, with ``neighbors_kept``, the share of the input's
        neighbours that are neighbours here; ``missing`` says why numbers of labels are None.
    evidence : dict
        ``<space>.<metric>``.
    """
    said = {"none": "no labels were given: nothing validates the groups of the map",
            "values": "labels are values, no classes: they colour the map alone",
            "categories": ""}  # fmt: skip
    held, why = subject.spaces, said[subject.kind]
    asked = {"sample": subject.sample, "random_state": subject.random_state}
    found = None
    if subject.given["labels"]:
        found, why = attempted(lambda: inspection.spaces(held, subject.labels, **asked))
    rows = (
        [dict(row) for row in found.rows]
        if found is not None
        else [{"space": name, "dimensions": points.shape[1], "silhouette": None,
               "davies_bouldin": None, "calinski_harabasz": None, "knn_accuracy_5fold": None,
               "contrast": _contrast(points, **asked)} for name, points in held.items()]
    )  # fmt: skip
    for row in rows:
        row["neighbors_kept"] = _kept(subject, row["space"])
    evidence: Evidence = {
        f"{row['space']}.{name}": value
        for row in rows
        for name, value in row.items()
        if name != "space" and value is not None
    }
    return {"rows": rows, "missing": why}, evidence


def _contrast(points: Any, **asked: Any) -> float | None:
    """Return the standard deviation of distances over their mean, as ``inspect.spaces``."""
    pairs = Context(Y=points, **asked).pairs("Y")
    mean = float(pairs.mean()) if len(pairs) else 0.0
    return float(pairs.std()) / mean if mean > 0 else None


def _kept(subject: Subject, space: str) -> float | None:
    """Return the share of the input's neighbours that are neighbours in a space."""
    if not subject.has_data or space == "input":
        return 1.0 if subject.has_data else None
    context = subject.context.with_map(subject.spaces[space])
    found, _ = attempted(lambda: METRICS["knn_preservation"].compute(context, k=subject.k))
    return found


def clusters(subject: Subject) -> tuple[Section, Evidence]:
    """Tell what groups are made of: sizes, and records from the middle to the edge.

    Parameters
    ----------
    subject : Subject
        Any; without labels groups are the clusters of its map.

    Returns
    -------
    section : dict
        ``what, groups`` (largest first), ``left_out``, ``fields, missing``.
    evidence : dict
        Of ``inspect.clusters``; none of more groups than can be looked at.
    """
    names, codes, what = subject.groups
    section: Section = {"what": what, "groups": [], "left_out": 0, "fields": list(subject.fields)}
    if not names:
        said = "no labels were given, and no clusters were found in the map"
        return section | {"missing": said if subject.Y is not None else "no labels were given"}, {}
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    largest = np.argsort(-sizes, kind="stable")[:JUDGED_GROUPS]
    kept = np.isin(codes, largest)
    # As text: numbers among which some are missing would come back as floats.
    told = [str(code) if keep else None for code, keep in zip(codes, kept, strict=True)]
    fields = subject.fields or None
    sample = min(subject.sample or GROUP_SAMPLE, GROUP_SAMPLE)
    asked: dict[str, Any] = {
        "fields": fields, "sample": sample, "random_state": subject.random_state,
    }  # fmt: skip
    found = inspection.clusters(subject.vectors, told, subject.records, n=TYPICAL, **asked)
    edges, _ = attempted(
        lambda: inspection.boundary(subject.vectors, told, subject.records, **asked)
    )
    edge_of = {row["cluster"]: row for row in edges or ()}
    rows = sorted(found.rows, key=lambda row: -int(row["size"]))
    for row in rows[:SHOWN_GROUPS]:
        section["groups"].append(_group(row, edge_of.get(row["cluster"]), names))
    section |= {"left_out": len(names) - len(section["groups"]), "missing": ""}
    evidence = dict(found.evidence) if len(names) <= JUDGED_GROUPS else {}
    for key in ("widest_cluster", "weakest_cluster"):
        if key in evidence:
            evidence[key] = text_of(names[int(evidence[key])])
    return section, evidence


def _group(row: Mapping[str, Any], edge: Mapping[str, Any] | None, names: Sequence[Any]) -> Section:
    """Return one group of the page, its records from the most typical to the most doubtful."""
    roles = ["most typical", *["farther out"] * (len(row["rows"]) - 1)]
    told = row.get("records") or [{}] * len(row["rows"])
    members = [
        {"role": role, "row": i, "record": record}
        for role, i, record in zip(roles, row["rows"], told, strict=True)
    ]
    if edge is not None and edge["row"] not in row["rows"]:
        members.append(
            {"role": "most doubtful", "row": edge["row"], "record": edge.get("record", {})}
        )
    shown = ("size", "share", "silhouette", "negative", "gap")
    return {
        "name": text_of(names[int(row["cluster"])]), **{name: row[name] for name in shown},
        "members": members,
    }  # fmt: skip


def spot_checks(subject: Subject) -> Section:
    """Draw points at random and list their neighbours, and where those lie in the map.

    Parameters
    ----------
    subject : Subject
        Any.

    Returns
    -------
    dict
        ``checks`` of a ``query`` and its ``neighbors``, ``measure``, ``missing``; ``place`` is
        which nearest a neighbour is in the map.
    """
    known: dict[str, Any] = {}
    if subject.X is not None:
        known = {"metric": subject.metric, "metric_params": subject.metric_params}
    else:
        known = {"metric": "euclidean"}
    k = min(CHECK_NEIGHBORS, subject.n - 1)
    found, why = attempted(
        lambda: inspection.spot_checks(
            subject.vectors, subject.records, number=CHECKS, k=k, fields=subject.fields or None,
            random_state=subject.random_state, **known,
        )
    )  # fmt: skip
    section: Section = {"checks": [], "measure": "", "fields": list(subject.fields), "missing": why}
    names, codes, _ = subject.groups
    for row in found or ():
        if row["rank"] == 0:
            section["checks"].append({"query": row["row"], "neighbors": []})
        measure = "similarity" if "similarity" in row else "distance"
        code = int(codes[row["row"]])
        section["measure"] = measure
        section["checks"][-1]["neighbors"].append({
            "rank": row["rank"], "row": row["row"], "closeness": row[measure],
            "group": text_of(names[code]) if code >= 0 else None,
            "place": _place(subject, row["query"], row["row"]), "record": row.get("record", {}),
        })  # fmt: skip
    return section


def _place(subject: Subject, query: int, row: int) -> int | None:
    """Return which nearest of the query a point is in the map, 1 for the nearest."""
    if subject.Y is None or query == row:
        return None
    far = np.square(subject.Y - subject.Y[query]).sum(axis=1)
    far[query] = np.inf
    return int((far < far[row]).sum()) + 1


def agreement(subject: Subject, critical: Sequence[str]) -> tuple[Section, Evidence]:
    """Tell how often neighbours share the fields of their records, beside chance.

    Parameters
    ----------
    subject : Subject
        Any.
    critical : sequence of str
        Fields that neighbours must share; they alone make evidence.

    Returns
    -------
    section : dict
        ``rows`` of ``field, agreement, chance, lift, critical``, ``violations``, ``missing``.
    evidence : dict
        Of ``inspect.agreement``, ``violations`` and ``value_spread`` by the critical fields.
    """
    section: Section = {"rows": [], "violations": [], "missing": "no records were given"}
    if subject.records is None or subject.X is None:
        return section, {}
    k = min(CHECK_NEIGHBORS, subject.n - 1)
    asked: dict[str, Any] = {
        "metric": subject.metric, "metric_params": subject.metric_params, "k": k,
        "sample": subject.sample, "random_state": subject.random_state,
    }  # fmt: skip
    others = [name for name in subject.fields if name not in critical][:COMPARED_FIELDS]
    names = [name for name in others if _is_category(subject, name)]
    numbers = [name for name in others if name not in names and _is_number(subject, name)]
    if not names and not numbers and not critical:
        return section | {"missing": "no field repeats itself or is a number"}, {}
    evidence: Evidence = {}
    if names or numbers:
        found = inspection.agreement(subject.X, subject.records, names, numeric=numbers, **asked)
        section["rows"] = [{**row, "critical": False} for row in found.rows]
    if critical:
        held = inspection.agreement(subject.X, subject.records, critical, **asked)
        section["rows"] = [{**row, "critical": True} for row in held.rows] + section["rows"]
        mixed = inspection.violations(subject.X, subject.records, critical, **asked)
        section["violations"] = list(mixed.rows[:CHECKS])
        evidence = {**held.evidence, **mixed.evidence, **_least_spread(subject, critical)}
    return section | {"missing": ""}, evidence


def _least_spread(subject: Subject, critical: Sequence[str]) -> Evidence:
    """Return the evidence of the critical field one of whose values is most nearly one vector."""
    told = []
    for name in critical:
        work = partial(inspection.value_spread, subject.X, subject.records, name)
        found, _ = attempted(work)
        if found is not None and found.evidence:
            told.append(found.evidence)
    return min(told, key=lambda held: float(held["least_spread"])) if told else {}


def _is_category(subject: Subject, name: str) -> bool:
    """Tell whether values of a field repeat themselves, so that neighbours can share them."""
    assert subject.records is not None
    different = {repr(value) for value in subject.records.column(name)}
    return 1 < len(different) <= min(DISTINCT, subject.n // 2)


def _is_number(subject: Subject, name: str) -> bool:
    assert subject.records is not None
    values = [value for value in subject.records.column(name) if value is not None]
    return bool(values) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def faults(subject: Subject, metadata: Any, perplexity: float | None) -> tuple[Section, Evidence]:
    """Measure the symptoms of a map's faults.

    Parameters
    ----------
    subject : Subject
        Any.
    metadata : mapping of columns, DataFrame or None
        What should not decide the map.
    perplexity : float or None
        Of the fit, where the subject's run doesn't tell.

    Returns
    -------
    section : dict
        ``missing`` where there is no map, or no data to compare it with.
    evidence : dict
        Of ``inspect.symptoms``.
    """
    history, settings = subject.run.get("kl_history"), subject.run.get("parameters") or {}
    evidence: Evidence = {}
    early = settings.get("early_exaggeration_iter")
    after = early if isinstance(early, int) else 250
    if history:
        evidence |= inspection.convergence(history, after=after).evidence
    if not subject.has_data or subject.Y is None:
        return {"missing": "needs both the data and the map"}, evidence
    told = perplexity if perplexity is not None else settings.get("perplexity")
    found, why = attempted(
        lambda: inspection.symptoms(
            subject.data, subject.Y, metadata=metadata, metric=subject.metric,
            perplexity=told if isinstance(told, int | float) else None,
            metric_params=subject.metric_params, sample=subject.sample,
            random_state=subject.random_state,
        )
    )  # fmt: skip
    return {"missing": why}, evidence | ({} if found is None else found.evidence)


def operation(subject: Subject, evidence: Mapping[str, Any]) -> tuple[Section, Evidence]:
    """Tell what fit and vectors cost: time by stage, memory, and sizes by number format.

    Parameters
    ----------
    subject : Subject
        Any.
    evidence : mapping
        What was measured elsewhere: latency, budget, price.

    Returns
    -------
    section : dict
        ``fit`` and ``footprint`` rows; None is what is not known.
    evidence : dict
        Of ``inspect.footprint`` for these vectors.
    """
    run = subject.run
    timings = run.get("timings") or {}
    fit = {
        "seconds": timings.get("total"),
        "timings": {stage: spent for stage, spent in timings.items() if stage != "total"},
        "iterations": run.get("n_iter"),
        "kl_divergence": run.get("kl_divergence"),
        "device": run.get("device"),
        "neighbors_recall": run.get("neighbors_recall"),
        "peak_memory_bytes": run.get("peak_memory_bytes"),
        "latency_ms": evidence.get("latency_ms"),
        "latency_p95_ms": evidence.get("latency_p95_ms"),
    }
    if subject.X is None:
        return {"fit": fit, "footprint": [], "n": subject.n, "d": None}, {}
    n, d = subject.X.shape
    found = inspection.footprint(n, d)
    return {"fit": fit, "footprint": list(found.rows), "n": n, "d": d}, found.evidence
