"""Agreement of neighbours: equal fields, like numbers, critical fields that must not be mixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings
from gputsne.base.parameter_table import Real, Whole
from gputsne.inspection.nearest import Points
from gputsne.inspection.records import Records, read_records

__all__ = ["agreement", "field_agreement", "numeric_agreement", "value_spread", "violations"]

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
TOLERANCE = 0.2  # "login with 1KB data has neighbors with ~1KB (±20%)"
MOST_ROWS = 100  # violations listed; the rate counts all


def field_agreement(query: Mapping[str, Any], neighbor: Mapping[str, Any], fields: Any) -> float:
    """Compute the share of fields that two records have in common.

    Parameters
    ----------
    query, neighbor : mapping
        Records. A field that both lack agrees, one that a single record lacks doesn't.
    fields : sequence of str
        Those that count.

    Returns
    -------
    float in [0, 1]
        Matching fields over all of ``fields``.

    Raises
    ------
    ValueError
        If ``fields`` is empty.

    Examples
    --------
    >>> one, other = {"status": "ok", "user": 1}, {"status": "ok", "user": 2}
    >>> field_agreement(one, other, ["status", "user"])
    0.5
    """
    names = [fields] if isinstance(fields, str) else list(fields)
    if not names:
        raise ValueError("fields is empty: name the fields that count")
    return sum(bool(query.get(name) == neighbor.get(name)) for name in names) / len(names)


def numeric_agreement(
    query: Mapping[str, Any], neighbor: Mapping[str, Any], fields: Any, *,
    tolerance: float = TOLERANCE,
) -> float:  # fmt: skip
    """Compute the share of numeric fields that two records have alike.

    Parameters
    ----------
    query, neighbor : mapping
        Records.
    fields : sequence of str
        Numeric ones. Those that a record lacks, or that are no numbers, are not alike.
    tolerance : float, default 0.2
        Alike means ``|neighbor - query| <= tolerance * |query|``.

    Returns
    -------
    float in [0, 1]
        Fields alike over all of ``fields``.

    Raises
    ------
    ValueError
        If ``fields`` is empty or the tolerance below 0.

    Examples
    --------
    >>> numeric_agreement({"bytes": 1024}, {"bytes": 1100}, ["bytes"])
    1.0
    >>> numeric_agreement({"bytes": 1024}, {"bytes": 1048576}, ["bytes"])
    0.0
    """
    names = [fields] if isinstance(fields, str) else list(fields)
    if not names:
        raise ValueError("fields is empty: name the fields that count")
    Real(0.0, open_low=False).check("tolerance", tolerance)
    pairs = [(_number(query.get(name)), _number(neighbor.get(name))) for name in names]
    return float(np.mean([_alike(np.array(a), np.array(b), tolerance) for a, b in pairs]))


def agreement(
    X: Any, records: Any, fields: Sequence[str] = (), *, numeric: Sequence[str] = (), k: int = 5,
    tolerance: float = TOLERANCE, metric: Any = "cosine",
    metric_params: dict[str, Any] | None = None, sample: int | None = 2000,
    random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """Tell field by field how often neighbours have the same value, beside what chance would give.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    records : sequence of dict, DataFrame or dict of columns
        What the rows of X were made of.
    fields : sequence of str
        Fields whose values are equal or not.
    numeric : sequence of str
        Fields whose values are alike within ``tolerance``.
    k : int, default 5
        Neighbours of each point asked.
    tolerance : float, default 0.2
        Share of the point's own value by which a neighbour's may differ.
    metric : str or callable, default "cosine"
        Whatever ``knn`` takes; "euclidean" for a map.
    metric_params : dict or None, default None
        Its parameters.
    sample : int or None, default 2000
        Points asked, whose neighbours are always those among all; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``field, agreement, chance, lift``; lift is 0 at chance and 1 where neighbours
        always agree. Evidence: ``field_agreement`` and ``numeric_agreement`` (means), each also
        with ``.<field>``, ``field_lift.<field>``, and ``least_lift`` with ``least_lift_field``.

    Raises
    ------
    ValueError
        If no field is named, or records or k don't fit X.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> agreement(X, {"kind": ["a", "a", "b", "b"]}, ["kind"], k=1)[0]["agreement"]
    1.0
    """
    points = Points(X, metric, metric_params)
    held = read_records(records, points.n)
    named = held.check(fields, "fields") if len(fields) else []
    counted = held.check(numeric, "numeric") if len(numeric) else []
    if not named and not counted:
        held.check([], "fields")
    Real(0.0, open_low=False).check("tolerance", tolerance)
    asked, near = _asked(points, k, sample, random_state)
    rows: list[dict[str, Any]] = []
    evidence: dict[str, float | str] = {}
    for name in named:
        codes = _codes(held, name)
        share = float((codes[near] == codes[asked][:, None]).mean())
        counts = np.bincount(codes).astype(np.float64)
        chance = float((counts * (counts - 1)).sum() / (points.n * (points.n - 1)))
        rows.append(_row(name, share, chance))
        evidence[f"field_agreement.{name}"] = share
    for name in counted:
        values = np.array([_number(v) for v in held.column(name)])
        share = float(_alike(values[asked][:, None], values[near], tolerance).mean())
        rng = np.random.default_rng(random_state)
        others = rng.integers(1, points.n, size=near.shape)  # steps to another row than itself
        far = values[(asked[:, None] + others) % points.n]
        chance = float(_alike(values[asked][:, None], far, tolerance).mean())
        rows.append(_row(name, share, chance))
        evidence[f"numeric_agreement.{name}"] = share
    for row in rows:
        if row["lift"] is not None:
            evidence[f"field_lift.{row['field']}"] = row["lift"]
    for what, names in (("field_agreement", named), ("numeric_agreement", counted)):
        if names:
            evidence[what] = float(np.mean([float(evidence[f"{what}.{name}"]) for name in names]))
    lifted = [row for row in rows if row["lift"] is not None]
    if lifted:
        least = min(lifted, key=lambda row: float(row["lift"]))
        evidence |= {"least_lift": least["lift"], "least_lift_field": least["field"]}
    return Findings(tuple(rows), evidence, f"Agreement of {k} neighbours of {len(asked)} points")


def violations(
    X: Any, records: Any, fields: Sequence[str], *, k: int = 5, metric: Any = "cosine",
    metric_params: dict[str, Any] | None = None, sample: int | None = 2000,
    random_state: int | None = 0,
) -> Findings:  # fmt: skip
    """List neighbours that differ in a field that must not be mixed, such as success and failure.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model, or a map.
    records : sequence of dict, DataFrame or dict of columns
        What the rows of X were made of.
    fields : sequence of str
        Critical fields.
    k : int, default 5
        Neighbours of each point asked.
    metric : str or callable, default "cosine"
        Whatever ``knn`` takes; "euclidean" for a map.
    metric_params : dict or None, default None
        Its parameters.
    sample : int or None, default 2000
        Points asked; None asks all.
    random_state : int or None, default 0
        Seed of the sample.

    Returns
    -------
    Findings
        Rows of ``row, neighbor, rank, field, value, neighbor_value``, at most 100, nearest
        neighbours first. Evidence: ``violation_rate``, the share of pairs that differ in any of the
        fields, ``violation_rate.<field>``, and ``violated_field``, the worst.

    Raises
    ------
    ValueError
        If a field is unknown, or records or k don't fit X.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> found = violations(X, {"status": ["ok", "error", "ok", "ok"]}, ["status"], k=1)
    >>> found[0]["value"], found[0]["neighbor_value"], found.evidence["violation_rate"]
    ('ok', 'error', 0.5)
    """
    points = Points(X, metric, metric_params)
    held = read_records(records, points.n)
    names = held.check(fields, "fields")
    asked, near = _asked(points, k, sample, random_state)
    differs, found = np.zeros(near.shape, dtype=bool), []
    evidence: dict[str, float | str] = {}
    for name in names:
        values, codes = held.column(name), _codes(held, name)
        other = codes[near] != codes[asked][:, None]
        differs |= other
        evidence[f"violation_rate.{name}"] = float(other.mean())
        ranks, places = np.nonzero(other.T)  # first neighbours first
        for rank, q in list(zip(ranks.tolist(), places.tolist(), strict=True))[:MOST_ROWS]:
            i, j = int(asked[q]), int(near[q, rank])
            found.append({
                "row": i, "neighbor": j, "rank": rank + 1, "field": name,
                "value": values[i], "neighbor_value": values[j],
            })  # fmt: skip
    found.sort(key=lambda row: int(row["rank"]))
    evidence["violation_rate"] = float(differs.mean())
    evidence["violated_field"] = max(names, key=lambda name: evidence[f"violation_rate.{name}"])
    title = f"Violations among {k} neighbours of {len(asked)} points"
    return Findings(tuple(found[:MOST_ROWS]), evidence, title)


def value_spread(X: Any, records: Any, field: str) -> Findings:
    """Tell how far apart vectors with the same value of a field are, beside all vectors.

    A value whose vectors are all but equal has lost what tells its records apart: a model that
    takes all failed logins for the same.

    Parameters
    ----------
    X : array_like or DataFrame, shape (n, d)
        Vectors of a model.
    records : sequence of dict, DataFrame or dict of columns
        What the rows of X were made of.
    field : str
        Whose values are compared.

    Returns
    -------
    Findings
        Rows of ``value, size, spread``: root mean square distance from the mean vector, over the
        same of all points. Values of a single record are left out. Evidence: ``least_spread`` and
        ``least_spread_value``.

    Raises
    ------
    ValueError
        If the field is unknown, records don't fit X, or all vectors are equal.

    Examples
    --------
    >>> X = [[0.0, 0.0], [0.0, 0.0], [3.0, 0.0], [3.0, 2.0]]
    >>> found = value_spread(X, {"status": ["error", "error", "ok", "ok"]}, "status")
    >>> found.evidence["least_spread"]
    0.0
    """
    points = Points(X, "euclidean")
    held = read_records(records, points.n)
    (name,) = held.check(field, "field")
    codes, values = _codes(held, name), held.column(name)
    vectors = points.space.points
    whole = float(np.sqrt(np.square(vectors - vectors.mean(axis=0)).sum(axis=1).mean()))
    if whole == 0:
        raise ValueError("all vectors of X are equal: there is no spread to compare with")
    rows: list[dict[str, Any]] = []
    for code in np.unique(codes):
        own = np.flatnonzero(codes == code)
        if len(own) > 1:
            away = vectors[own] - vectors[own].mean(axis=0)
            spread = float(np.sqrt(np.square(away).sum(axis=1).mean())) / whole
            rows.append({"value": values[own[0]], "size": len(own), "spread": spread})
    rows.sort(key=lambda row: float(row["spread"]))
    told: dict[str, float | str] = {}
    if rows:
        told = {"least_spread": rows[0]["spread"], "least_spread_value": str(rows[0]["value"])}
    return Findings(tuple(rows), told, f"Spread of vectors by {name}")


def _asked(points: Points, k: int, sample: int | None, random_state: Any) -> tuple[I64, I64]:
    """Return the points asked and their neighbours."""
    Whole(1, optional=True).check("sample", sample)
    rows = np.arange(points.n)
    if sample is not None and sample < points.n:
        rng = np.random.default_rng(random_state)
        rows = np.sort(rng.choice(points.n, sample, replace=False))
    return rows, points.nearest(rows, k)


def _codes(held: Records, name: str) -> I64:
    """Return a code per record, equal for equal values; missing values are equal to each other."""
    known: dict[Any, int] = {}
    codes = []
    for value in held.column(name):
        try:
            codes.append(known.setdefault(value, len(known)))
        except TypeError:  # a list or dict, which no dict takes as a key
            codes.append(known.setdefault(repr(value), len(known)))
    return np.array(codes, dtype=np.int64)


def _number(value: Any) -> float:
    try:
        return float(value) if not isinstance(value, str) else float("nan")
    except OverflowError:  # an int beyond float64
        return float("inf") if value > 0 else float("-inf")
    except (TypeError, ValueError):
        return float("nan")


def _alike(query: F64, others: F64, tolerance: float) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):  # infinity is like itself alone
        near = np.abs(others - query) <= tolerance * np.abs(query)
    return (others == query) | (near & np.isfinite(query))


def _row(name: str, share: float, chance: float) -> dict[str, Any]:
    lift = None if chance >= 1 else (share - chance) / (1 - chance)
    return {"field": name, "agreement": share, "chance": chance, "lift": lift}
