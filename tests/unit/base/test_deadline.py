"""A deadline holds for its block and thread; the earliest holds; a fit keeps its map so far."""

from __future__ import annotations

import threading
from itertools import count

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded

X = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)


def test_without_a_deadline_nothing_passes():
    assert not deadline.passed()
    with deadline.limit(None):
        deadline.check()


def test_the_earlier_of_two_holds_and_goes_with_its_block():
    with deadline.limit(1000.0):
        with deadline.limit(0.0):
            assert deadline.passed()
            with deadline.limit(500.0):
                assert deadline.passed()
        assert not deadline.passed()
    with deadline.limit(0.0), deadline.limit(None), pytest.raises(DeadlineExceeded):
        deadline.check("here")


def test_threads_have_their_own():
    seen = {}

    def work(name: str, seconds: float | None) -> None:
        with deadline.limit(seconds):
            seen[name] = deadline.passed()

    with deadline.limit(0.0):
        threads = [
            threading.Thread(target=work, args=a) for a in (("none", None), ("late", 1000.0))
        ]
        for thread in threads:
            thread.start()
            thread.join()
    assert seen == {"none": False, "late": False}


def ticking(monkeypatch):
    """Let every look at the clock take a second, so that a deadline is a count of looks."""
    ticks = count()
    monkeypatch.setattr(deadline.time, "monotonic", lambda: float(next(ticks)))


def test_the_optimiser_ends_at_the_next_iteration_and_the_map_is_kept(monkeypatch):
    whole = TSNE(max_iter=400, perplexity=5.0, random_state=0)
    cut = TSNE(max_iter=400, perplexity=5.0, random_state=0)
    ticking(monkeypatch)
    with deadline.limit(120.0), pytest.raises(DeadlineExceeded, match=r"at iteration \d+ of 400"):
        cut.fit(X)
    done = cut.n_iter_
    assert 0 < done < 120
    assert cut.kl_history_[-1].tolist() == [done, cut.kl_divergence_]
    # The map of the iterations done is that of a callback that stopped there, and can go on.
    whole.set_params(callbacks=lambda p: p.iteration == done, callbacks_every=done).fit(X)
    np.testing.assert_array_equal(cut.embedding_, whole.embedding_)
    assert cut.optimize(10).n_iter_ == done + 10


def test_before_the_optimiser_there_is_no_map():
    model = TSNE(random_state=0)
    with deadline.limit(0.0), pytest.raises(DeadlineExceeded, match="before stage 'prepare'"):
        model.fit(X)
    assert not hasattr(model, "embedding_")
