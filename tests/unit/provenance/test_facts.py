"""What is told of a fit and of a file is what they hold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from gputsne.provenance.facts import describe


def test_describe_reads_a_model_and_leaves_it_alone():
    model = SimpleNamespace(
        get_params=lambda deep: {"perplexity": 30.0, "random_state": 5, "callbacks": [print]},
        embedding_=np.zeros((4, 2), np.float32),
        kl_history_=np.array([[50, 1.5], [100, np.nan]]),
        kl_divergence_=np.float64(1.25),
        n_iter_=100,
        timings_={"total": 0.5},
    )
    before = dict(vars(model))
    told = describe(model)
    assert vars(model) == before
    assert told["parameters"] == {"perplexity": 30.0, "random_state": 5}
    assert (told["seed"], told["map"], told["kl_divergence"]) == (5, [4, 2], 1.25)
    assert told["kl_history"] == [[50, 1.5], [100, None]]
    assert told["neighbors_recall"] is None
