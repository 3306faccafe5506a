"""On a real GPU: the CPU's forces and maps, the same bytes twice, arrays back where they came from.

The contract tests (tests/contract) run there as well; here is what only a device can show.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clouds import SHAPES, cloud
from driver import Driver, host, random_affinities
from gpu_free.cases_neighbors import squares

import gputsne
from gputsne import neighbors
from gputsne.backends import choose
from gputsne.engine import mesh as meshes
from gputsne.engine.field import Field
from gputsne.neighbors import choose as searches
from gputsne.neighbors.search.device_rows import DeviceRows

pytestmark = pytest.mark.gpu
DIGITS = gputsne.datasets.load_digits().X.astype(np.float32)


@pytest.mark.parametrize("c", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_charges_are_the_cpus(shape, c):
    # The deposit is compiled without contraction: integers of the same weights.
    Y = cloud(shape, 20_000, c, 30.0)
    mesh, center = Driver("cpu").mesh(Y)
    grids = [host(Driver(d).deposit(Y, mesh, center)) for d in ("cpu", "cuda")]
    np.testing.assert_array_equal(*grids)


@pytest.mark.parametrize("fft", ["own", "cufft"])
@pytest.mark.parametrize("c", [1, 2, 3])
@pytest.mark.parametrize("span", [1e-3, 2.0, 60.0])
def test_forces_are_the_cpus_on_the_same_mesh(span, c, fft, monkeypatch):
    monkeypatch.setenv("GPUTSNE_CUDA_FFT", fft)
    Y = cloud("clusters", 5000, c, span)
    drivers = [Driver(d) for d in ("cpu", "cuda")]
    field = Field(drivers[1].ops, method="mesh")
    mesh = field.fit(drivers[1].ops.extent(drivers[1].put(Y)), len(Y))
    (_, want, want_Z), (_, got, Z) = (
        d.gather(Y, mesh, field.center, d.ops.potential(d.put(Y), mesh, field.center))
        for d in drivers
    )
    assert np.linalg.norm(got - want) < (1e-4 if span > 1 else 5e-4) * np.linalg.norm(want)
    assert pytest.approx(want_Z, rel=1e-6) == Z


@pytest.mark.parametrize("G", [64, 96, 1536, 4096, 8192])
def test_spectra_are_the_cpus(G):
    """Every radix, and lines that take all the shared memory that a block may have."""
    ops = choose("cuda").ops
    for shape in ((G,), (64, G), (G, 64)):
        mesh = meshes.of_shape(shape, 0.3)
        got = host(ops._field.convolution.octant(mesh, last_first=False))
        # rounded to float32 once on either side, from float64 sums
        np.testing.assert_allclose(
            got * np.prod(shape, dtype=float), mesh.spectrum, rtol=3e-7, atol=1e-6
        )


def test_setup_is_the_cpus():
    graph = gputsne.knn(DIGITS, 30)
    ops = {d: choose(d).ops for d in ("cpu", "cuda")}
    p = {d: host(o.conditional(graph.distances, [10.0])[0]) for d, o in ops.items()}
    np.testing.assert_allclose(p["cuda"], p["cpu"], rtol=1e-4, atol=1e-7)  # two exponentials
    for a, b in zip(*(o.symmetrize(graph.indices, p["cpu"]) for o in ops.values()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_neighbours_in_tiles_are_exact():
    graph = neighbors.on_device(DIGITS, 90, choose("cuda").ops, random_state=0)
    want = gputsne.knn(DIGITS, 90, exact=True)
    assert graph.source == "tiles-device"
    # A sum of 64 squares may round another way; nothing else may differ.
    np.testing.assert_allclose(graph.distances, want.distances, rtol=1e-5)


@pytest.mark.parametrize("width", [1.0, 1e-4])  # products tell the rows apart, or can't
def test_neighbours_are_those_of_brute_force_to_the_bit(width):
    rng, n, k = np.random.default_rng(0), 3000, 90
    X = np.repeat(rng.normal(size=(20, 50)), n // 20, axis=0) + width * rng.normal(size=(n, 50))
    X = X.astype(np.float32)
    D = squares(X, X)
    np.fill_diagonal(D, np.nan)
    want = np.argsort(D, axis=1, kind="stable")[:, :k]
    search = DeviceRows(X, choose("cuda").ops, 0)
    for _ in range(2):
        squared, ids = search.others(None, k, None)
        np.testing.assert_array_equal(ids, want)
        np.testing.assert_array_equal(squared, np.take_along_axis(D, want, axis=1))
    assert (search.again > 0) == (width < 1)


def test_cells_find_what_recall_promises(monkeypatch):
    monkeypatch.setattr(searches, "CELLS_FROM", 10_000)
    rng, n, k = np.random.default_rng(0), 30_000, 30
    X = 8 * rng.normal(size=(50, 20))[rng.integers(0, 50, n)] + rng.normal(size=(n, 20))
    X = X.astype(np.float32)
    ops = choose("cuda").ops
    graph = neighbors.on_device(X, k, ops, min_recall=0.95, random_state=0)
    assert graph.source == "cells-device"
    want = DeviceRows(X, ops, 0).others(None, k, None)[1]
    found = np.mean([np.isin(a, b).mean() for a, b in zip(want, graph.indices, strict=True)])
    assert found == pytest.approx(graph.recall, abs=0.02)
    again = neighbors.on_device(X, k, ops, min_recall=0.95, random_state=0)
    np.testing.assert_array_equal(again.indices, graph.indices)


def test_the_map_is_good_and_the_same_twice():
    one, two, cpu = (
        gputsne.TSNE(device=d, random_state=0).fit(DIGITS) for d in ("cuda", "cuda", "cpu")
    )
    assert one.device_ == "cuda"
    assert one.embedding_.tobytes() == two.embedding_.tobytes()
    assert one.kl_divergence_ == pytest.approx(cpu.kl_divergence_, rel=0.03)


@pytest.mark.parametrize("library", ["cupy", "torch", "numba", "jax"])
def test_arrays_come_back_to_their_library_and_device(library):
    module = pytest.importorskip(library)
    if library == "cupy":
        given, read = module.asarray(DIGITS), module.asnumpy
    elif library == "torch":
        given, read = module.from_numpy(DIGITS).cuda(), lambda a: a.cpu().numpy()
    elif library == "numba":
        cuda = pytest.importorskip("numba.cuda")
        given, read = cuda.to_device(DIGITS), lambda a: a.copy_to_host()
    else:
        given, read = module.numpy.asarray(DIGITS), np.asarray
        if given.devices().pop().platform != "gpu":
            pytest.skip("this JAX has no GPU")
    settings = {"device": "cuda", "random_state": 0, "max_iter": 60}
    got = gputsne.TSNE(**settings).fit_transform(given)
    assert type(got) is type(given)
    want = gputsne.TSNE(**settings).fit_transform(DIGITS)
    assert type(want) is np.ndarray
    np.testing.assert_array_equal(read(got), want)


def test_a_stream_of_the_callers_is_used():
    cupy = pytest.importorskip("cupy")
    with cupy.cuda.Stream(non_blocking=True):
        X = cupy.asarray(DIGITS) * 1.0
        got = gputsne.TSNE(device="cuda", random_state=0, max_iter=60).fit_transform(X)
    want = gputsne.TSNE(device="cuda", random_state=0, max_iter=60).fit_transform(DIGITS)
    np.testing.assert_array_equal(cupy.asnumpy(got), want)


def test_too_large_is_refused_before_and_after():
    ops = choose("cuda").ops
    with pytest.raises(gputsne.errors.OverMemory, match="GB"):
        gputsne.plan(10**9, 50, device="cuda").check(2**62, device_limit=ops.memory()[0])
    with pytest.raises(gputsne.errors.OverMemory, match="ran out"), ops.guard():
        ops.xp.empty(ops.memory()[1] * 2, np.uint8)
    assert gputsne.TSNE(device="cuda", max_iter=5).fit(DIGITS).n_iter_ == 5


def test_captured_iterations_leave_the_same_bytes(monkeypatch):
    settings = {"device": "cuda", "random_state": 0, "max_iter": 300, "method": "mesh"}
    monkeypatch.setenv("GPUTSNE_CUDA_GRAPHS", "0")
    launched = gputsne.TSNE(**settings).fit(DIGITS)
    monkeypatch.setenv("GPUTSNE_CUDA_GRAPHS", "1")
    made = []
    monkeypatch.setattr(
        "gputsne.model.pipeline.choose", lambda *given: made.append(choose(*given)) or made[-1]
    )
    replayed = gputsne.TSNE(**settings).fit(DIGITS)
    graphs = made[0].ops.graphs
    assert not graphs.failed
    assert graphs.replayed > 100
    assert replayed.embedding_.tobytes() == launched.embedding_.tobytes()


def test_a_map_by_half_weights_is_as_good():
    whole, half = (
        gputsne.TSNE(device="cuda", affinity_dtype=dtype, random_state=0).fit(DIGITS)
        for dtype in ("float32", "float16")
    )
    assert half.kl_divergence_ == pytest.approx(whole.kl_divergence_, rel=0.03)


def test_half_weights_change_forces_by_their_rounding():
    from gputsne.backends.cuda.ops import CudaOps
    from gputsne.base.types import StepParams

    P, _ = random_affinities(2000, density=0.02)
    Y = cloud("clusters", 2000, 2, 20.0)
    moved = []
    for half in (False, True):
        ops = CudaOps(half=half)
        xp = ops.xp
        start, grad = xp.asarray(Y), xp.zeros(Y.shape, np.float32)
        out, velocity, gains = (xp.zeros(Y.shape, np.float32) for _ in range(3))
        gains += 1
        params = StepParams(1.0, 0.0, 1e4, max_step=1e9)
        ops.attract_and_step(ops.hold(P), start, out, velocity, gains, grad, 1.0, 1.0, params)
        moved.append(host(out) - Y)
    # 11 bits of mantissa: 2^-11 each, less in the sum of a row
    assert np.linalg.norm(moved[1] - moved[0]) < 5e-4 * np.linalg.norm(moved[0])


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "synccheck"])
def test_compute_sanitizer_finds_nothing(tool, tmp_path: Path):
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        pytest.skip("compute-sanitizer is not on PATH: it comes with the CUDA toolkit")
    code = (
        "import numpy as np, gputsne\n"
        "X = np.random.default_rng(0).normal(size=(2000, 20)).astype(np.float32)\n"
        "m = gputsne.TSNE(device='cuda', method='mesh', max_iter=30, perplexity=10).fit(X)\n"
        "m.transform(X[:50])\n"
    )
    command = [sanitizer, "--tool", tool, "--error-exitcode", "9", sys.executable, "-c", code]
    if tool == "memcheck":  # libraries ask the driver for symbols that it need not have
        command[1:1] = ["--report-api-errors", "no"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
