"""Maps of tight groups by mesh: KL beside sums by definition, and the cost.

Groups of about as many points as the perplexity have a uniform P inside, so t-SNE draws them much
smaller than the mesh's spacing: near duplicates, frames of a clip, photos of a person. Each row of
data is fitted from the same start by mesh and by definition; docs/mesh.md has the table.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import data, device, finish, log, options

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import oracle

import gputsne
from gputsne.backends import choose
from gputsne.engine import mesh as meshes
from gputsne.engine.field import CHECK_EVERY, Field

SEEDS = (0, 1, 2)
FIT = {"perplexity": 30.0, "method": "mesh"}
TARGETS = 2000  # points whose force is summed by definition
PAIRS = 40  # iterations with and without the check, by turns; the median ratio is kept


def groups(count: int, size: int, seed: int) -> np.ndarray:
    """Return ``count`` Gaussian groups of ``size`` rows in 20 dimensions, far apart."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 20)) * 8
    X = centres[np.arange(count * size) % count] + rng.normal(size=(count * size, 20))
    return X.astype(np.float32)


def photos(seed: int) -> np.ndarray:
    """Return unit vectors, 25 of each of 120 persons."""
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.normal(size=(120, 64)), 25, axis=0) + 0.3 * rng.normal(size=(3000, 64))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)


def copies(seed: int) -> np.ndarray:
    """Return 80 rows, 30 near copies of each."""
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.normal(size=(80, 20)), 30, axis=0)
    return (X + 1e-3 * rng.normal(size=X.shape)).astype(np.float32)


# Name, data by seed, parameters, seeds: the large ones take minutes by definition.
ROWS: tuple[tuple[str, Any, dict[str, Any], tuple[int, ...]], ...] = (
    ("80 groups of 30", lambda s: groups(80, 30, s), {}, SEEDS),
    ("150 groups of 16", lambda s: groups(150, 16, s), {}, SEEDS),
    ("300 groups of 8", lambda s: groups(300, 8, s), {}, SEEDS),
    ("120 persons, 25 photos each, cosine", photos, {"metric": "cosine"}, SEEDS),
    ("80 rows, 30 near copies each", copies, {}, SEEDS),
    ("400 groups of 30", lambda s: groups(400, 30, s), {}, SEEDS),
    ("1,000 groups of 20", lambda s: groups(1000, 20, s), {}, SEEDS),
    ("20 groups of 30, three axes", lambda s: groups(20, 30, s), {"n_components": 3}, SEEDS),
    ("80 groups of 30, three axes", lambda s: groups(80, 30, s), {"n_components": 3}, SEEDS),
)


