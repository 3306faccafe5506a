"""A sweep is registered: every run is stored and checked, and the best that passed is promoted."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

import gputsne
from gputsne.base.errors import PromotionRefused

X = gputsne.datasets.load_digits().X[:600]


def keep(store: gputsne.Store, model: gputsne.TSNE, scores: dict[str, float]) -> str:
    """Store the record and the map of a fit; return its id."""
    held = io.BytesIO()
    np.save(held, model.embedding_)
    run = replace(model.run_, metrics=scores)
    return store.put(run, files={"map.npy": held.getvalue()})


@pytest.mark.filterwarnings("ignore:.*max_iter.*:UserWarning")
def test_the_best_run_of_a_sweep_that_passes_the_gate_is_promoted(tmp_path):
    store = gputsne.Store(tmp_path / "maps")
    (first,) = gputsne.sweep(X, perplexity=30, grid={"max_iter": [500]})
    old = keep(store, first.model, first.scores)
    store.promote(old)

    trials = gputsne.sweep(X, perplexity=(5, 30), grid={"max_iter": [50, 500, 750]})
    ids = {trial.name: keep(store, trial.model, trial.scores) for trial in trials}
    assert trials.searches == 1
    passed = []
    for trial in trials:
        id = ids[trial.name]
        found = gputsne.check(
            store.get(id), "ci", baseline=store.get("production"), X=X, baseline_X=X
        )
        store.add_check(id, found)
        passed += [trial] if found.passed else []
    # Perplexity 5 makes another map than the one people know; 50 iterations are too few.
    told = [(trial.settings["perplexity"], trial.settings["max_iter"]) for trial in passed]
    assert told == [(30, 500), (30, 750)]

    for trial in trials:
        if trial not in passed:
            with pytest.raises(PromotionRefused, match="check ci: FAIL"):
                store.promote(ids[trial.name])
    best = max(passed, key=lambda trial: trial.scores["knn_preservation"])
    store.promote(ids[best.name])
    assert store.refs() == {"production": ids[best.name]}
    assert [move.id for move in store.history("production")] == [old, ids[best.name]]
