"""Properties that hold for any row of distances and any graph, on both CPU backends."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gputsne.affinities import joint
from gputsne.backends import choose
from gputsne.base.types import KNNGraph

compiled = importlib.util.find_spec("gputsne._native") is not None
BACKENDS = [choose(d, 2).ops for d in (["cpu"] if compiled else []) + ["numpy"]]
each_backend = pytest.mark.parametrize("ops", BACKENDS, ids=lambda o: o.name)

LARGEST = float(np.finfo(np.float32).max)
any_distance = st.floats(0, LARGEST, width=32) | st.sampled_from([0.0, 1.0, np.inf])
rows = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=any_distance
)
perplexities = st.lists(st.floats(1, 60), min_size=1, max_size=3)


@each_backend
@settings(max_examples=60)
@given(distances=rows, wanted=perplexities)
def test_rows_are_probabilities_that_fall_with_distance(ops, distances, wanted):
    p, unreached = ops.conditional(distances, wanted)
    assert ((p >= 0) & (p <= 1 + 1e-6)).all()
    np.testing.assert_allclose(p.sum(axis=1, dtype=np.float64), 1, atol=1e-6)
    assert 0 <= unreached <= len(p)
    for d, row in zip(distances, p, strict=True):
        assert (np.diff(row[np.argsort(d, kind="stable")]) <= 0).all()


@each_backend
@settings(max_examples=60)
@given(distances=rows, perplexity=st.floats(1, 60))
def test_every_row_has_the_entropy_or_is_counted(ops, distances, perplexity):
    p, unreached = ops.conditional(distances, [perplexity])
    weights = p.astype(np.float64)
    entropy = -(weights * np.log(np.where(weights > 0, weights, 1))).sum(axis=1)
    # The promise is 1e-5 before p is rounded to float32, which moves the entropy by 1e-7 log(k).
    off = np.abs(entropy - np.log(perplexity)) > 1.05e-5
    assert off.sum() <= unreached
    for i in np.flatnonzero(off):  # only what no Gaussian can do
        finite = np.isfinite(distances[i])
        ties = (distances[i] == distances[i].min()).sum()
        assert perplexity > finite.sum() or perplexity < ties or not finite.any()


@each_backend
@settings(max_examples=30)
@given(distances=rows, perplexity=st.floats(1.5, 30), power=st.integers(-20, 20))
def test_the_unit_of_distance_does_not_matter(ops, distances, perplexity, power):
    clipped = np.where(distances > 0, np.clip(distances, 1e-20, 1e20), distances).astype(np.float32)
    p, _ = ops.conditional(clipped, [perplexity])
    q, _ = ops.conditional(np.ldexp(clipped, power), [perplexity])
    # Both searches stop within 1e-6 of the entropy, at different precisions.
    np.testing.assert_allclose(p, q, atol=2e-4)


@st.composite
def graphs(draw):
    n = draw(st.integers(2, 40))
    k = draw(st.integers(1, n - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    others = np.array([rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)])
    distances = np.sort(
        rng.choice([0.0, 0.5, 1.0, 3.0, 1e3], size=(n, k)) * rng.random((n, k)), axis=1
    )
    return KNNGraph(others.astype(np.int32), distances.astype(np.float32))


@each_backend
@settings(max_examples=40)
@given(graph=graphs(), perplexity=st.floats(1, 30))
def test_joint_is_symmetric_sums_to_one_and_follows_a_renaming(ops, graph, perplexity):
    P = joint(graph, ops, perplexity=perplexity).to_csr()
    assert (P != P.T).nnz == 0
    assert abs(P.data.sum(dtype=np.float64) - 1) < 1e-6
    assert (P.data > 0).all()
    assert not P.diagonal().any()
    order = np.random.default_rng(0).permutation(graph.n)
    name = np.argsort(order).astype(np.int32)
    renamed = KNNGraph(name[graph.indices[order]], graph.distances[order])
    again = joint(renamed, ops, perplexity=perplexity).to_csr()
    np.testing.assert_array_equal(again.toarray(), P[order][:, order].toarray())  # to the bit


@pytest.mark.skipif(not compiled, reason="no compiled kernels to compare with")
@settings(max_examples=60)
@given(distances=rows, wanted=perplexities)
def test_the_backends_agree(distances, wanted):
    (p, missed), (q, missed_too) = (ops.conditional(distances, wanted) for ops in BACKENDS)
    assert missed == missed_too
    # The same search in another order of additions: near a step of the entropy (distances that
    # differ in their last bits) the precision is the same only to the tolerance of the search.
    np.testing.assert_allclose(p, q, atol=1e-5)


@settings(max_examples=60)
@given(
    indices=hnp.arrays(np.int32, (4, 3), elements=st.integers(-2, 5)),
    p=hnp.arrays(
        np.float32, (4, 3), elements=st.sampled_from([0.0, 0.5, 1.0, -1.0, np.nan, np.inf])
    ),
)
def test_any_graph_is_symmetrised_or_refused_alike(indices, p):
    outcomes = []
    for ops in BACKENDS:
        try:
            outcomes.append([a.tolist() for a in ops.symmetrize(indices, p)])
        except ValueError as error:
            outcomes.append(bool(re.match(r"(indices|p)\[", str(error))) or str(error))
    assert all(o == outcomes[0] for o in outcomes)