def main(name: str, argv: list[str]) -> None:
    """Fit, compare, time; write the JSON after every row."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--rows", help="numbers of the rows, 0 to 8, by commas [all]")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="seeds of each row [3]")
    parser.add_argument("--no-cost", action="store_true", help="leave the cost on MNIST out")
    asked = parser.parse_args(argv)
    chosen = range(len(ROWS)) if asked.rows is None else map(int, asked.rows.split(","))
    found: dict[str, Any] = {"fit": FIT, "rows": []}
    if not asked.no_cost:
        found["cost"] = cost(asked)
        log(f"an iteration with the check over one without: {found['cost']['ratio']:.3f}")
    for title, make, more, seeds in [ROWS[0]] if asked.quick else [ROWS[i] for i in chosen]:
        row = compared(title, make, more, seeds[: 1 if asked.quick else asked.seeds], asked)
        log(f"{title}: KL {row['kl_mesh']:.4f}, by definition {row['kl_exact']:.4f}")
        found["rows"].append(row)
        finish("groups", asked, found)


def compared(name: str, make: Any, more: dict[str, Any], seeds: Any, asked: Any) -> dict[str, Any]:
    """Return medians of KL, preserved neighbours and errors of the mesh on its own last map."""
    kept: dict[str, list[float]] = {}
    ops = choose(device(asked), asked.threads).ops
    for seed in seeds:
        X = make(seed)[:600] if asked.quick else make(seed)
        for method in ("mesh", "exact"):
            began = time.perf_counter()
            told = {**FIT, **more, "method": method, "random_state": seed}
            model = gputsne.TSNE(n_jobs=asked.threads, device=device(asked), **told).fit(X)
            kept.setdefault(f"seconds_{method}", []).append(time.perf_counter() - began)
            kept.setdefault(f"kl_{method}", []).append(model.kl_divergence_)
            share = gputsne.metrics.knn_preservation(X, model.embedding_)
            kept.setdefault(f"kept_{method}", []).append(share)
            force, Z, field = errors(ops, model.embedding_)
            kept.setdefault(f"force_on_map_of_{method}", []).append(force)
            kept.setdefault(f"Z_on_map_of_{method}", []).append(Z)
            if method == "mesh":
                kept.setdefault("summed", []).append(float(field.summed))
                if field.mesh is not None:
                    kept.setdefault("h", []).append(field.mesh.h)
                kept.setdefault("pair", []).append(float(field.pair))
        log(f"{name}, seed {seed}: { ({k: float(f'{v[-1]:.4g}') for k, v in kept.items()}) }")
    medians = {k: float(np.median(v)) for k, v in kept.items()}
    return {"data": name, "n": len(X), "seeds": len(seeds), **medians, "all": kept}


def errors(ops: Any, Y: np.ndarray) -> tuple[float, float, Field]:
    """Return the mesh's errors on a map, of forces and of Z, and the field that made them."""
    field = Field(ops, method="mesh")
    phi, grad = np.empty(len(Y), np.float32), np.empty_like(Y)
    field.evaluate(Y, phi, grad)
    targets = np.random.default_rng(0).permutation(len(Y))[:TARGETS]
    want_phi, want = oracle.repulsion(Y, 1.0, targets)
    force = np.linalg.norm(grad[targets] - want) / np.linalg.norm(want)
    Z = (phi[targets] - 1.0).sum(dtype=np.float64) / (want_phi - 1.0).sum() - 1.0
    return float(force), float(abs(Z)), field


def cost(asked: Any) -> dict[str, Any]:
    """Return what measuring adds to an iteration on MNIST, whose map needs no pair of meshes."""
    from gputsne import affinities
    from gputsne.base.types import StepParams
    from gputsne.engine.iteration import Engine
    from gputsne.engine.optimize import initial_state

    X, _, name = data(asked)
    ops = choose(device(asked), asked.threads).ops
    graph = gputsne.knn(X, min(90, len(X) - 1), n_jobs=asked.threads, random_state=0)
    P = affinities.joint(graph, ops, perplexity=min(30.0, (len(X) - 1) / 3))
    told = {**FIT, "neighbors": graph, "random_state": 0}
    Y = gputsne.TSNE(n_jobs=asked.threads, device=device(asked), **told).fit(X).embedding_
    engine = Engine(P, initial_state(Y), field := Field(ops, method="mesh"))
    params = StepParams(exaggeration=1.0, momentum=0.8, learning_rate=1e-3)
    engine.step(params)
    seconds: dict[int, list[float]] = {0: [], CHECK_EVERY: []}
    for _ in range(PAIRS):
        for since, taken in seconds.items():
            field.since = since
            field.invalidate()
            began = time.perf_counter()
            engine.step(params)
            taken.append(time.perf_counter() - began)
    steps, checked = seconds.values()
    h = field.mesh.h
    share = field.burden * meshes.push(2, h, 1.0, pair=False)
    ratio = 1.0 + float(np.median(np.divide(checked, steps)) - 1.0) / CHECK_EVERY
    return {
        "data": name,
        "n": len(X),
        "step_ms": 1e3 * float(np.median(steps)),
        "checked_step_ms": 1e3 * float(np.median(checked)),
        "every": CHECK_EVERY,
        "ratio": ratio,
        "h": h,
        "pair": field.pair,
        "images": share,
    }
