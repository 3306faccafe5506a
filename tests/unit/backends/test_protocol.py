"""How little a new backend has to write: the abstract methods of ``Ops``, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import gputsne
from gputsne import backends, neighbors
from gputsne.backends.numpy.ops import NumpyOps
from gputsne.backends.protocol import Ops
from gputsne.model.parameters import Parameters

ROOT = Path(__file__).resolve().parents[3]
ATTRIBUTES = (
    "name", "xp", "exact_below", "node_pairs", "epoch", "relabel_from", "__init__",
)  # fmt: skip


def test_a_backend_of_the_abstract_methods_alone_makes_the_same_map(monkeypatch):
    written = {name: vars(NumpyOps)[name] for name in (*Ops.__abstractmethods__, *ATTRIBUTES)}
    New = type("New", (Ops,), written)
    row = backends.Backend("new", "new", lambda: "", lambda n_jobs: New(n_jobs))
    X = np.random.default_rng(0).normal(size=(150, 5)).astype(np.float32)
    maps = []
    for table in (backends.BACKENDS, (row._replace(device="numpy"),)):
        monkeypatch.setattr(backends, "BACKENDS", table)
        model = gputsne.TSNE(
            device="numpy", method="mesh", perplexity=10.0, max_iter=30,
            early_exaggeration_iter=15, random_state=0,
        ).fit(X)  # fmt: skip
        maps.append(model.embedding_.tobytes())
    assert maps[0] == maps[1]


def test_the_line_of_a_backend_says_what_it_can_do(monkeypatch):
    def facts(own_memory):
        row = backends.BACKENDS[0]._replace(own_memory=own_memory)
        monkeypatch.setattr(backends, "BACKENDS", (row, *backends.BACKENDS[1:]))
        planned = gputsne.plan(1000, 50, device=row.device)
        params = Parameters.of(gputsne.TSNE(device=row.device).get_params())
        return planned.device_bytes > 0, params.may_use_gpu

    assert facts(True) == (True, True)
    assert facts(False) == (False, False)


def test_the_operations_say_who_searches(monkeypatch):
    class Searching(NumpyOps):
        searches = True

    asked = []

    def on_device(X, k, ops, by, **settings):
        asked.append(ops)
        assert by == "auto"
        return neighbors.knn(X, k, **settings)

    monkeypatch.setattr(neighbors, "on_device", on_device)
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    for Made in (NumpyOps, Searching):
        row = backends.Backend("numpy", "numpy", lambda: "", Made)
        monkeypatch.setattr(backends, "BACKENDS", (row,))
        gputsne.TSNE(device="numpy", perplexity=5.0, max_iter=2, early_exaggeration_iter=1).fit(X)
    assert [type(ops) for ops in asked] == [Searching]


def test_the_instructions_name_what_is_to_be_written():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(Ops.__abstractmethods__) == 12
    for name in Ops.__abstractmethods__:
        assert f"`{name}`" in text
