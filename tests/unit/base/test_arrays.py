"""Other libraries' arrays are read, and results given back in kind. Stand-ins for GPUs."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import gputsne
from gputsne.base import arrays
from gputsne.base.errors import DependencyMissing

ROWS = np.arange(6.0, dtype=np.float32).reshape(3, 2)


class OnGPU:
    """What every library's device array has in common."""

    def __init__(self, values, index=1):
        self.values, self.index = values, index
        self.shape = values.shape

    def __dlpack__(self, **_):
        raise BufferError("on a GPU")

    def __dlpack_device__(self):
        return 2, self.index


def library(name, **methods):
    """Return a device array whose type is that of the library ``name``."""
    return type("Array", (OnGPU,), {"__module__": f"{name}.core", **methods})


def test_main_memory_stays_as_it_is():
    frame = object()
    assert arrays.host(ROWS) is ROWS
    assert arrays.host(frame) is frame
    assert arrays.device_index(ROWS) is None
    assert arrays.returner(ROWS) is None
    assert arrays.returner([[1.0]]) is None


def test_cupy_numba_and_torch_are_read_by_their_own_copies():
    cupy = library("cupy", get=lambda a: a.values, __cuda_array_interface__={})
    numba = library("numba", copy_to_host=lambda a: a.values)
    torch = library(
        "torch", detach=lambda a: a, cpu=lambda a: a.values, device=property(lambda a: a.index)
    )
    for kind in (cupy, numba, torch):
        assert arrays.host(kind(ROWS)) is ROWS
        assert arrays.device_index(kind(ROWS)) == 1
        assert callable(arrays.returner(kind(ROWS)))


def test_an_unknown_array_on_a_gpu_needs_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DependencyMissing, match="cuda13"):
        arrays.host(library("novel")(ROWS))


def test_dlpack_of_main_memory_needs_nothing():
    class Plain:
        def __dlpack__(self, **keywords):
            return ROWS.__dlpack__(**keywords)

        def __dlpack_device__(self):
            return ROWS.__dlpack_device__()

    np.testing.assert_array_equal(arrays.host(Plain()), ROWS)
    assert arrays.returner(Plain()) is None


def test_a_result_goes_back_to_the_callers_library_and_gpu(monkeypatch):
    sent = []
    torch = ModuleType("torch")
    torch.from_numpy = lambda a: SimpleNamespace(to=lambda device: sent.append(device) or a)
    monkeypatch.setitem(sys.modules, "torch", torch)
    kind = library("torch", detach=lambda a: a, cpu=lambda a: a.values, device="cuda:1")
    np.testing.assert_array_equal(arrays.returner(kind(ROWS))(ROWS), ROWS)
    assert sent == ["cuda:1"]
    jax = ModuleType("jax")
    jax.device_put = lambda a, device: sent.append(device) or a
    monkeypatch.setitem(sys.modules, "jax", jax)
    kind = library("jaxlib", devices=lambda a: {"gpu:0"})
    np.testing.assert_array_equal(arrays.returner(kind(ROWS))(ROWS), ROWS)
    assert sent == ["cuda:1", "gpu:0"]


def test_an_estimator_gives_back_in_kind_and_pickles_in_main_memory(monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    kind = library("numba", copy_to_host=lambda a: a.values, __module__="numba.cuda")
    numba = ModuleType("numba")
    numba.cuda = SimpleNamespace(to_device=lambda a: kind(a))
    monkeypatch.setitem(sys.modules, "numba", numba)
    settings = {"device": "cpu", "perplexity": 5, "max_iter": 20, "random_state": 0}
    model = gputsne.TSNE(**settings).fit(kind(X))
    want = gputsne.TSNE(**settings).fit(X)
    assert type(model.embedding_) is kind
    np.testing.assert_array_equal(model.embedding_.values, want.embedding_)
    assert type(model.transform(kind(X[:5]))) is kind
    assert type(model.transform(X[:5])) is np.ndarray
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.embedding_, want.embedding_)
