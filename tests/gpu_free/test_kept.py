"""What the operations keep between calls is dropped, moved or cleared when it should be."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_free import lookalike

from gputsne.backends.cuda.field import PLAN_BYTES, PLANS, Watch
from gputsne.backends.cuda.ops import CudaOps
from gputsne.base.errors import OverMemory
from gputsne.engine import mesh as meshes
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
        watch, fixed, octant = kept.watch.array, kept._fixed, kept._octant
    with ops.guard(0):
        assert kept.watch.array is watch
    with ops.guard(1):
        assert kept.watch.array is not watch
        assert kept._fixed is not fixed
        Z, second = evaluated(ops)
        assert want == Z
        assert kept._octant[1] is not octant[1]
        assert second.mesh is not first.mesh  # its spectrum lies on the other GPU
    with ops.guard(0):
        assert evaluated(ops)[1].mesh is first.mesh


def test_an_interrupt_amid_a_deposit_leaves_no_charge(ops, monkeypatch):
    want, _ = evaluated(ops)

    def interrupted(*_):
        raise KeyboardInterrupt

    real = ops.gpu.module

    class Interrupted:
        pack = staticmethod(interrupted)

        def __getattr__(self, name):
            return getattr(real, name)

    ops.gpu.module = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        evaluated(ops)
    ops.gpu.module = real
    assert evaluated(ops)[0] == want


def test_an_escape_is_told_once_whoever_reads_the_extent(ops):
    on = ops.xp.asarray(Y)
    ops._field.watch.array[Watch.FLAG :] = np.ones(1, np.int32).view(np.float32)[0]
    ops.extent(on)  # to put points in order
    ops.extent(on)
    assert ops.escaped
    _, field = evaluated(ops)  # the field has refreshed its mesh
    assert not ops.escaped
    assert field.out_of_mesh == 0  # before its first refresh no point can have left


def test_plans_stay_when_the_mesh_changes_until_they_hold_too_much(ops):
    plans = ops.xp.plans

    def another_mesh(scale):
        field = Field(ops, method="mesh")
        on = ops.xp.asarray(Y * scale)
        field.evaluate(on, ops.xp.empty(N, np.float32), ops.xp.empty((N, 2), np.float32))

    another_mesh(1)
    assert plans.room == PLANS  # of CuPy's 16, four meshes' plans would drop each other
    plans.held = PLAN_BYTES
    another_mesh(5)
    assert plans.cleared == 0
    plans.held = PLAN_BYTES + 1
    another_mesh(5)  # the same mesh
    assert plans.cleared == 0
    another_mesh(3)
    assert plans.cleared == 1
    ops.release()
    assert plans.cleared == 2
    plans.room = 0  # switched off by whoever owns the process
    another_mesh(1)
    assert plans.room == 0


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


def test_a_device_is_part_of_what_a_mesh_is_known_by():
    one, two = (meshes.build([20.0, 20.0], 0.4, device=device) for device in (None, 0))
    assert one is not two
    assert one is meshes.build([20.0, 20.0], 0.4)
