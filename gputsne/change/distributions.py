"""How far two samples differ: PSI and KS of a column, MMD and a classifier's AUC of whole rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Measured", "column_drift", "kolmogorov_smirnov", "mmd", "psi", "separability"]

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
BINS = 10  # of PSI: deciles of the old values
TREES, LEAF, FOLDS = 100, 5, 5
RESAMPLES = 200  # of a bootstrap and of a permutation test
CONFIDENCE = 0.95
Z = 1.96  # standard errors to either side of it


class Measured(NamedTuple):
    """One drift, 0 to 1, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def about(cls, value: float, error: float) -> Measured:
        """Return a value with the interval of its standard error, inside 0 to 1."""
        low, high = value - Z * error, value + Z * error
        return cls(*(float(np.clip(x, 0.0, 1.0)) for x in (value, low, high)))


def psi(old: F64, new: F64) -> float:
    """Return the population stability index of a column.

    Parameters
    ----------
    old, new : arrays, shapes (n,) and (m,)
        Finite values.

    Returns
    -------
    float
        The sum of ``(q - p) ln(q / p)`` over bins between the deciles of the old values (fewer
        where values repeat) that hold any, half a row added to each; 0 for equal shares. By
        custom 0.1 is a small change and 0.25 a large one (Siddiqi 2006, Credit Risk Scorecards).
    """
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    counts = [np.bincount(np.searchsorted(edges, x), minlength=bins) for x in (old, new)]
    some = (counts[0] + counts[1]) > 0
    p, q = (count[some] + 0.5 for count in counts)
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def kolmogorov_smirnov(old: F64, new: F64) -> float:
    """Return the largest difference of the two distribution functions, 0 to 1.

    Parameters
    ----------
    old, new : arrays, shapes (n,) and (m,)
        Finite values.

    Returns
    -------
    float
        As ``scipy.stats.ks_2samp``.
    """
    from scipy.stats import ks_2samp

    return float(ks_2samp(old, new, method="asymp").statistic)


def column_drift(statistic: float, n: int, m: int, columns: int) -> Measured:
    """Return the largest KS statistic of some columns with its interval.

    Parameters
    ----------
    statistic : float
    n, m : int
        Old and new values of the column.
    columns : int
        Of which it is the largest.

    Returns
    -------
    Measured
        By the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart for each of the two
        distribution functions of every column, all at once.
    """
    each = np.log(2 * 2 * columns / (1 - CONFIDENCE)) / 2
    reach = float(np.sqrt(each / n) + np.sqrt(each / m))
    return Measured(statistic, max(0.0, statistic - reach), min(1.0, statistic + reach))


def separability(old: F64, new: F64, group: I64, seed: int) -> tuple[Measured, F64]:
    """Return how well a classifier tells old rows from new ones, and its score of each row.

    Parameters
    ----------
    old, new : arrays, shapes (n, d) and (m, d)
    group : array, shape (n + m,), int64
        Rows of one group, old ones first, are never on both sides of a fold: the same thing twice
        would be known again.
    seed : int
        Of the trees.

    Returns
    -------
    drift : Measured
        ``2 AUC - 1`` of rows that the forest has not seen, at least 0; the interval by Hanley and
        McNeil 1982. 0 where nothing tells them apart.
    scores : array, shape (n + m,)
        The probability of being new that the forest gave each row unseen.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    rows = np.concatenate([old, new])
    is_new = np.repeat([0, 1], [len(old), len(new)])
    folds = min(FOLDS, len(np.unique(group)))
    scores = np.full(len(rows), 0.5)
    if folds > 1:
        for known, asked in GroupKFold(folds).split(rows, is_new, group):
            if len(np.unique(is_new[known])) < 2:
                continue
            forest = ExtraTreesClassifier(TREES, min_samples_leaf=LEAF, random_state=seed)
            forest.fit(rows[known], is_new[known])
            scores[asked] = forest.predict_proba(rows[asked])[:, 1]
    auc = float(roc_auc_score(is_new, scores))
    return Measured.about(max(0.0, 2 * auc - 1), 2 * _auc_error(auc, len(old), len(new))), scores


def _auc_error(auc: float, n: int, m: int) -> float:
    """Return the standard error of an AUC, by Hanley and McNeil 1982."""
    both_new, both_old = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = auc * (1 - auc) + (m - 1) * (both_new - auc**2) + (n - 1) * (both_old - auc**2)
    return float(np.sqrt(max(0.0, spread) / (n * m)))


def mmd(old: F64, new: F64, rng: np.random.Generator) -> tuple[Measured, float]:
    """Return the maximum mean discrepancy of two samples, and the p-value of none.

    Parameters
    ----------
    old, new : arrays, shapes (n, d) and (m, d)
        A thousand rows each or so: all pairs are taken.
    rng : Generator
        Draws the permutations and the bootstrap.

    Returns
    -------
    drift : Measured
        ``1 - 2 k_on / (k_oo + k_nn)`` of the mean kernels within and between the samples, 0 to 1:
        the squared MMD (Gretton et al. 2012, equation 5) over what it would be if no old row
        resembled a new one. Gaussian kernel, its width the median distance; percentiles of a
        bootstrap.
    p : float
        Share of permutations of the rows that differ as much or more, theirs counted in; 1 for
        equal samples.
    """
    rows = np.concatenate([old, new])
    n, m = len(old), len(new)
    if np.array_equal(old, new):
        return Measured(0.0, 0.0, 0.0), 1.0
    from scipy.spatial.distance import pdist, squareform

    far = pdist(rows, "sqeuclidean")
    width = float(np.median(far[far > 0])) if (far > 0).any() else 1.0
    K = np.exp(-squareform(far) / width)
    is_old = np.repeat([True, False], [n, m])

    def discrepancy(a: F64, b: F64) -> tuple[F64, F64]:
        """Return MMD^2 and its share for columns of weights of old and of new rows."""
        Ka, Kb = K @ a, K @ b
        aa, bb, ab = (a * Ka).sum(0), (b * Kb).sum(0), (a * Kb).sum(0)
        return aa + bb - 2 * ab, 1 - 2 * ab / (aa + bb)

    def weights(chosen: npt.NDArray[np.bool_]) -> tuple[F64, F64]:
        a = chosen / chosen.sum(0)
        return a, ~chosen / (~chosen).sum(0)

    squared, share = discrepancy(*weights(is_old[:, None]))
    mixed = np.stack([rng.permutation(is_old) for _ in range(RESAMPLES)], axis=1)
    by_chance, _ = discrepancy(*weights(mixed))
    # Sums of the same numbers in another order differ by rounding
    p = (1 + int((by_chance >= squared * (1 - 1e-12)).sum())) / (1 + RESAMPLES)
    a = np.zeros((n + m, RESAMPLES))
    b = np.zeros((n + m, RESAMPLES))
    a[:n] = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).T / n
    b[n:] = rng.multinomial(m, np.full(m, 1 / m), RESAMPLES).T / m
    _, spread = discrepancy(a, b)
    value = float(np.clip(share[0], 0, 1))
    ends = np.clip(np.quantile(spread, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]), 0, 1)
    return Measured(value, min(value, float(ends[0])), max(value, float(ends[1]))), p
