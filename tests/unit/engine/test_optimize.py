"""The loop does what was asked: schedule, history, callbacks, stopping, going on, starting."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import oracle
import pytest

from gputsne import TSNE
from gputsne.backends import choose
from gputsne.base.errors import DeadlineExceeded
from gputsne.base.types import Progress
from gputsne.data.datasets import load_digits
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize, separate_coincident
from gputsne.engine.schedule import Schedule

X = load_digits().X[:300]
QUICK = {"perplexity": 10.0, "random_state": 0, "n_jobs": 1}


def same_map(a: TSNE, b: TSNE) -> bool:
    return np.array_equal(a.embedding_, b.embedding_)


class Recorder:
    """Stands in for the field's backend calls: keeps what each step was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from gputsne.engine.iteration import Engine

        self.told = []
        step = Engine.step
        monkeypatch.setattr(
            Engine, "step", lambda engine, params: (self.told.append(params), step(engine, params))
        )


def test_two_phases(monkeypatch):
    steps = Recorder(monkeypatch)
    TSNE(
        max_iter=30, early_exaggeration=4.0, early_exaggeration_iter=10, exaggeration=2.0,
        initial_momentum=0.5, final_momentum=0.7, learning_rate=33.0, max_step=0.25, **QUICK,
    ).fit(X)  # fmt: skip
    early, plain = steps.told[:10], steps.told[10:]
    assert len(plain) == 20
    assert {(s.exaggeration, s.momentum) for s in early} == {(4.0, 0.5)}
    assert {(s.exaggeration, s.momentum) for s in plain} == {(2.0, 0.7)}
    assert {(s.learning_rate, s.max_step) for s in steps.told} == {(33.0, 0.25)}


def test_no_step_is_longer_than_allowed():
    maps = []
    TSNE(
        max_iter=60, learning_rate=1e4, max_step=0.5, callbacks_every=1,
        callbacks=lambda p: maps.append(p.embedding), **QUICK,
    ).fit(X)  # fmt: skip
    steps = [np.linalg.norm(b - a, axis=1).max() for a, b in pairwise(maps[:49])]
    # Coordinates of 10 have a spacing of 1e-6 in float32; the clipped step itself is exact to 1e-7.
    assert 0.4 < max(steps) < 0.5 + 1e-5


@pytest.mark.parametrize("dof", [1.0, 0.5])
def test_history_and_the_oracle(dof):
    seen = {}
    model = TSNE(
        max_iter=130, dof=dof, early_exaggeration_iter=70, callbacks_every=50,
        callbacks=lambda p: seen.update({p.iteration: p.embedding}), **QUICK,
    ).fit(X)  # fmt: skip
    history = dict(model.kl_history_)
    assert list(history) == [50, 100, 130]
    assert model.kl_divergence_ == history[130]
    P = model.affinities_.to_csr().toarray()
    for iteration, Y in (seen | {130: model.embedding_}).items():
        # Exact sums below 1,500 points: float32 kernels, 300 terms per row, summed in float64.
        assert history[iteration] == pytest.approx(oracle.kl(P, Y, dof), rel=1e-5)


def test_callbacks_are_told_and_change_nothing():
    told: list[Progress] = []
    plain = TSNE(max_iter=120, **QUICK).fit(X)
    model = TSNE(max_iter=120, callbacks=[told.append, lambda p: None], callbacks_every=35, **QUICK)
    model.fit(X)
    assert [(p.stage, p.iteration, p.total) for p in told] == [
        ("optimize", i, 120) for i in (35, 70, 105)
    ]
    assert all(np.isfinite(p.kl_divergence) and p.embedding.shape == (300, 2) for p in told)
    assert same_map(plain, model)
    np.testing.assert_array_equal(plain.kl_history_, model.kl_history_)


def test_a_callback_may_write_into_what_it_is_given():
    def vandal(progress: Progress) -> None:
        progress.embedding[:] = np.nan

    plain = TSNE(max_iter=60, **QUICK).fit(X)
    assert same_map(plain, TSNE(max_iter=60, callbacks=vandal, callbacks_every=20, **QUICK).fit(X))


@pytest.mark.parametrize(
    ("answer", "done"),
    [(True, 40), (1, 40), (np.True_, 40), (np.False_, 120), (0, 120), (None, 120)],
)
def test_what_is_true_stops(answer, done):
    model = TSNE(max_iter=120, callbacks=lambda p: answer, callbacks_every=40, **QUICK).fit(X)
    assert model.n_iter_ == done
    assert model.kl_history_[-1, 0] == done
    assert model.kl_history_[-1, 1] == model.kl_divergence_


def test_a_callback_that_raises_leaves_the_map_so_far():
    def late(progress: Progress) -> None:
        if progress.iteration == 60:
            raise DeadlineExceeded("too late")

    model = TSNE(max_iter=120, callbacks=late, callbacks_every=30, **QUICK)
    with pytest.raises(DeadlineExceeded):
        model.fit(X)
    assert same_map(model, TSNE(max_iter=60, **QUICK).fit(X))
    assert model.n_iter_ == 60
    assert same_map(model.set_params(callbacks=None, callbacks_every=50).optimize(60),
                    TSNE(max_iter=120, **QUICK).fit(X))  # fmt: skip


