"""The mesh is what docs/mesh.md derives: spectrum, transfer, self terms, and the policy for h."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from gputsne.engine import mesh

AXES = (1, 2, 3)
DOFS = (0.5, 1.0, 2.0, 10.0)
# Cardinal B-splines of twice the order at the integers (Schoenberg 1946): Eulerian numbers.
HALF = [1, 2036, 152637, 2203488, 9738114]
TWICE = {
    4: np.array([1, 120, 1191, 2416, 1191, 120, 1]) / 5040,
    6: np.array([*HALF, 15724248, *HALF[::-1]]) / 39916800,
}


@pytest.mark.parametrize("order", [2, 3, 4, 6, 8, 12])
def test_cardinal_splines_are_those_of_scipy(order: int):
    spline = BSpline.basis_element(np.arange(order + 1.0), extrapolate=False)
    x = np.concatenate([np.arange(float(order)), np.random.default_rng(0).uniform(0, order, 500)])
    np.testing.assert_allclose(mesh.cardinal_spline(order, x), spline(x), rtol=1e-14, atol=1e-300)


def whole(spectrum, fft_shape):
    """Mirror an octant to the whole spectrum: it is even on every axis."""
    for axis, g in enumerate(fft_shape):
        k = np.minimum(np.arange(g), g - np.arange(g))
        spectrum = np.take(spectrum, k, axis=axis)
    return spectrum


def stencil(t, order):
    """Spline weights of the ``order`` nodes around t, from scipy."""
    spline = BSpline.basis_element(np.arange(order + 1.0), extrapolate=False)
    return np.nan_to_num(spline(t + np.arange(order)[::-1]))


@pytest.mark.parametrize("order", [4, 6])
@pytest.mark.parametrize("c", AXES)
@pytest.mark.parametrize("dof", DOFS)
def test_the_mean_image_of_a_charge_is_the_kernel(c, dof, order):
    # Over all places in a cell, deposit and gather together spread a charge over the nodes like the
    # spline of twice the order (its integral with itself). What is left is the float32 of the
    # spectrum, 6e-8 of a value below 1, times the condition of the transfer.
    m = mesh.build((3.0,) * c, 0.25, dof, order=order)
    b = TWICE[order]
    charge = np.zeros(m.fft_shape)
    half = len(b) // 2
    for place in itertools.product(range(-half, half + 1), repeat=c):
        charge[place] = np.prod([b[j + half] for j in place])
    spectrum = whole(m.spectrum.astype(np.float64), m.fft_shape)
    potential = np.fft.ifftn(np.fft.fftn(charge) * spectrum).real
    grid = np.meshgrid(*(np.arange(g // 2 + 1) * m.h for g in m.fft_shape), indexing="ij")
    K = oracle.kernel(sum(x**2 for x in grid), dof)
    got = potential[tuple(slice(0, g // 2 + 1) for g in m.fft_shape)] + m.offset
    assert np.abs(got - K).max() < 60 * 6e-8
    assert K.min() == pytest.approx(m.offset, rel=1e-12)  # the smallest value on the grid


@pytest.mark.parametrize("order", [4, 6])
@pytest.mark.parametrize("g", [24, 30, 64])
def test_transfer_is_the_mean_of_deposit_and_gather(order, g):
    # A wave k meets the spline's transform sinc(k / 2)**order twice, and so do its copies.
    k = 2 * np.pi * np.arange(g // 2 + 1) / g + 2 * np.pi * np.arange(-40, 41)[:, None]
    direct = (np.sinc(k / (2 * np.pi)) ** (2 * order)).sum(axis=0)
    np.testing.assert_allclose(mesh._transfer(order, g), direct, rtol=1e-12)


def harmonics(m, order):
    """Amplitudes of the second to fourth harmonic of a point's own image in one axis.

    With (w e^{ik.}) for a wave on the nodes around t, S = sum_k F(k) sum_m w(k + 2 pi m) w(k +
    2 pi (m + q)) e^{2 pi i q t}, where w(k) = sinc(k / 2)**order is the spline's transform.
    """
    (g,) = m.fft_shape
    k = 2 * np.pi * np.arange(g) / g + 2 * np.pi * np.arange(-40, 41)[:, None]
    F = whole(m.spectrum.astype(np.float64), m.fft_shape)

    def w(k):
        return np.sinc(k / (2 * np.pi)) ** order

    return [2 / g * abs((F * (w(k) * w(k + 2 * np.pi * q)).sum(axis=0)).sum()) for q in (2, 3, 4)]


@pytest.mark.parametrize("order", [4, 6])
@pytest.mark.parametrize("c", AXES)
@pytest.mark.parametrize("dof", [0.5, 1.0, 10.0])
def test_self_terms_are_the_direct_sum_of_a_points_own_image(c, dof, order):
    h = 0.42 * mesh.width(dof)
    m = mesh.build((8.0,) * c, h, dof, order=order)
    spectrum = whole(m.spectrum.astype(np.float64), m.fft_shape)
    image = np.fft.ifftn(spectrum).real + m.offset  # between bare stencil nodes
    # The series leaves out what is beyond the first harmonic of any axis: of each axis alone (of
    # the others the mean is taken, in which deposit and gather leave K as it is), 6e-6 of the
    # kernel at order 6 and 2e-4 at order 4; of several, a tenth of that at most. And float32's
    # rounding of the spectrum, as above.
    left_out = 1.1 * c * sum(harmonics(mesh.build((8.0,), h, dof, order=order), order)) + 60 * 6e-8
    rng = np.random.default_rng(0)
    for t in rng.random((8, c)):
        S = image
        for a in range(c):
            w = stencil(t[a], order)
            pairs = itertools.product(range(order), repeat=2)
            S = sum(w[i] * w[j] * S[(i - j) % m.fft_shape[a]] for i, j in pairs)
        cosine = np.cos(2 * np.pi * t)
        series = sum(
            m.self_terms[k]
            * sum(np.prod([cosine[a] for a in s]) for s in itertools.combinations(range(c), k))
            for k in range(c + 1)
        )
        assert series == pytest.approx(S, abs=left_out)


@settings(max_examples=60)
@given(
    c=st.sampled_from(AXES),
    log_span=st.floats(-4, 3),
    n=st.integers(1, 10**7),
    dof=st.sampled_from(DOFS),
)
def test_h_is_never_above_the_goal(c, log_span, n, dof):
    span, scale = 10.0**log_span, mesh.width(dof)
    h, coarsened = mesh.spacing((span,) * c, n, dof, max_nodes=2**62)
    goal = next(h for reach, h in mesh.GOAL if span < reach * scale)
    assert not coarsened
    assert 0 < h <= goal * scale
    steps = {*mesh.LADDER, *(g for _, g in mesh.GOAL), *(s for _, s in mesh.SPARSE)}
    if span < mesh.TINY_SPAN * scale:
        assert np.log2(h) == round(np.log2(h))
    else:  # few different values, so that a map that grows keeps its mesh
        assert any(h == pytest.approx(s * scale) for s in steps)


@settings(max_examples=60)
@given(c=st.sampled_from(AXES), span=st.floats(1e-4, 1e3), growth=st.floats(1, 10))
def test_a_map_that_grows_gets_no_finer_mesh(c, span, growth):
    # One point: the same class, sparse or not, before and after.
    before, _ = mesh.spacing((span,) * c, 1, 1.0, max_nodes=2**62)
    after, _ = mesh.spacing((span * growth,) * c, 1, 1.0, max_nodes=2**62)
    assert after >= before


@settings(max_examples=60)
@given(c=st.sampled_from((2, 3)), span=st.floats(1e-4, 1e3), n=st.integers(1, 10**6))
def test_more_points_afford_a_finer_mesh(c, span, n):
    n += int(span**c)  # dense before and after
    few, _ = mesh.spacing((span,) * c, n, 1.0, max_nodes=2**62)
    many, _ = mesh.spacing((span,) * c, 10 * n, 1.0, max_nodes=2**62)
    assert many <= few


def test_memory_widens_and_says_so():
    span = (5000.0, 5000.0)
    h, coarsened = mesh.spacing(span, 1000, 1.0, max_nodes=512**2)
    assert coarsened
    assert h > mesh.GOAL[-1][1]
    assert np.prod(mesh.lengths(span, h)) <= 512**2
    assert mesh.build(span, h, coarsened=coarsened).coarsened


@pytest.mark.parametrize("c", AXES)
def test_no_span_needs_more_than_the_limit(c):
    h, coarsened = mesh.spacing((1e6,) * c, 100, 1.0)
    assert coarsened
    assert np.prod(mesh.lengths((1e6,) * c, h), dtype=float) <= mesh.MAX_NODES[c - 1]


def test_the_spans_that_are_promised_are_not_coarsened():
    for span in ((1e4,), (1e3,) * 2, (60.0,) * 3):
        for dof in (1.0, 10.0):
            assert not mesh.spacing(span, 1000, dof)[1]


def test_a_devices_lengths_are_few():
    for tiny, usual, thirds in mesh.FEW_LENGTHS:
        for least in (tiny, usual):
            found = {n: mesh.few_length(n, least, thirds) for n in range(1, 8193)}
            assert all(length >= max(n, least) for n, length in found.items())
            assert {
                length >> ((length & -length).bit_length() - 1) for length in found.values()
            } <= {1, 3}
            assert all(length % 3 or length >= thirds for length in found.values())
            assert max(found.values()) == 8192
            assert len(set(found.values())) <= 15


@pytest.mark.parametrize(("c", "most"), [(1, 22), (2, 18), (3, 22)])
def test_a_map_that_grows_on_a_device_gets_few_meshes_none_too_coarse(c, most):
    found, span, n = [], 1e-4, 70_000
    while span < 200.0 ** (2 / c) / 2:
        box = [span] * c
        h, coarsened = mesh.spacing(box, n, 1.0, few=True)
        lengths = mesh.lengths(box, h, few=True)
        assert not coarsened
        assert all(g // 2 * h >= span + (mesh.ORDER + 2 + 2 * mesh.MARGIN) * h for g in lengths)
        usual, _ = mesh.spacing(box, n, 1.0)
        # as fine as the goal; below the span of 2, where K is smooth, 13 cells at least or 5
        assert h <= max(usual, next(g for reach, g in mesh.GOAL if span < reach)) or span < 2
        assert span / h > (5 if c == 3 else 13) or span > 2
        if (h, lengths) not in found:
            found.append((h, lengths))
        span *= 1.01
    assert len(found) <= most
    assert mesh.build([2.0] * c, 0.25, few=True) is mesh.build([2.0] * c, 0.25, few=True)


@pytest.mark.parametrize("c", [1, 2, 3])
def test_a_device_with_hardly_any_memory_gets_its_shortest_mesh(c):
    span, least = [1000.0] * c, mesh.FEW_LENGTHS[c - 1][1]
    h, coarsened = mesh.spacing(span, 1000, 1.0, 64**c, few=True)
    assert coarsened
    assert mesh.lengths(span, h, few=True) == (least,) * c
    # and as fine as that can be, but for a step of 6 %: one cell less does not hold the map
    cells = least // 2 - mesh.ORDER - 2 - 2 * mesh.MARGIN
    assert span[0] / h <= cells < span[0] / h * 1.06 + 1


def test_fft_lengths_are_even_smooth_and_close_together():
    lengths = sorted({mesh.fft_length(n) for n in range(1, 5000)})
    for g in lengths:
        rest = g
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1
        assert g % 2 == 0
    gaps = [b / a for a, b in itertools.pairwise(lengths)]
    assert max(gaps) < 1.26
    assert all(mesh.fft_length(n) >= n for n in range(1, 5000, 7))


def test_a_mesh_holds_its_box_and_some_air():
    span = (10.0, 3.0)
    m = mesh.build(span, 0.4)
    assert m.holds((0, 0), span)
    assert m.holds((-0.4, -0.4), (10.4, 3.4))  # one node of air on either side
    assert not m.holds((0, 0), (20.0, 3.0))
    assert m.shape == tuple(g // 2 for g in m.fft_shape)


def test_the_same_mesh_is_built_once():
    assert mesh.build((10.0, 10.0), 0.4) is mesh.build((10.001, 9.999), 0.4)


def test_the_document_has_the_policys_numbers():
    text = (Path(__file__).parents[3] / "docs" / "mesh.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ *\| (span below|h) \|(.+)\|$", text, re.MULTILINE)
    told = {name: [x.strip() for x in cells.split("|")] for name, cells in rows}
    assert told["span below"] == [*(f"{reach:g}" for reach, _ in mesh.GOAL[:-1]), "more"]
    assert told["h"] == [f"{h:.2f}" for _, h in mesh.GOAL]
    for number in (*mesh.LADDER, mesh.SPARSE[0][1], *mesh.SPARSE[1]):
        assert f"{number:g}" in text
