"""What the operations keep between calls is dropped, moved or cleared when it should be."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free import lookalike

from gputsne.backends.cuda.field import Watch
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base.errors import OverMemory
from gputsne.base.types import Affinities, StepParams
from gputsne.engine.field import Field

N = 400
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32) * 10


@pytest.fixture
def ops(emulated, monkeypatch):
    xp, fft = lookalike.modules()
    with lookalike.strict(monkeypatch):
        yield CudaOps(1, xp=xp, fft=fft, module=emulated.cuda)


def evaluated(ops):
    """Return Z, and the field that made it."""
    field = Field(ops, method="mesh")
    on = ops.xp.asarray(Y)
    Z = field.evaluate(on, ops.xp.empty(N, np.float32), ops.xp.empty((N, 2), np.float32))
    return float(Z), field


def test_another_gpu_gets_arrays_of_its_own(ops):
    with ops.guard(0):
        want, first = evaluated(ops)
        kept = ops._field
        watch, fixed = kept.watch.array, kept._fixed
        octant = kept.convolution.octant(first.mesh, last_first=True)
    with ops.guard(0):
        assert kept.watch.array is watch
    with ops.guard(1):
        assert kept.watch.array is not watch
        assert kept._fixed is not fixed
        Z, second = evaluated(ops)
        assert want == Z
        assert kept.convolution.octant(second.mesh, last_first=True) is not octant
        assert second.mesh is first.mesh  # a mesh is numbers; its spectrum lies with its backend


def test_an_interrupt_amid_a_deposit_leaves_no_charge(ops, monkeypatch):
    want, _ = evaluated(ops)

    def interrupted(*_):
        raise KeyboardInterrupt

    real = ops.gpu.module

    class Interrupted:
        convolve = staticmethod(interrupted)

        def __getattr__(self, name):
            return getattr(real, name)

    ops.gpu.module = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        evaluated(ops)
    ops.gpu.module = real
    assert evaluated(ops)[0] == want


def test_an_escape_is_told_once_whoever_reads_the_extent(ops):
    on = ops.xp.asarray(Y)
    ops._field.watch.array[Watch.FLAG : Watch.KEYS] = np.ones(1, np.int32).view(np.float32)[0]
    ops.extent(on)  # to put points in order
    ops.extent(on)
    assert ops.escaped
    _, field = evaluated(ops)  # the field has refreshed its mesh
    assert not ops.escaped
    assert field.out_of_mesh == 0  # before its first refresh no point can have left


def test_a_step_leaves_the_extent_of_its_map_until_forces_are_evaluated(ops, monkeypatch):
    _, field = evaluated(ops)
    P = ops.hold(Affinities(np.zeros(N + 1, np.int64), np.empty(0, np.int32), np.empty(0, "f4")))
    on = ops.xp.asarray(Y)
    moved, velocity, gains = (ops.xp.asarray(a) for a in (0 * Y, 0.1 * Y, 0 * Y + 1))
    grad, params = ops.xp.asarray(0 * Y), StepParams(1.0, 1.0, 1.0, max_step=1e3)
    ops.attract_and_step(P, on, moved, velocity, gains, grad, 1.0, 1.0, params)
    want = ops.extent(moved)
    assert want != ops.extent(on)
    with monkeypatch.context() as patch:
        patch.setattr(ops._field, "extent", lambda _: pytest.fail("a pass over the map"))
        assert ops.stepped_extent(moved) == want
    field.forces(on, None, grad)  # clears it for the next step
    assert ops.stepped_extent(on) == ops.extent(on)
    ops.attract_and_step(P, moved, on, velocity, gains, grad, 1.0, 1.0, params)
    assert ops.stepped_extent(on) == ops.extent(on)
    velocity[7, 1] = np.nan
    field.forces(moved, None, grad)
    ops.attract_and_step(P, moved, on, velocity, gains, grad, 1.0, 1.0, params)
    box = ops.stepped_extent(on)
    assert np.isfinite(box[0]).all()
    assert np.isnan(box[1]).all()


def test_plans_stay_when_the_mesh_changes_until_they_hold_too_much(ops, monkeypatch):
    ops._field.convolution.own = False
    plans = ops._field.convolution._plans

    monkeypatch.setattr(ops, "node_pairs", ((1e-6,) * 3,) * 2)  # as if no sums were quicker

    def evaluated_on(scale):
        field = Field(ops, method="mesh")
        on = ops.xp.asarray(Y * scale)
        field.evaluate(on, ops.xp.empty(N, np.float32), ops.xp.empty((N, 2), np.float32))
        return field.mesh.fft_shape

    one = evaluated_on(1)
    assert set(plans) == {(one, "R2C"), (one, "C2R")}
    kept = dict(plans)
    two = evaluated_on(5)
    assert set(plans) == {(G, kind) for G in (one, two) for kind in ("R2C", "C2R")}
    evaluated_on(1)
    assert all(plans[key] is plan for key, plan in kept.items())
    # the plan in use stays whatever it holds, of others as much as is allowed: the latest
    monkeypatch.setattr("gputsne.backends.cuda.fft.PLAN_BYTES", 2 * 8 * np.prod(one))
    three = evaluated_on(3)
    assert {G for G, _ in plans} == {one, three}
    monkeypatch.setattr("gputsne.backends.cuda.fft.PLAN_BYTES", 0)
    evaluated_on(3)
    assert {G for G, _ in plans} == {three}
    ops.release()
    assert not ops._field.convolution._plans


def test_both_ffts_make_the_same_field(ops):
    field = Field(ops, method="mesh")
    on = ops.xp.asarray(Y)
    forces = {}
    for own in (True, False):
        ops._field.convolution.own = own
        phi, grad = ops.xp.empty(N, np.float32), ops.xp.empty((N, 2), np.float32)
        Z = float(field.evaluate(on, phi, grad))
        assert ops._field.convolution.takes(field.mesh) is own
        forces[own] = (Z, ops.host(phi), ops.host(grad))
    for a, b in zip(forces[True], forces[False], strict=True):
        # float32 transforms of another order: some roundings of the largest potential
        assert np.abs(a - b).max() < 1e-5 * np.abs(b).max()


def test_memory_that_our_kernels_can_not_have_is_memory(ops):
    with pytest.raises(OverMemory, match="ran out"), ops.guard():
        raise ops.gpu.module.CudaError("launch: cudaErrorMemoryAllocation, out of memory")
    with pytest.raises(ops.gpu.module.CudaError, match="Illegal"), ops.guard():
        raise ops.gpu.module.CudaError("launch: cudaErrorIllegalAddress, an illegal address")


def test_uploads_of_any_size_arrive(ops, monkeypatch):
    a = np.random.default_rng(1).normal(size=(33, 7)).astype(np.float32)
    for staged in (1 << 20, 0):
        monkeypatch.setattr("gputsne.backends.cuda.device.STAGED", staged)
        for given in (a, a[::2], a.T, a.astype(np.float64), np.zeros((0, 2), np.float32)):
            there = ops.gpu.put(given, np.float32)
            assert isinstance(there, lookalike.Array)
            assert there.flags.c_contiguous
            np.testing.assert_array_equal(ops.host(there), given.astype(np.float32))
    assert ops.gpu.put(there, np.float32).ctypes.data == there.ctypes.data
