"""No argument crashes the compiled module, and no caller changes what it has checked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from driver import random_affinities

native = pytest.importorskip("gputsne._native", reason="gputsne was installed without kernels")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hostile_arguments_never_end_the_process(seed):
    script = Path(__file__).with_name("hostile_calls.py")
    done = subprocess.run(
        [sys.executable, str(script), "1000", str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    refused, taken = map(int, done.stdout.split())
    assert refused > 500
    assert taken > 100


def test_what_symmetrize_returns_can_be_read_and_never_written_to():
    indices = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    arrays = native.symmetrize(indices, np.full((3, 2), 0.5, np.float32))
    for a in arrays:
        assert not a.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            a.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            a[0] = 7
    held = native.Edges(*arrays)
    for a, b in zip(arrays, (held.indptr, held.indices, held.data), strict=True):
        assert a.ctypes.data == b.ctypes.data  # nothing is copied
    again = native.Edges(*(a.copy() for a in arrays))
    for a, b in zip(arrays, (again.indptr, again.indices, again.data), strict=True):
        assert a.ctypes.data != b.ctypes.data
        np.testing.assert_array_equal(a, b)
        assert not b.flags.writeable


def test_an_array_that_is_only_read_only_is_copied():
    P, _ = random_affinities(30)
    P.indices.setflags(write=False)  # its owner may take that back
    held = native.Edges(P.indptr, P.indices, P.data)
    assert held.indices.ctypes.data != P.indices.ctypes.data


def test_an_edges_outlives_whatever_it_came_from():
    P, _ = random_affinities(30)
    indices = native.Edges(P.indptr, P.indices, P.data).indices
    np.testing.assert_array_equal(indices, P.indices)


def test_where_a_kernel_writes_may_be_nothing_else():
    """Rows that are still to be read, or ids that have been checked, would be overwritten."""
    Y, memory = np.zeros((6, 2), np.float32), np.zeros(40, np.float32)
    phi = np.zeros(6, np.float32)
    grad = memory[:12].reshape(6, 2)
    with pytest.raises(ValueError, match="phi shares memory with grad"):
        native.exact(Y, 1.0, memory[3:9], grad)
    grad.flags.writeable = False
    with pytest.raises(ValueError, match="grad is read-only"):
        native.exact(Y, 1.0, phi, grad)
    P = native.Edges(np.zeros(7, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
    state = [np.zeros((6, 2), np.float32) for _ in range(3)]
    one_row_on = memory[2:14].reshape(6, 2)
    into = native.StepInto(state[0], one_row_on, *state[1:], 1, 1, 1, 1, 1, 1, 1)
    with pytest.raises(ValueError, match="Y_next shares memory with Y"):
        native.attract_and_step(P, memory[:12].reshape(6, 2), into)
    ids = np.zeros((6, 2), np.int32)
    mesh = native.Mesh([0, 0], 1, 4, [0, 0])
    none = np.zeros((0, 0), np.float32)
    fitted = native.Fitted(Y, 1, none, mesh, 0, 1e-9, [-1, -1], [1, 1])
    query = native.Query(ids, np.ones((6, 2), np.float32), 1, 3)
    with pytest.raises(ValueError, match="out shares memory with indices"):
        native.place(fitted, query, ids.view(np.float32))


def test_a_p_that_cannot_be_copied_is_an_error():
    endless = np.broadcast_to(np.zeros(1, np.int32), (2**46,))  # more bytes than addresses
    with pytest.raises(MemoryError):
        native.Edges(np.zeros(2, np.int64), endless, np.zeros(1, np.float32))


def test_sizes_beyond_all_offsets_are_refused():
    with pytest.raises(ValueError, match=r"more than 2\^63 - 1 at row 1"):
        native._row_offsets(np.array([2**62, 2**62], np.int64))


def test_a_mesh_has_no_more_nodes_than_its_kernels_can_tell_apart():
    endless = np.broadcast_to(np.zeros((1, 14), np.float32), (2**31 + 14, 14))
    Y, phi, grad = (np.zeros(shape, np.float32) for shape in ((1, 2), (1,), (1, 2)))
    with pytest.raises(ValueError, match="at most 33554432 are compiled"):
        native.gather(
            Y, native.Mesh([0, 0], 1, 4, [2**31 + 14, 14]), endless, 0, [0] * 3, phi, grad
        )


def test_an_address_between_items_is_refused():
    odd = np.frombuffer(b"x" + bytes(16), np.float32, offset=1).reshape(2, 2)
    with pytest.raises(ValueError, match="Y lies at an address"):
        native.extent(odd)
    two = np.frombuffer(b"x" + np.array([2.0]).tobytes(), np.float64, offset=1)
    p = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="perplexities lies at an address"):
        native.conditional(p, two, p.copy())


def bound(module):
    """Return all that a compiled module binds by name: functions, classes, their own members."""
    found = {n: getattr(module, n) for n in dir(module) if n[:2] != "__"}
    for n, value in list(found.items()):
        if isinstance(value, type) and not issubclass(value, Exception):
            members = {m for m in vars(value) if m[:1] != "_"} | {"__init__"}
            found |= {f"{n}.{m}": getattr(value, m) for m in members}
    return {
        n: value for n, value in found.items() if callable(value) or isinstance(value, property)
    }


def test_every_name_says_what_it_does_and_what_its_arrays_are():
    names = bound(native)
    assert {"gather", "Edges", "Edges.__init__", "Edges.indptr", "StepInto.__init__"} <= set(names)
    for name, value in names.items():
        text = value.__doc__ or ""
        signature, _, said = text.partition("\n") if re.match(r"\w+\(", text) else ("", "", text)
        assert len(said.strip()) > 10, name
        if "numpy.ndarray" in signature or "array" in signature.lower():
            taken = re.findall(r"(\w+): (?:typing\.Annotated\[)?numpy\.", signature)
            assert all(re.search(rf"\b{a}\b", said) for a in taken), (name, taken)
            assert re.search(r"\b(float|int|uint)(32|64)\b", said), name
            assert re.search(r"\((n|m|q|nnz|mesh)\b[^)]*\)", said), name
