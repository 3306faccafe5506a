"""Captured iterations make the map that single launches make; so does a run that gets no graph."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from gpu_free import capture, lookalike

import gputsne
from gputsne import backends
from gputsne.backends.cuda.numbers import Numbers
from gputsne.backends.cuda.ops import CudaOps

X = gputsne.datasets.load_digits().X[:300].astype(np.float32)
SETTINGS = {
    "device": "cuda",
    "perplexity": 10.0,
    "max_iter": 120,
    "early_exaggeration_iter": 60,
    "random_state": 0,
}


class Small(CudaOps):
    relabel_from = 100  # before iterations 20 and 100


@pytest.fixture
def fit(emulated, monkeypatch):
    """Return a function that fits on the emulated GPU, and what it ran on."""

    def run(graphs, method, refuse=False):
        xp = capture.Cupy()
        xp.refuse = refuse
        fft, module = capture.Fft(xp), capture.kernels(emulated.cuda, xp)
        ops = Small(1, xp=xp, fft=fft, module=module, graphs=graphs)
        row = backends.Backend("cuda", "cuda", lambda: "", lambda n_jobs: ops, own_memory=True)
        with monkeypatch.context() as patch, lookalike.strict(monkeypatch):
            patch.setattr(backends, "BACKENDS", (row, *backends.BACKENDS[1:]))
            return gputsne.TSNE(method=method, **SETTINGS).fit(X), ops

    return run


@pytest.mark.parametrize("method", ["mesh", "exact"])
def test_the_same_bytes_as_without(fit, method):
    plain, _ = fit(False, method)
    replayed, ops = fit(True, method)
    assert replayed.embedding_.tobytes() == plain.embedding_.tobytes()
    assert replayed.kl_divergence_ == plain.kl_divergence_
    graphs = ops.graphs
    assert not graphs.failed
    # Two graphs for each order of the points and each kind of mesh; one iteration of each, and of
    # each mesh and phase, is launched without: it writes what the graphs read.
    assert graphs.replayed > (100 if method == "exact" else 60)
    assert 2 <= graphs.captured <= (6 if method == "exact" else 16)
    graphs.release()
    assert not graphs._arena.lent


def test_a_graph_that_keeps_the_numbers_of_its_capture_is_seen(fit, monkeypatch):
    """The bytes above show it: where kernels had their numbers as arguments, they would be old."""
    plain, _ = fit(False, "mesh")
    monkeypatch.setattr(Numbers, "_place", lambda *_: (0, False))
    replayed, ops = fit(True, "mesh")
    assert not ops.graphs.failed
    assert replayed.embedding_.tobytes() != plain.embedding_.tobytes()


def test_a_capture_that_fails_costs_nothing_but_a_warning(fit, caplog):
    plain, _ = fit(False, "exact")
    with caplog.at_level(logging.WARNING, "gputsne"):
        launched, ops = fit(True, "exact", refuse=True)
    assert launched.embedding_.tobytes() == plain.embedding_.tobytes()
    assert "CaptureUnsupported" in ops.graphs.failed
    assert caplog.text.count("no CUDA graphs") == 1


def test_waiting_inside_a_capture_is_noticed(emulated):
    """The lookalike must be as strict as CUDA, or the tests above show nothing."""
    xp = capture.Cupy()
    ops = CudaOps(1, xp=xp, fft=capture.Fft(xp), module=capture.kernels(emulated.cuda, xp))
    stream = xp.cuda.Stream(non_blocking=True)
    with stream:
        array = ops.xp.zeros((3,), np.float32)
        stream.begin_capture()
        with pytest.raises(RuntimeError, match="is copied while"):
            ops.host(array)
        with pytest.raises(RuntimeError, match="while a stream is captured"):
            ops.xp.zeros((3,), np.float32)
        with pytest.raises(AssertionError, match="others may be given"):
            ops.xp.empty((3,), np.float32)
        stream.end_capture()
    with pytest.raises(RuntimeError, match="Unsupported"):
        xp.cuda.get_current_stream().begin_capture()


def test_what_a_failed_fit_leaves_was_waited_for(emulated, monkeypatch):
    """The caller reads it on a stream that does not wait for that of the graphs."""
    xp = capture.Cupy()
    fft, module = capture.Fft(xp), capture.kernels(emulated.cuda, xp)
    ops = CudaOps(1, xp=xp, fft=fft, module=module, graphs=True)
    waited = []
    monkeypatch.setattr(capture.Stream, "synchronize", lambda stream: waited.append(stream.ptr))
    own = []

    def fails(error):
        with ops.guard():
            own.append(xp.cuda.get_current_stream().ptr)
            raise error

    for error in (KeyboardInterrupt, ValueError):
        waited.clear()
        with pytest.raises(error):
            fails(error)
        assert waited == [0, own[-1]]


def test_cufft_is_asked_for_by_the_environment(monkeypatch):
    made = []
    monkeypatch.setattr(
        "gputsne.backends.cuda.ops.CudaOps", lambda n_jobs, graphs, own_fft: made.append(own_fft)
    )
    for value, want in ((None, True), ("own", True), ("cufft", False)):
        monkeypatch.delenv("GPUTSNE_CUDA_FFT", raising=False)
        if value is not None:
            monkeypatch.setenv("GPUTSNE_CUDA_FFT", value)
        backends._cuda_make(1)
        assert made[-1] is want


def test_switched_off_by_the_environment(monkeypatch):
    made = []
    monkeypatch.setattr(
        "gputsne.backends.cuda.ops.CudaOps", lambda n_jobs, graphs, own_fft: made.append(graphs)
    )
    for value, want in ((None, True), ("0", False), ("1", True)):
        monkeypatch.delenv("GPUTSNE_CUDA_GRAPHS", raising=False)
        if value is not None:
            monkeypatch.setenv("GPUTSNE_CUDA_GRAPHS", value)
        backends._cuda_make(1)
        assert made[-1] is want