def test_stop_on_the_slope():
    # Belkina et al. 2019: stop when an iteration gains less than KL / 5000.
    whole = TSNE(max_iter=2000, **QUICK).fit(X)
    model = TSNE(max_iter=2000, stop="auto", **QUICK).fit(X)
    assert 300 < model.n_iter_ < 2000
    history = model.kl_history_
    gain = -np.diff(history[:, 1]) / np.diff(history[:, 0])
    small = gain < history[1:, 1] / 5000
    plain = history[1:, 0] > 300  # two values after the early phase
    assert small[-1]
    assert not small[plain][:-1].any()
    np.testing.assert_array_equal(history, whole.kl_history_[: len(history)])


@pytest.mark.parametrize("first", [300, 310, 100])
@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_going_on_is_the_same_as_not_stopping(first, method):
    whole = TSNE(max_iter=500, method=method, **QUICK).fit(X)
    parts = TSNE(max_iter=first, method=method, **QUICK).fit(X).optimize(500 - first)
    assert same_map(whole, parts)
    assert parts.n_iter_ == 500
    assert parts.kl_divergence_ == whole.kl_divergence_
    history = dict(parts.kl_history_)
    assert history == dict(whole.kl_history_) | {first: history[first]}


def test_going_on_with_other_values(monkeypatch):
    model = TSNE(max_iter=260, **QUICK).fit(X)
    steps = Recorder(monkeypatch)
    model.optimize(20, exaggeration=4.0, learning_rate=10.0)
    assert {(s.exaggeration, s.learning_rate) for s in steps.told} == {(4.0, 10.0)}
    assert model.learning_rate_ == 10.0
    assert model.exaggeration == 1.0, "the estimator's own parameters stay"
    early = TSNE(max_iter=100, **QUICK).fit(X)
    steps.told.clear()
    early.optimize(20, exaggeration=3.0)
    assert {s.exaggeration for s in steps.told} == {3.0}
    for n_iter in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="n_iter"):
            model.optimize(n_iter)
    with pytest.raises(ValueError, match="exaggeration"):
        model.optimize(5, exaggeration=0.0)


def test_transform_follows_the_map_that_moved():
    model = TSNE(max_iter=100, **QUICK).fit(X)
    before = model.transform(X[:5])
    model.optimize(200)
    after = TSNE(max_iter=300, **QUICK).fit(X).transform(X[:5])
    np.testing.assert_array_equal(model.transform(X[:5]), after)
    assert not np.array_equal(before, after)


def test_no_iterations_return_the_first_map():
    init = np.random.default_rng(3).normal(size=(300, 2)).astype(np.float32)
    init[7] = init[8]
    init += 5
    kept = init.copy()
    model = TSNE(max_iter=0, init=init, **QUICK).fit(X)
    assert model.embedding_.tobytes() == kept.tobytes()
    assert not np.shares_memory(model.embedding_, init)
    assert model.n_iter_ == 0
    P = model.affinities_.to_csr().toarray()
    assert model.kl_divergence_ == pytest.approx(oracle.kl(P, init), rel=1e-5)
    np.testing.assert_array_equal(model.kl_history_, [[0, model.kl_divergence_]])
    TSNE(max_iter=60, init=init, **QUICK).fit(X)
    assert init.tobytes() == kept.tobytes()


def test_first_maps_are_centred_and_taken_separate_coincident():
    Y = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    Y[10:20] = Y[0]
    moved = separate_coincident(Y)
    assert len(np.unique(moved, axis=0)) == 50
    assert np.array_equal(moved, separate_coincident(Y))
    # centring rounds once; the hair is a thousandth of the sd, five of its own sd are rare
    assert np.abs(moved - (Y - Y.mean(axis=0))).max() < 0.005 * Y.std()
    assert np.abs(moved.mean(axis=0)).max() < 0.001
    one = np.float32(7) * np.ones((30, 2), np.float32)
    assert len(np.unique(separate_coincident(one), axis=0)) == 30
    alone = Y - Y.mean(axis=0)
    alone[10:20] += np.arange(1, 11, dtype=np.float32)[:, None]
    again = separate_coincident(alone)
    np.testing.assert_allclose(again, alone - alone.mean(axis=0), atol=1e-6)


def test_a_start_that_is_too_wide_is_told():
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="init has a standard deviation of"):
        TSNE(max_iter=1, init=rng.normal(size=(300, 2)) * 1000, **QUICK).fit(X)
    with pytest.raises(ValueError, match="init has a standard deviation of"):
        TSNE(max_iter=1, init=rng.normal(size=(300, 2)) * 1e9, **QUICK).fit(X)


@pytest.mark.parametrize("method", ["exact", "mesh"])
def test_a_map_that_flies_apart_is_an_error(method):
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        TSNE(learning_rate=1e38, method=method, max_iter=60, **QUICK).fit(X)


def test_the_loop_leaves_its_start_alone():
    model = TSNE(max_iter=0, **QUICK).fit(X)
    start = initial_state(model.embedding_)
    before = [a.copy() for a in (start.Y, start.velocity, start.gains)]
    P, field = model.affinities_, Field(choose("auto", 1).ops)
    result = optimize(P, start, field, Schedule(n=300, max_iter=20))
    assert result.state.iteration == 20
    assert start.iteration == 0
    for was, now in zip(before, (start.Y, start.velocity, start.gains), strict=True):
        assert np.array_equal(was, now)
    assert [f.name for f in dataclasses.fields(start)] == ["Y", "velocity", "gains", "iteration"]


def test_silent_unless_asked_and_then_on_stderr(capfd):
    TSNE(max_iter=60, **QUICK).fit(X)
    assert capfd.readouterr() == ("", "")
    TSNE(max_iter=60, verbose=1, **QUICK).fit(X)
    out, err = capfd.readouterr()
    assert out == ""
    assert all(word in err for word in ("neighbors", "optimize", "60 of 60 iterations, KL "))
