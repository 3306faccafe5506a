"""How little a new backend has to write: the abstract methods of ``Ops``, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import gputsne
from gputsne import backends
from gputsne.backends.numpy.ops import NumpyOps
from gputsne.backends.protocol import Ops

ROOT = Path(__file__).resolve().parents[3]
ATTRIBUTES = ("name", "xp", "fft", "exact_below", "epoch", "relabel_from", "__init__")


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


def test_the_instructions_name_what_is_to_be_written():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(Ops.__abstractmethods__) == 12
    for name in Ops.__abstractmethods__:
        assert f"`{name}`" in text
