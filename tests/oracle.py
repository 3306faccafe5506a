"""The answers by definition: float64, dense, slow, and nothing of ours is imported.

Every function follows its equation literally (van der Maaten & Hinton 2008; Kobak et al. 2019 for
dof != 1). Tests compare against these; nothing here is tuned to what the package does.
"""

from __future__ import annotations

import numpy as np


def kernel(r2, dof=1.0):
    """K(r^2) = (1 + r^2 / dof)^(-(dof + 1) / 2)."""
    return (1.0 + np.asarray(r2, np.float64) / dof) ** (-(dof + 1.0) / 2.0)


def differences(Y, targets=None):
    """y_i - y_j for i in targets (all by default): (t, n, c)."""
    Y = np.asarray(Y, np.float64)
    chosen = Y if targets is None else Y[targets]
    return chosen[:, None, :] - Y[None, :, :]


def repulsion(Y, dof=1.0, targets=None):
    """phi_i = sum_j K_ij with the point itself, and its gradient, at `targets` (all by default)."""
    Y = np.asarray(Y, np.float64)
    targets = np.arange(len(Y)) if targets is None else np.asarray(targets)
    phi, grad = np.empty(len(targets)), np.empty((len(targets), Y.shape[1]))
    axes = np.ascontiguousarray(Y.T)
    for begin in range(0, len(targets), 16):  # few rows and one axis at a time: they stay in cache
        block = slice(begin, begin + 16)
        d = [y[targets[block], None] - y for y in axes]
        base = 1.0 + sum(x**2 for x in d) / dof
        K = base ** (-(dof + 1.0) / 2.0)
        phi[block] = K.sum(axis=1)
        slope = -(dof + 1.0) / dof * K / base  # dK/dy = slope * (y_i - y_j)
        for a, x in enumerate(d):
            grad[block, a] = (slope * x).sum(axis=1)
    return phi, grad


def normaliser(Y, dof=1.0):
    """Z = sum over i != j of K_ij."""
    K = kernel((differences(Y) ** 2).sum(axis=2), dof)
    np.fill_diagonal(K, 0.0)
    return K.sum()


def similarities(Y, dof=1.0):
    """Q (n, n): K_ij / Z, zero on the diagonal."""
    K = kernel((differences(Y) ** 2).sum(axis=2), dof)
    np.fill_diagonal(K, 0.0)
    return K / K.sum()


def attraction(P, Y, dof=1.0):
    """sum_j p_ij / (1 + r_ij^2 / dof) (y_i - y_j): (n, c); P dense."""
    d = differences(Y)
    w = np.asarray(P, np.float64) / (1.0 + (d**2).sum(axis=2) / dof)
    return (w[:, :, None] * d).sum(axis=1)


def divergence(P, Y, dof=1.0):
    """sum_ij p_ij (log p_ij - log K_ij)."""
    P = np.asarray(P, np.float64)
    logk = np.log(kernel((differences(Y) ** 2).sum(axis=2), dof))
    some = P > 0
    return (P[some] * (np.log(P[some]) - logk[some])).sum()


def kl(P, Y, dof=1.0):
    """KL(P || Q) = sum p_ij log(p_ij / q_ij)."""
    P, Q = np.asarray(P, np.float64), similarities(Y, dof)
    some = P > 0
    return (P[some] * np.log(P[some] / Q[some])).sum()


def kl_gradient(P, Y, dof=1.0, exaggeration=1.0):
    """dKL/dY (n, c), the attraction multiplied by `exaggeration`; the factor 4 is kept."""
    Q, d = similarities(Y, dof), differences(Y)
    w = (exaggeration * np.asarray(P, np.float64) - Q) / (1.0 + (d**2).sum(axis=2) / dof)
    return 2.0 * (dof + 1.0) / dof * (w[:, :, None] * d).sum(axis=1)


def step(Y, gradient, velocity, gains, learning_rate, momentum, max_step=np.inf, min_gain=0.01):
    """One step of gradient descent with delta-bar-delta gains: (Y, velocity, gains) after it."""
    Y, velocity, gains = (np.array(a, np.float64) for a in (Y, velocity, gains))
    for i in range(Y.shape[0]):
        for a in range(Y.shape[1]):
            if (velocity[i, a] > 0) != (gradient[i, a] > 0):
                gains[i, a] += 0.2
            else:
                gains[i, a] = 0.8 * gains[i, a] + min_gain
            move = learning_rate * gains[i, a] * gradient[i, a]
            velocity[i, a] = momentum * velocity[i, a] - move
        length = np.sqrt((velocity[i] ** 2).sum())
        if length > max_step:
            velocity[i] *= max_step / length
        Y[i] += velocity[i]
    return Y, velocity, gains


