"""Cohorts: groups of rows that a new table has more or fewer of, with the rule that tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gputsne.base.findings import Findings

__all__ = ["changed_groups"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
GROUPS = 20  # at most, that a tree makes of old and new rows together
SMALLEST, LEAST = 0.005, 5  # share of the rows that a group has at least, and rows
EXAMPLES = 10  # rows of a group that are named


def changed_groups(
    A: F64, B: F64, chosen: tuple[I64, I64], twins: I64, novelty: F64, moved: F64,
    names: tuple[str, ...], middle: F64, units: F64, seed: int,
) -> Findings:  # fmt: skip
    """Return groups of rows that a decision tree tells apart as old or new.

    Parameters
    ----------
    A, B : arrays, shapes (n, d) and (m, d)
        Old and new rows.
    chosen : pair of arrays, int64
        Rows of either that are asked, q of them in all.
    twins : array, shape (q,), int64
        Groups of rows asked that are the same thing.
    novelty : array, shape (new rows asked,)
        How little each looks like an old row.
    moved : array, shape (m,)
        How far each new row lies from its old place in the map; NaN where nobody knows.
    names : tuple of str
        Of the columns.
    middle, units : arrays, shape (d,)
        What was taken off A and B, and what they were divided by then.
    seed : int
        Of the tree.

    Returns
    -------
    Findings
        As ``Drift.groups``, most changed in number first.
    """
    from sklearn.tree import DecisionTreeClassifier

    old, new = A[chosen[0]], B[chosen[1]]
    rows = np.concatenate([old, new])
    is_new = np.repeat([0, 1], [len(old), len(new)])
    least = max(LEAST, int(SMALLEST * len(rows)))
    # Counted among rows that the tree has not seen, or it would find change where there is none.
    # The halves are drawn by a stream of their own: by the one that ordered the rows asked they
    # would be even and odd rows, and a change of every second row would lie in one half alone.
    halves = np.random.default_rng([seed, 1]).permutation(int(twins.max()) + 1)[twins] % 2 == 0
    if len(np.unique(is_new[halves])) < 2 or len(np.unique(is_new[~halves])) < 2:
        ways = [(np.ones(len(rows), dtype=bool),) * 2]
    else:
        ways = [(halves, ~halves), (~halves, halves)]
    trees = []
    for seen, counted in ways:
        tree = DecisionTreeClassifier(
            max_leaf_nodes=GROUPS, min_samples_leaf=least, min_impurity_decrease=1e-12,
            class_weight="balanced", random_state=seed,
        ).fit(rows[seen], is_new[seen])  # fmt: skip
        leaf = tree.apply(rows)
        nodes = tree.tree_.node_count
        counts = np.array(
            [np.bincount(leaf[counted & (is_new == s)], minlength=nodes) for s in (0, 1)]
        )
        told = sum(map(_divergence, *(counts / counts.sum(axis=1, keepdims=True))))
        trees.append((told, tree, leaf, counts))
    # By chance a small cohort may be too rare in the half that one tree sees: the tree counts that
    # tells more of the other half.
    _, tree, leaf, counts = max(trees, key=lambda found: found[0])
    rules = _rules(tree.tree_, names, middle, units)
    found: list[dict[str, Any]] = []
    whole = counts.sum(axis=1)
    for group in np.unique(leaf):
        had, has = map(int, counts[:, group])
        mine = leaf[len(old) :] == group
        row: dict[str, Any] = {
            "rule": rules[int(group)], "old": had, "new": has,
            "excess": float(has / whole[1] - had / whole[0]),
            "change": _divergence(had / whole[0], has / whole[1]),
        }  # fmt: skip
        if mine.any():
            row["novelty"] = float(novelty[mine].mean())
            away = moved[chosen[1][mine]]
            if not np.isnan(away).all():
                row["moved"] = float(np.nanmedian(away))
            order = np.argsort(-novelty[mine], kind="stable")
            row["examples"] = [int(r) for r in chosen[1][mine][order[:EXAMPLES]]]
        found.append(row)
    found.sort(key=lambda row: -row["change"])
    evidence: dict[str, float | str] = {"drift_group": str(found[0]["rule"])}
    evidence["drift_group_excess"] = float(found[0]["excess"])
    return Findings(tuple(found), evidence, "Groups, most changed in number first")


def _divergence(p: float, q: float) -> float:
    """Return what a group adds to the Jensen-Shannon divergence of old and new, in bits."""
    middle = (p + q) / 2
    return float(sum(x * np.log2(x / middle) for x in (p, q) if x > 0) / 2)


def _rules(tree: Any, names: tuple[str, ...], middle: F64, units: F64) -> dict[int, str]:
    """Return what a row of each leaf has in common, in the table's own units."""
    told: dict[int, str] = {}

    def written(at: float, column: int) -> str:
        # digits enough to tell thresholds a thousandth of a unit apart, beside a large middle
        more = np.log10(abs(at) / units[column]) if at else 0.0
        return f"{at:.{4 + int(np.clip(more, 0, 12))}g}"

    def walk(node: int, low: dict[int, float], high: dict[int, float]) -> None:
        j = int(tree.feature[node])
        if j < 0:
            parts = []
            for column in dict.fromkeys([*low, *high]):
                least = f"{written(low[column], column)} < " if column in low else ""
                most = f" <= {written(high[column], column)}" if column in high else ""
                parts.append(f"{least}{names[column]}{most}")
            told[node] = " and ".join(parts) or "all rows"
            return
        at = float(tree.threshold[node]) * float(units[j]) + float(middle[j])
        walk(int(tree.children_left[node]), low, high | {j: at})
        walk(int(tree.children_right[node]), low | {j: at}, high)

    walk(0, {}, {})
    return told
