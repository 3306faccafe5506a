"""A process forked after a GPU was used gets an error or a CPU, never a call of the GPU."""

from __future__ import annotations

import os
import pickle
import select
import signal

import numpy as np
import pytest
from gpu_free import lookalike

import gputsne
from gputsne import backends
from gputsne.backends.cuda import device, presence
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base import forks
from gputsne.base.errors import BackendUnavailable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
SETTINGS = {"perplexity": 8.0, "max_iter": 12, "early_exaggeration_iter": 6, "random_state": 0}
LIMIT = 120  # seconds that a child may take; it needs one or two


@pytest.fixture
def made(emulated, monkeypatch):
    """The operations that a fit on the emulated GPU makes, in a process that never had one."""
    owner = forks.Owner()
    for module in (presence, device):
        monkeypatch.setattr(module, "OWNER", owner)
    found: list[CudaOps] = []

    def make(n_jobs):
        xp, fft = lookalike.modules()
        found.append(CudaOps(n_jobs, xp=xp, fft=fft, module=emulated.cuda))
        return found[-1]

    row = backends.Backend("cuda", "cuda", presence.lost_in_fork, make)
    monkeypatch.setattr(backends, "BACKENDS", (row, *backends.BACKENDS[1:]))
    return found


def in_child(work, made):
    """Return what ``work`` returns in a forked process in which any use of the GPU fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for ops in made:  # also what is only freed
                ops.gpu.xp = ops.gpu.module = ops.xp = None
            answer = work()
        except BaseException as error:
            answer = error
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    try:
        if not select.select([reading], [], [], LIMIT)[0]:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the child hangs")
        with os.fdopen(reading, "rb") as answers:
            return pickle.loads(answers.read())
    finally:
        os.waitpid(child, 0)


def test_by_name_it_is_an_error_that_says_what_to_do(made):
    gputsne.TSNE(device="cuda", **SETTINGS).fit(X)
    error = in_child(lambda: gputsne.TSNE(device="cuda", **SETTINGS).fit(X), made)
    assert isinstance(error, BackendUnavailable)
    assert "CUDA was used before process" in str(error)
    assert "'spawn'" in str(error)


def test_auto_falls_back_and_tells_why(made):
    gputsne.TSNE(device="cuda", **SETTINGS).fit(X)

    def work():
        choice = backends.choose("auto", 1)
        fitted = gputsne.TSNE(device="auto", **SETTINGS).fit(X)
        return choice.device, choice.reason, fitted.embedding_

    name, reason, embedding = in_child(work, made)
    assert name != "cuda"
    assert reason.startswith("cuda: CUDA was used before process")
    np.testing.assert_array_equal(
        embedding, gputsne.TSNE(device=name, **SETTINGS).fit(X).embedding_
    )


def test_a_fitted_model_goes_on_without_the_gpu(made):
    """Its operations, buffers and the potential of its map lie where the child can't reach."""
    model = gputsne.TSNE(device="cuda", **SETTINGS).fit(X)
    new = X[:7] + np.float32(0.1)
    here = model.transform(new)
    there = in_child(lambda: model.transform(new), made)
    # The map is the same, the field another machine's: places differ by its rounding.
    assert np.linalg.norm(there - here) < 1e-2 * np.linalg.norm(model.embedding_)
    np.testing.assert_array_equal(model.transform(new), here)  # the parent keeps its GPU


def test_p_is_brought_down_before_the_fork(made):
    """It lies on the GPU until somebody reads it, and the child can't."""
    model = gputsne.TSNE(device="cuda", **SETTINGS).fit(X)
    assert "data" not in vars(model.affinities_)

    def work():
        return model.affinities_.to_csr(), model.optimize(2).n_iter_

    P, iterations = in_child(work, made)
    assert (model.affinities_.to_csr() != P).nnz == 0
    assert iterations == SETTINGS["max_iter"] + 2


def test_operations_of_the_parent_are_refused_before_any_call(made):
    ops = backends.choose("cuda", 1).ops

    def work():
        with ops.guard():
            return "worked"

    assert isinstance(in_child(work, made), BackendUnavailable)


def test_a_child_of_a_process_that_had_no_gpu_may_use_its_own(made):
    assert in_child(lambda: backends.choose("cuda", 1).device, made) == "cuda"
