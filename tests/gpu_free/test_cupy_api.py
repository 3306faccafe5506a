"""Every call that the engine makes of CuPy exists there, with these arguments.

Two ways, since CuPy imports without a GPU. Every name that the sources look up, on whatever path,
is looked up in CuPy itself (cupy_names.py). And a small fit on the lookalike writes its calls down,
methods of arrays among them; CuPy's own signatures say whether they would be taken.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gpu_free import capture, lookalike
from gpu_free.paths import PATHS
from gpu_free.test_engine import X, cuda  # noqa: F401  a fixture

import gputsne

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install 'gputsne[cuda13]'")
cupy_names = importlib.import_module("gpu_free.cupy_names")  # imports CuPy
PACKAGE = Path(gputsne.__file__).resolve().parent
WHERE = {"xp": "cupy", "fft": "cupyx.scipy.fft"}


@pytest.fixture
def calls(cuda, monkeypatch):  # noqa: F811
    """Everything that any path asks for: fits, transform, save and go on, searches, plans."""
    lookalike.Array.calls.clear()
    monkeypatch.setattr("gputsne.backends.cuda.affinities.LONG_ROW", 30)
    monkeypatch.setattr("gputsne.backends.cuda.edges.PIECE", 32)
    for path in PATHS.values():
        path(X)
    ops = cuda[-1]
    ops.xp.pool.free = 0  # the database is streamed
    gputsne.neighbors.on_device(X[:150], 5, ops, metric="inner_product")
    told = set(lookalike.Array.calls)
    for made in cuda:
        told |= made.xp.calls | made._field.convolution.fft.calls
    return told


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_call_exists_in_cupy(calls):
    assert {c.name for c in calls if c.where == "fft"} == {"get_fft_plan"}
    assert {c.name for c in calls if c.where == "xp"} >= {"asarray", "empty", "empty_like", "zeros"}
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


# Everything but the CPU's own FFT, whose ``fft`` is scipy's.
SOURCES = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "backends" / "host.py"]
# All that the package asks of CuPy, by chains, calls, local names and attributes of self.
NAMES = {
    "cupy.asarray",
    "cupy.cuda",
    "cupy.cuda.Device",
    "cupy.cuda.MemoryPool",
    "cupy.cuda.Stream",
    "cupy.cuda.device.Device.compute_capability",
    "cupy.cuda.device.Device.id",
    "cupy.cuda.device.Device.mem_info",
    "cupy.cuda.get_current_stream",
    "cupy.cuda.memory",
    "cupy.cuda.memory.MemoryPool.free_all_blocks",
    "cupy.cuda.memory.MemoryPool.free_bytes",
    "cupy.cuda.memory.MemoryPool.malloc",
    "cupy.cuda.memory.MemoryPool.total_bytes",
    "cupy.cuda.memory.OutOfMemoryError",
    "cupy.cuda.pinned_memory.PinnedMemoryPool.free_all_blocks",
    "cupy.cuda.runtime",
    "cupy.cuda.stream.Stream.begin_capture",
    "cupy.cuda.stream.Stream.end_capture",
    "cupy.cuda.stream.Stream.ptr",
    "cupy.cuda.stream.Stream.synchronize",
    "cupy.cuda.using_allocator",
    "cupy.empty",
    "cupy.empty_like",
    "cupy.from_dlpack",
    "cupy.get_default_memory_pool",
    "cupy.get_default_pinned_memory_pool",
    "cupy.ndarray.get",
    "cupy.ndarray.itemsize",
    "cupy.ndarray.shape",
    "cupy.zeros",
    "cupy_backends.cuda.api.runtime.getDeviceCount",
    "cupy_backends.cuda.api.runtime.pointerGetAttributes",
    "cupyx.scipy",
    "cupyx.scipy.fft",
    "cupyx.scipy.fft.get_fft_plan",
}


def test_every_name_on_every_path_exists_in_cupy():
    seen, faults = set(), []
    for path in SOURCES:
        found = cupy_names.of(path)
        seen |= found.seen
        faults += [f"{path.name} {fault}" for fault in found.faults]
    assert not faults
    assert seen == NAMES


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("self.fft.config.get_plan_cache().clear()", "fft has no config"),
        ("plans = self.xp.fft.config.get_plan_cache(); plans.empty()", "PlanCache has no empty"),
        ("with xp.cuda.Device(0).using(): pass", "Device has no using"),
        ("s = device.xp.cuda.Stream(non_blocking=True); s.begin()", "Stream has no begin"),
        ("ops.xp.zeros(shap=(3,))", "missing a required argument: 'shape'"),
        ("from cupyx.scipy.fft import plans", "cupyx.scipy.fft has no plans"),
        ("_cupy().fromdlpack(a)", "cupy has no fromdlpack"),
    ],
)
def test_a_name_that_cupy_lacks_is_found(source, reason):
    assert any(reason in fault for fault in cupy_names.Names(source).faults)


def test_the_lookalikes_supply_nothing_that_cupy_lacks():
    def supplied(space, path):
        for name, value in vars(space).items():
            if isinstance(value, SimpleNamespace):
                yield from supplied(value, f"{path}.{name}")
            elif path != "cupy":  # what else hangs on the lookalike itself is the tests' own
                yield f"{path}.{name}"

    names = {name for xp in (lookalike.Cupy(), capture.Cupy()) for name in supplied(xp, "cupy")}
    assert "cupy.cuda.memory.OutOfMemoryError" in names
    for name in sorted(names):
        found = cupy
        for part in name.split(".")[1:]:
            assert hasattr(found, part), name
            found = getattr(found, part)
    for double, real in (
        (lookalike.Pool, cupy.cuda.MemoryPool),
        (capture.Stream, cupy.cuda.Stream),
        (capture.Graph, cupy.cuda.Graph),
        (capture.Arena, cupy.cuda.MemoryPool),
    ):
        methods = {name for name in vars(double) if not name.startswith("_")}
        assert methods <= set(dir(real)), (double, methods - set(dir(real)))
    assert not {name for name in vars(lookalike.Fft()) if not name.startswith("_")} - {"calls"}
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


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
