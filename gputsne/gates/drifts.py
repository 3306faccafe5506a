"""Evidence of drift: the data of a run against its baseline's, their columns, groups, and maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.tables import Table
from gputsne.change import align, drift
from gputsne.change.identity import matched
from gputsne.change.shifting import blurred, column_shifts
from gputsne.data.named import with_names
from gputsne.gates.subjects import Subject

__all__ = ["cause_of", "data_drift", "map_drift"]

F64 = npt.NDArray[np.float64]
Evidence = dict[str, float | str]
ROWS = 4000  # of each side that are asked
FEWEST = 30  # shared rows that tell of a map: an alignment of fewer says little
LEVEL = 0.01  # of all groups together: that one is taken for changed by chance
LISTED = 3
NONE: Evidence = {
    "drift_data": 0.0, "drift_classifier": 0.0, "drift_features": 0.0, "drift_mmd": 0.0,
    "drift_mmd_p": 1.0, "drift_shift": 0.0, "drift_shift_column": "none",
    "drift_shift_columns": "none", "drift_group": "none", "drift_group_excess": 0.0,
    "drift_group_change": 0.0, "drift_novel": 0.0, "drift_novel_low": 0.0,
}  # fmt: skip


def data_drift(baseline: Subject, run: Subject, same: bool | None, random_state: Any) -> Evidence:
    """Return how the data have drifted.

    Parameters
    ----------
    baseline, run : Subject
        Old and new.
    same : bool or None
        Whether the records say that the data are the same: then nothing has drifted, and nothing
        is read.
    random_state : int, RandomState or Generator
        Of ``gputsne.drift``.

    Returns
    -------
    dict
        As ``gputsne.drift`` of blurred values (`gputsne.change.shifting.blurred`), with
        ``drift_shift``, ``drift_shift_column`` and ``drift_shift_columns`` of columns, and
        ``drift_group_change``: the excess of a group beyond what chance explains. Empty where
        data aren't at hand, or are sparse.
    """
    if same:
        return dict(NONE)
    old, new = baseline.table, run.table
    if old is None or new is None or old.sparse or new.sparse:
        return {}
    A, B, names = _common(old, new)
    if A.shape[1] == 0 or min(len(A), len(B)) < 10:  # too few for any measure
        return {}
    if np.array_equal(A, B, equal_nan=True):
        return dict(NONE)
    scaled = _scaled(baseline, run)
    pair = blurred(A, B, scaled=scaled, random_state=random_state)
    ids = _ids(baseline, run, len(A), len(B))
    if ids["old_ids"] is None and len(A) == len(B):  # the same rows, by their order
        ids = dict.fromkeys(ids, np.arange(len(A)))
    # In an order of no meaning: what comes at every other row would else be on one side of a split.
    rng = np.random.default_rng(len(A))
    orders = [rng.permutation(len(X)) for X in pair]
    ids = {
        name: None if side is None else np.asarray(side)[order]
        for (name, side), order in zip(ids.items(), orders, strict=True)
    }
    found = drift(
        *(with_names(X[order], names) for X, order in zip(pair, orders, strict=True)),
        **ids, sample=ROWS, random_state=random_state,
    )  # fmt: skip
    evidence = dict(found.evidence)
    # of blurred values; the records tell of columns, maps of rows
    told = ("columns_lost", "columns_new", "null_rate_change", "null_rate_column", "rows_shared")
    for name in (*told, "drift_neighbors"):
        evidence.pop(name, None)
    parts = ("drift_classifier", "drift_features", "drift_mmd")
    evidence["drift_data"] = max(float(evidence[name]) for name in parts)
    shifts = column_shifts(A, B, scaled=scaled)
    order = np.argsort(-shifts, kind="stable")
    evidence["drift_shift"] = float(shifts[order[0]])
    evidence["drift_shift_column"] = names[order[0]] if shifts[order[0]] > 0 else "none"
    shifted = [f"{names[j]} by {shifts[j]:.2g}" for j in order[:LISTED] if shifts[j] > 0]
    evidence["drift_shift_columns"] = ", ".join(shifted) or "none"
    return evidence | _group(found.groups.rows)


def map_drift(baseline: Subject, run: Subject, same_map: bool) -> Evidence:
    """Return how far shared rows lie from their places in the baseline's map.

    Parameters
    ----------
    baseline, run : Subject
        Old and new.
    same_map : bool
        Whether the records say that the maps are the same.

    Returns
    -------
    dict
        ``rows_shared``, and ``drift_map`` where these are enough to say something.
    """
    if same_map:
        return {"drift_map": 0.0}
    old, new = baseline.map, run.map
    if old is None or new is None:
        return {}
    ids = _ids(baseline, run, len(old), len(new))
    shared = len(matched(len(old), len(new), ids["old_ids"], ids["new_ids"])[0])
    found: Evidence = {"rows_shared": float(shared)}
    if shared >= FEWEST and old.shape[1] == new.shape[1]:
        found["drift_map"] = align(old, new, **ids).disparity
    return found


def cause_of(evidence: Evidence) -> str:
    """Return in words what is known of the reason of a drift.

    Parameters
    ----------
    evidence : dict
        With ``same_data``, ``same_versions``, ``same_parameters`` where they are known.

    Returns
    -------
    str
    """
    same = evidence.get("same_data")
    versions = evidence.get("same_versions") == 0
    parameters = evidence.get("same_parameters") == 0
    others = [
        f"{what} ({evidence.get(f'{name}_changed')})"
        for what, name, there in (
            ("libraries", "versions", versions), ("parameters", "parameters", parameters),
        )
        if there
    ]  # fmt: skip
    if same == 1:
        why = f"other {' and '.join(others)}" if others else "another device, machine or start"
        return f"Same data, {why}: this is no drift of the data."
    told = "The data are others than the baseline's" if same == 0 else "The data may be others"
    if others:
        return (
            f"{told}; so are {' and '.join(others)}: where all rows on the data pass, a drift of "
            "the map is theirs."
        )
    return f"{told}; libraries and parameters are the same, as far as the records tell."


def _common(old: Table, new: Table) -> tuple[F64, F64, tuple[str, ...]]:
    """Return the columns that both tables have, and their names."""
    A, B = (np.asarray(table.values, dtype=np.float64) for table in (old, new))
    if old.names and new.names:
        both = tuple(name for name in old.names if name in new.names)
        A = A[:, [old.names.index(name) for name in both]]
        B = B[:, [new.names.index(name) for name in both]]
        return A, B, both
    d = min(A.shape[1], B.shape[1])
    return A[:, :d], B[:, :d], (old.names or new.names or tuple(map(str, range(d))))[:d]


def _scaled(*subjects: Subject) -> bool:
    return any(subject.run.parameters.get("scale") is True for subject in subjects)


def _ids(baseline: Subject, run: Subject, n: int, m: int) -> dict[str, Any]:
    """Return the ids of both; those of one side alone tell only that the rows are others."""
    old, new = baseline.ids, run.ids
    for name, given, rows in (("baseline_ids", old, n), ("ids", new, m)):
        if given is not None and len(given) != rows:
            raise ValueError(f"{name} has {len(given)} entries for {rows} rows: give one per row")
    if (old is None) != (new is None):
        old, new = (np.arange(n), n + np.arange(m)) if n == m else (None, None)
    return {"old_ids": old, "new_ids": new}


def _group(groups: Any) -> Evidence:
    """Return the group whose share has changed most beyond what chance explains."""
    from scipy.stats import norm

    n, m = (max(1, sum(row[side] for row in groups)) for side in ("old", "new"))
    z = float(norm.ppf(1 - LEVEL / (2 * max(1, len(groups)))))

    def beyond(row: Any) -> float:
        share = (row["old"] + row["new"]) / (n + m)
        error = float(np.sqrt(share * (1 - share) * (1 / n + 1 / m)))
        return max(0.0, abs(float(row["excess"])) - z * error)

    most = max(groups, key=beyond)
    return {
        "drift_group": str(most["rule"]), "drift_group_excess": float(most["excess"]),
        "drift_group_change": beyond(most),
    }  # fmt: skip