def conditional(distances, perplexity):
    """p_j|i (n, k) by bisection on the precision of each row's Gaussian; distances not squared."""
    D = np.asarray(distances, np.float64) ** 2
    P = np.empty_like(D)
    for i, row in enumerate(D):
        row = row - row.min()
        low, high = -700.0, 700.0  # log of the precision
        for _ in range(200):
            beta = np.exp((low + high) / 2)
            w = np.exp(-np.minimum(beta * row, 745.0))
            p = w / w.sum()
            entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
            low, high = (
                ((low + high) / 2, high)
                if entropy > np.log(perplexity)
                else (
                    low,
                    (low + high) / 2,
                )
            )
        P[i] = p
    return P


def joint(indices, p):
    """P (n, n) dense: (p_j|i + p_i|j) / 2n."""
    n = len(indices)
    P = np.zeros((n, n))
    for i in range(n):
        P[i, indices[i]] = p[i]
    return (P + P.T) / (2.0 * n)


# Quality metrics, each from its paper, over all points and in plain loops.


def pair_distances(A):
    """Euclidean distances (n, n), inf from a point to itself."""
    D = np.sqrt((differences(A) ** 2).sum(axis=2))
    np.fill_diagonal(D, np.inf)
    return D


def rank_matrix(D):
    """1 for the nearest other, n for the point itself; the lower index first among equals."""
    order = np.argsort(D, axis=1, kind="stable")
    ranks = np.empty(D.shape, int)
    for i, row in enumerate(order):
        ranks[i, row] = np.arange(1, len(D) + 1)
    return ranks


def jaccard(DX, DY, k):
    """Mean of |intersection| / |union| of neighbourhoods."""
    sets = [[set(np.argsort(r, kind="stable")[:k]) for r in D] for D in (DX, DY)]
    return np.mean([len(a & b) / len(a | b) for a, b in zip(*sets, strict=True)])


def intrusion(D, D_near, k):
    """Venna & Kaski 2001: trustworthiness with D of the data, continuity with D of the map."""
    n, ranks, near = len(D), rank_matrix(D), rank_matrix(D_near)
    total = 0
    for i in range(n):
        for j in range(n):
            if near[i, j] <= k and ranks[i, j] > k:
                total += ranks[i, j] - k
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


def relative_rank_error(D, D_near, k):
    """Lee & Verleysen 2007, taken from 1, normalised as ZADU has it."""
    n, ranks, near = len(D), rank_matrix(D), rank_matrix(D_near)
    total = 0.0
    for i in range(n):
        for j in range(n):
            if near[i, j] <= k:
                total += abs(ranks[i, j] - near[i, j]) / near[i, j]
    return 1 - total / n / sum(abs(n - 2 * v + 1) / v for v in range(1, k + 1))


def rnx_curve(DX, DY):
    """R_NX(K), K = 1 ... n - 2, from the co-ranking matrix (Lee et al. 2015)."""
    n = len(DX)
    coranking = np.zeros((n - 1, n - 1), int)
    a, b = rank_matrix(DX), rank_matrix(DY)
    for i in range(n):
        for j in range(n):
            if i != j:
                coranking[a[i, j] - 1, b[i, j] - 1] += 1
    Q = np.array([coranking[:K, :K].sum() / (K * n) for K in range(1, n - 1)])
    K = np.arange(1, n - 1)
    return ((n - 1) * Q - K) / (n - 1 - K)


def rnx_area(DX, DY):
    """Area of R_NX over 1 / K."""
    curve = rnx_curve(DX, DY)
    K = np.arange(1, len(curve) + 1)
    return (curve / K).sum() / (1 / K).sum()


def stress(DX, DY):
    """Smelser et al. 2024: the least of normalised stress over 10^5 scales about the best one."""
    i, j = np.triu_indices(len(DX), 1)
    a, b = DX[i, j], DY[i, j]
    middle = np.median(a) / np.median(b)
    scales = middle * np.geomspace(0.1, 10, 100_001)
    sums = (a**2).sum() - 2 * scales * (a * b).sum() + scales**2 * (b**2).sum()
    return np.sqrt(sums.min() / (a**2).sum())


def class_neighbors(X, Y, labels, k):
    """Kobak & Berens 2019, KNC: share of the k nearest class means that are kept."""
    names = sorted(set(labels))
    near = []
    for A in (X, Y):
        means = np.array([A[[c == name for c in labels]].mean(axis=0) for name in names])
        near.append(rank_matrix(pair_distances(means)) <= k)
    return (near[0] & near[1]).sum() / (k * len(names))


def silhouettes(D, labels):
    """Rousseeuw 1987, one per point."""
    out = []
    for i, own in enumerate(labels):
        means = {}
        for c in set(labels):
            others = [D[i, j] for j in range(len(D)) if labels[j] == c and j != i]
            means[c] = np.mean(others) if others else None
        inside = means.pop(own)
        outside = min(means.values())
        out.append(0.0 if inside is None else (outside - inside) / max(inside, outside))
    return np.array(out)
