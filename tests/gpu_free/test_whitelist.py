"""No path through the package lets CuPy compute: it allocates, copies, takes views and transforms.

``lookalike.ALLOWED`` is the one list; a call of anything else from the package raises there. What
no run reaches is read off the sources, by cupy_names.py.
"""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest
from gpu_free import lookalike
from gpu_free.paths import PATHS
from gpu_free.test_engine import X, cuda  # noqa: F401  a fixture

from gputsne.backends.cuda.ops import CudaOps

# Of CuPy's modules, beside what the lookalike allows: devices, memory, streams, the cache of plans.
NOT_ARRAYS = re.compile(
    r"cupy\.(cuda|fft)\b.*|cupyx\.scipy(\.fft)?|_FFTConfig\.get_plan_cache|cupy_backends\..*"
    r"|cupy\.(get_default_memory_pool|get_default_pinned_memory_pool|from_dlpack)"
    r"|cupy\.ndarray\.(itemsize|shape)"
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("path", PATHS)
def test_a_path_asks_cupy_for_nothing_that_it_compiles(cuda, path):  # noqa: F811
    before = len(cuda)
    PATHS[path](X)
    assert len(cuda) > before or path in ("plan",)


def from_the_package(line: str, **names: object) -> None:
    """Run a line of Python as if it stood in a file of the package."""
    where = lookalike.PACKAGE / "engine" / "iteration.py"
    exec(compile(line, str(where), "exec"), names)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("a + 1", "ufunc add"),
        ("a += 1", "ufunc add"),
        ("-a", "ufunc negative"),
        ("a > 0", "ufunc greater"),
        ("a[order]", "array[array]"),
        ("a[a > 0]", "ufunc greater"),
        ("a[1:] = 0", "array[...] = value"),
        ("a.sum()", "array.sum"),
        ("a.copy()", "array.copy"),
        ("a.astype('f8')", "array.astype"),
        ("a.fill(0)", "array.fill"),
        ("a[::2].get()", "array.get of a view with gaps"),
        ("xp.full((3,), 1.0)", "xp.full"),
        ("xp.arange(3)", "xp.arange"),
        ("xp.argsort(a)", "xp.argsort"),
        ("xp.asarray(a, dtype='f8')", "xp.asarray to another dtype"),
    ],
)
def test_what_cupy_would_compile_is_refused(line, name):
    xp, fft = lookalike.modules()
    a, order = xp.asarray(np.ones(4, np.float32)), xp.asarray(np.arange(4))
    with pytest.raises(lookalike.Compiles, match=re.escape(name)):
        from_the_package(line, a=a, order=order, xp=xp, fft=fft)
    exec(line, {"a": a, "order": order, "xp": xp, "fft": fft})  # a test may


def test_what_cupy_does_without_a_compiler_is_not():
    xp, fft = lookalike.modules()
    from_the_package(
        "a = xp.zeros((4, 2), 'f4'); a.set(b); a[1:3].get(); a.reshape(8)[3]; a[-1, 0].get();"
        "xp.empty_like(a); xp.asarray(a, dtype='f4', order='C'); int(a[0, 0]);"
        "how = {'axes': (0, 1)}; plan = fft.get_fft_plan(a, shape=(4, 2), value_type='R2C', **how);"
        "plan.fft(a, xp.empty((4, 2), 'c8'), -1)",
        xp=xp, fft=fft, b=np.ones((4, 2), np.float32),
    )  # fmt: skip


def test_no_source_looks_up_what_cupy_compiles():
    pytest.importorskip("cupy", reason="CuPy is not installed: pip install 'gputsne[cuda13]'")
    names = importlib.import_module("gpu_free.cupy_names")  # imports CuPy
    allowed = {
        "cupy.ndarray.get",
        *(name.replace("xp.", "cupy.") for name in lookalike.ALLOWED),
        *(name.replace("fft.", "cupyx.scipy.fft.") for name in lookalike.ALLOWED),
    }
    for path in sorted(lookalike.PACKAGE.rglob("*.py")):
        relative = path.relative_to(lookalike.PACKAGE).as_posix()
        if relative != "backends/host.py":  # its FFT is scipy's
            left = {n for n in names.of(path).seen - allowed if not NOT_ARRAYS.fullmatch(n)}
            assert not left, f"{relative}: {', '.join(sorted(left))}"


def test_the_lookalike_is_what_the_operations_got(emulated):
    """Or nothing above would look at anything."""
    xp, fft = lookalike.modules()
    ops = CudaOps(1, xp=xp, fft=fft, module=emulated.cuda)
    assert isinstance(ops.gpu.empty((3,), np.float32), lookalike.Array)
