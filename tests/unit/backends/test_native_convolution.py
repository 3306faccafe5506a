"""The compiled convolution at every length: against sums by definition, scipy's FFT in float64.

A float32 FFT's error is that of roundings which add up independently, level by level: of relative
root mean square ``u sqrt(log2 n)``, u = 2**-24, forward and back together (Schatzman 1996). Twice
that is allowed, and twice what scipy's FFT in float32 has on the same numbers.
"""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft

from gputsne.backends import choose
from gputsne.backends.host import convolve
from gputsne.engine import mesh as meshes
from gputsne.planning.memory import NODE_BYTES

native = pytest.importorskip("gputsne._native", reason="gputsne was installed without kernels")

LENGTHS = sorted({meshes.fft_length(n) for n in range(1, 4000)} | {16, 18, 20, 486, 1458, 1250})
SHAPES = [
    *((g, 30) for g in LENGTHS), *((30, g) for g in LENGTHS), *((g, g) for g in LENGTHS if g < 700),
    (1024, 960), (1350, 486), (250, 1250), (16, 3750), (3750, 16),
]  # fmt: skip
U = 2.0**-24


def random_case(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return charges and a spectrum, neither of them smooth or of one sign."""
    rng = np.random.default_rng(seed)
    G0, G1 = shape
    charge = rng.normal(size=(G0 // 2, G1 // 2)).astype(np.float32)
    return charge, rng.normal(size=(G0 // 2 + 1, G1 // 2 + 1)).astype(np.float32)


def convolved(shape: tuple[int, int], charge: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Return the potential; whatever was in the work area and in the result before is lost."""
    by = native.Convolution(list(shape), spectrum)
    work, potential = np.full(by.work, np.nan, np.float32), np.full_like(charge, np.nan)
    native.convolve(by, charge, work, potential)
    return potential


def in_float64(shape: tuple[int, int], charge: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Return the potential by whole transforms of the padded charges."""
    whole = np.concatenate([spectrum, spectrum[-2:0:-1]]).astype(np.float64)
    A = scipy.fft.rfft2(charge.astype(np.float64), s=shape) * whole
    M0, M1 = charge.shape
    return scipy.fft.irfft2(A, s=shape)[:M0, :M1]


def by_scipy(shape: tuple[int, int], charge: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    mesh: Any = SimpleNamespace(fft_shape=shape, shape=charge.shape, spectrum=spectrum)
    return convolve(charge, mesh, scipy.fft, 1)[:, : charge.shape[1]]


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    native._set_wide(True)
    native.set_threads(1)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_as_accurate_as_scipy_in_registers_of_any_width(shape):
    charge, spectrum = random_case(shape)
    before = charge.copy(), spectrum.copy()
    want = in_float64(shape, charge, spectrum)
    got = convolved(shape, charge, spectrum)
    error = difference(got, want)
    assert error <= 2 * U * np.sqrt(np.log2(shape[0] * shape[1]))
    assert error <= 2 * difference(by_scipy(shape, charge, spectrum), want)
    native._set_wide(False)
    np.testing.assert_array_equal(convolved(shape, charge, spectrum), got)
    np.testing.assert_array_equal(charge, before[0])
    np.testing.assert_array_equal(spectrum, before[1])


@pytest.mark.parametrize("shape", [(16, 18), (18, 16), (20, 30), (32, 24), (50, 36)])
def test_sums_by_definition(shape):
    """No transform at all: the kernel at the distances between nodes, nothing wraps around."""
    rng = np.random.default_rng(3)
    G0, G1 = shape
    M0, M1 = G0 // 2, G1 // 2
    octant = rng.normal(size=(M0 + 1, M1 + 1))  # the kernel at 0 to G / 2 nodes on every axis
    ways = [np.abs(np.arange(m)[:, None] - np.arange(m)[None]) for m in (M0, M1)]
    charge = rng.normal(size=(M0, M1)).astype(np.float32)
    kernel = octant[ways[0][:, :, None, None], ways[1][None, None]]  # (to, from, to, from)
    want = np.einsum("abcd,bd->ac", kernel, charge.astype(np.float64))
    turns = [
        np.cos(2 * np.pi * np.outer(np.arange(g // 2 + 1), np.arange(g // 2 + 1)) / g)
        * np.r_[1, np.full(g // 2 - 1, 2), 1]
        for g in shape
    ]
    spectrum = (turns[0] @ octant @ turns[1].T).astype(np.float32)
    scale = np.abs(spectrum).max() * np.linalg.norm(charge) / np.linalg.norm(want)
    got = convolved(shape, charge, spectrum)
    assert difference(got, want) <= scale * 3 * U * np.sqrt(np.log2(G0 * G1))


@pytest.mark.parametrize("shape", [(30, 54), (144, 90), (512, 250)])
def test_one_charge_and_equal_ones(shape):
    spectrum = random_case(shape)[1]
    M = shape[0] // 2, shape[1] // 2
    impulse = np.zeros(M, np.float32)
    for at in ((0, 0), (M[0] - 1, M[1] - 1), (M[0] // 2, 1)):
        impulse[:] = 0
        impulse[at] = 1
        for charge in (impulse, np.ones(M, np.float32)):
            want = in_float64(shape, charge, spectrum)
            got = convolved(shape, charge, spectrum)
            assert difference(got, want) <= 2 * U * np.sqrt(np.log2(shape[0] * shape[1]))


def test_no_charge_is_no_potential_and_a_power_of_two_changes_no_digit():
    shape = (90, 160)
    charge, spectrum = random_case(shape)
    assert (convolved(shape, 0 * charge, spectrum) == 0).all()
    got = convolved(shape, charge, spectrum)
    np.testing.assert_array_equal(convolved(shape, 1024 * charge, spectrum), 1024 * got)
    np.testing.assert_array_equal(convolved(shape, charge, spectrum / 1024), got / 1024)
    np.testing.assert_array_equal(convolved(shape, -charge, spectrum), -got)


def test_linear():
    shape = (120, 250)
    one, spectrum = random_case(shape)
    two = random_case(shape, 1)[0]
    parts = [convolved(shape, q, spectrum) for q in (one, two)]
    got = convolved(shape, one + two, spectrum)
    limit = 4 * U * np.sqrt(np.log2(shape[0] * shape[1])) * np.sqrt(2)
    assert difference(got, parts[0] + parts[1]) <= limit


@pytest.mark.parametrize("shape", [(1024, 1024), (720, 1350), (54, 96), (16, 16)])
def test_the_same_bytes_for_any_number_of_threads(shape):
    charge, spectrum = random_case(shape)
    want = convolved(shape, charge, spectrum)
    for threads in (2, 3, 7, 64):
        native.set_threads(threads)
        np.testing.assert_array_equal(convolved(shape, charge, spectrum), want)


def test_one_plan_serves_threads_of_python_at_a_time_and_a_forked_process():
    shape = (360, 384)
    by = native.Convolution(list(shape), random_case(shape)[1])
    charges = [random_case(shape, seed)[0] for seed in range(4)]
    want = [convolved(shape, q, random_case(shape)[1]) for q in charges]

    def call(which: int, into: list[Any]) -> None:
        work, potential = np.empty(by.work, np.float32), np.empty_like(charges[which])
        for _ in range(20):
            native.convolve(by, charges[which], work, potential)
            into.append(np.array_equal(potential, want[which]))

    equal: list[Any] = []
    together = [threading.Thread(target=call, args=(k, equal)) for k in range(len(charges))]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert equal == [True] * 80
    pid = os.fork()
    if pid == 0:
        found: list[Any] = []
        call(1, found)
        os._exit(0 if all(found) else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("wide", [True, False])
def test_nothing_beyond_the_work_area_is_written(wide):
    shape = (54, 90)
    charge, spectrum = random_case(shape)
    want = convolved(shape, charge, spectrum)
    native._set_wide(wide)
    by = native.Convolution(list(shape), spectrum)
    for begin in range(17):  # wherever it begins in a cache line
        room = np.full(begin + by.work + 64, 7.0, np.float32)
        potential = np.empty_like(charge)
        native.convolve(by, charge, room[begin : begin + by.work], potential)
        np.testing.assert_array_equal(potential, want)
        assert (room[:begin] == 7.0).all()
        assert (room[begin + by.work :] == 7.0).all()


@pytest.mark.parametrize("shape", [(1024, 1024), (24, 30_000), (30_000, 24), (240, 4096)])
def test_what_is_planned_for_a_node_is_enough(shape):
    """Charge 1, fixed point 2, spectrum 1 of its own and 1 of the mesh's, two potentials 2."""
    by = native.Convolution(list(shape), np.zeros([g // 2 + 1 for g in shape], np.float32))
    native.set_threads(64)
    assert 4 * by.work <= (NODE_BYTES - 7) * np.prod(shape) + (1 << 14)


@pytest.mark.parametrize(
    "lengths", [[], [32], [32, 32, 32], [14, 32], [32, 14], [33, 32], [32, 28], [-32, 32], [0, 32],
                [2**27, 32], [32, 2**40]],
)  # fmt: skip
def test_lengths_that_there_is_no_transform_of(lengths):
    assert not native.Convolution.suits(lengths)
    with pytest.raises(ValueError, match=r"lengths=.* must be two even numbers from 16 to"):
        native.Convolution(lengths, np.zeros((17, 17), np.float32))


def test_arrays_of_other_shapes_and_types():
    charge, spectrum = random_case((32, 30))
    with pytest.raises(ValueError, match=r"spectrum has shape \(17, 15\), needs \(17, 16\)"):
        native.Convolution([32, 30], np.ascontiguousarray(spectrum[:, 1:]))
    by = native.Convolution([32, 30], spectrum)
    work, out = np.empty(by.work, np.float32), np.empty_like(charge)
    for given, reason in (
        ((charge[1:], work, out), r"charge has shape \(15, 15\), needs \(16, 15\)"),
        ((charge, work, out[:, :0].copy()), r"potential has shape \(16, 0\), needs \(16, 15\)"),
        ((charge, work[1:], out), r"work has shape \(\d+,\), needs \(\d+,\) for 1 threads"),
        ((charge, work[None], out), "work has shape"),
        ((charge, work, charge), "potential shares memory with charge"),
        ((charge, work, work[: out.size].reshape(out.shape)), "potential shares memory with work"),
        ((work[: out.size].reshape(out.shape), work, out), "work shares memory with charge"),
    ):
        with pytest.raises(ValueError, match=reason):
            native.convolve(by, *given)
    locked = np.empty_like(charge)
    locked.setflags(write=False)
    with pytest.raises(ValueError, match="potential is read-only"):
        native.convolve(by, charge, work, locked)
    for wrong in (charge.astype(np.float64), charge.T.copy().T, charge.astype(">f4")):
        with pytest.raises(TypeError):
            native.convolve(by, wrong, work, out)


@pytest.mark.parametrize("shape", [(1024,), (64, 60), (64, 56), (24, 24, 30)])
def test_the_backend_takes_it_for_two_axes_and_scipy_for_the_rest(shape):
    mesh = meshes.of_shape(shape, 0.4)
    charge = np.random.default_rng(0).random(mesh.shape, np.float32)
    native_ops, numpy_ops = choose("cpu", 1).ops, choose("numpy", 1).ops
    inside = tuple(slice(0, m) for m in mesh.shape)
    got, want = (ops.convolve(charge, mesh)[inside] for ops in (native_ops, numpy_ops))
    assert difference(got, want) <= 4 * U * np.sqrt(np.log2(np.prod(shape)))
    own = shape == (64, 60)  # 56 has the factor 7
    assert np.array_equal(got, want) == (not own)


def test_a_potential_stays_when_the_next_is_made_and_a_mesh_may_come_back():
    ops = choose("cpu", 1).ops
    one, two = (meshes.of_shape(shape, 0.4) for shape in ((64, 60), (60, 64)))
    rng = np.random.default_rng(0)
    charges = [rng.random(m.shape, np.float32) for m in (one, two, one)]
    kept = [ops.convolve(q, m) for q, m in zip(charges, (one, two, one), strict=True)]
    before = [a.copy() for a in kept]
    ops.release()
    again = [ops.convolve(q, m) for q, m in zip(charges, (one, two, one), strict=True)]
    for a, b, c in zip(kept, before, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
