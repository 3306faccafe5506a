"""Does every call that the engine makes of CuPy exist there, with these arguments?

A small fit on the lookalike writes the calls down; CuPy imports without a GPU, and its functions'
own signatures say whether they would take them.
"""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.test_engine import SETTINGS, X, cuda  # noqa: F401  a fixture

import gputsne

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install 'gputsne[cuda13]'")
WHERE = {"xp": "cupy", "fft": "cupyx.scipy.fft"}


@pytest.fixture
def calls(cuda, monkeypatch):  # noqa: F811
    """Everything that a fit in one, two and three axes, transform and three searches ask for."""
    lookalike.Array.calls.clear()
    settings = SETTINGS | {"max_iter": 55, "early_exaggeration_iter": 25}
    monkeypatch.setattr("gputsne.backends.cuda.setup.LONG_ROW", 30)
    monkeypatch.setattr("gputsne.backends.cuda.edges.PIECE", 32)
    for c, dtype in ((2, "float32"), (1, "float16"), (3, "float32")):
        model = gputsne.TSNE(c, device="cuda", affinity_dtype=dtype, **settings).fit(X[:150])
        model.transform(X[150:160])
    gputsne.TSNE(device="cuda", **settings | {"method": "exact", "max_iter": 5}).fit(X[:150])
    ops = cuda[-1]
    ops.xp.pool.free = 0  # the database is streamed
    gputsne.neighbors.on_device(X[:150], 5, ops, metric="inner_product")
    told = set(lookalike.Array.calls)
    for made in cuda:
        told |= made.xp.calls | made.fft.calls
    return told


@pytest.mark.slow
def test_every_call_exists_in_cupy(calls):
    assert {c.name for c in calls if c.where == "fft"} == {"rfftn", "irfftn", "rfft"}
    assert len({c.name for c in calls if c.where == "xp"}) >= 12
    for call in sorted(calls):
        home = cupy.ndarray if call.where == "array" else importlib.import_module(WHERE[call.where])
        function = getattr(home, call.name, None)
        assert function is not None, f"{WHERE.get(call.where, 'cupy.ndarray')} has no {call.name}"
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # methods written in Cython tell no signature
            assert call.where == "array", call
            continue
        own = (None,) if call.where == "array" else ()
        signature.bind(*own, *[None] * call.positional, **dict.fromkeys(call.keywords))


def test_what_ops_ask_of_the_runtime_exists():
    assert callable(cupy.cuda.get_current_stream)
    assert callable(cupy.get_default_memory_pool)
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    assert hasattr(cupy.cuda.Device, "mem_info")
    assert hasattr(cupy.cuda.Device, "compute_capability")
    assert {"free_bytes", "free_all_blocks", "malloc"} <= set(dir(cupy.cuda.MemoryPool))
    # CUDA graphs
    captured = {"begin_capture", "end_capture", "synchronize", "__enter__"}
    assert captured <= set(dir(cupy.cuda.Stream))
    assert callable(cupy.cuda.Graph.launch)
    assert callable(cupy.cuda.using_allocator)
    inspect.signature(cupy.cuda.Stream).bind(non_blocking=True)


def test_the_lookalike_is_strict():
    xp, _ = lookalike.modules()
    a = xp.asarray(np.ones(3, np.float32))
    for wrong in (
        lambda: a + np.ones(3),
        lambda: np.linalg.norm(a),
        lambda: a[np.array([0, 1])],
        lambda: a.__setitem__(0, np.ones(3)),
        lambda: xp.concatenate([np.ones(3), a]),
        lambda: xp.argsort(np.ones(3)),
    ):
        with pytest.raises(TypeError):
            wrong()
    assert type(a.get()) is np.ndarray
    assert isinstance(a.sum(), lookalike.Array)
