"""Fits that are ended on purpose, for the tests of what goes on from there."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.base.errors import FitInterrupted
from gputsne.callbacks import Checkpoint
from gputsne.data.datasets import load_digits

QUICK = {"perplexity": 10.0, "random_state": 0, "max_iter": 300, "early_exaggeration_iter": 100}
X = load_digits().X[:300]


def pressed(at):
    """Return a callback that interrupts at an iteration, as Ctrl-C would."""

    def press(progress):
        if progress.iteration == at:
            raise KeyboardInterrupt

    return press


def interrupted(path, at=150, **more):
    """Leave a checkpoint of a fit that was interrupted."""
    kept = Checkpoint(path, **more.pop("kept", {}))
    with pytest.raises(FitInterrupted):
        TSNE(callbacks=[pressed(at), kept], **QUICK | more).fit(X)


def same(a, b):
    np.testing.assert_array_equal(a.embedding_, b.embedding_)
    np.testing.assert_array_equal(a.kl_history_, b.kl_history_)
    assert (a.kl_divergence_, a.n_iter_) == (b.kl_divergence_, b.n_iter_)
    assert a.mesh_ == b.mesh_
