"""Ctrl-C leaves from every stage, with the map so far in hand, and the model stays of use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gputsne import TSNE
from gputsne.base.errors import FitInterrupted

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

# The child says when the stage has begun; sizes make each stage last for many seconds.
CHILD = """
import sys, threading, time
import numpy as np
from gputsne import TSNE
from gputsne.model.progress import StageTimer
from gputsne.base.errors import FitInterrupted
import faiss, threadpoolctl, sklearn.decomposition, scipy.sparse.linalg
wanted, rows, columns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
given = eval(sys.argv[4])
begin = StageTimer.stage
def stage(timer, name, total=0):
    if name == wanted:
        print("ready", flush=True)
    return begin(timer, name, total)
StageTimer.stage = stage
X = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
model = TSNE(max_iter=1_000_000, random_state=0, **given)
try:
    model.fit(X)
except FitInterrupted as error:
    assert isinstance(error, KeyboardInterrupt)
    print("left", hasattr(model, "embedding_"), error, flush=True)
"""
STAGES = {  # stage -> rows, columns, parameters, seconds to wait inside it
    "prepare": (60_000, 600, {"pca": 500, "scale": True}, 0.2),
    "neighbors": (150_000, 40, {}, 1.0),
    "affinities": (40_000, 4, {"neighbors": "lists", "perplexity": [20.0] * 60}, 0.5),
    "initial": (40_000, 4, {"neighbors": "lists", "init": "spectral", "perplexity": 5.0}, 0.5),
    "optimize": (20_000, 4, {"neighbors": "lists", "perplexity": 5.0}, 1.5),
}


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c(stage):
    rows, columns, given, wait = STAGES[stage]
    # Lists of the nearest row numbers: any graph will do to keep the later stages busy.
    lists = (
        "((np.arange(rows)[:, None] + np.arange(1, 61)) % rows,"
        " np.tile(np.linspace(1, 2, 60, dtype=np.float32), (rows, 1)))"
    )
    settings = repr(given).replace("'lists'", lists)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, stage, str(rows), str(columns), settings],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.stderr and child.stderr.read()[-3000:]
        time.sleep(wait)
        child.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = child.communicate(timeout=60)
        waited = time.monotonic() - start
    finally:
        child.kill()
    print(f"{stage}: left after {waited:.2f} s: {out}")
    assert out.startswith(f"left {stage == 'optimize'} interrupted"), (out, err[-3000:])
    if stage != "optimize":
        assert repr(stage) in out, "the signal came in another stage: give this one more to do"
    # The promise is one second on an idle machine; a busy one shares its cores.
    assert waited < 5


def test_the_map_so_far():
    X = np.random.default_rng(0).normal(size=(300, 5))

    def press(progress):
        if progress.iteration == 70:
            raise KeyboardInterrupt

    quick = {"perplexity": 10.0, "random_state": 0}
    model = TSNE(max_iter=200, callbacks=press, callbacks_every=70, **quick)
    with pytest.raises(FitInterrupted, match="interrupted at iteration 70 of 200") as caught:
        model.fit(X)
    whole = TSNE(max_iter=70, **quick).fit(X)
    np.testing.assert_array_equal(model.embedding_, whole.embedding_)
    np.testing.assert_array_equal(model.kl_history_, whole.kl_history_)
    assert model.kl_divergence_ == whole.kl_divergence_
    assert model.n_iter_ == 70
    assert caught.value.result.stopped == "interrupt"
    assert set(model.timings_) == set(whole.timings_)
    # and the model goes on from there
    model.set_params(callbacks=None, callbacks_every=50).optimize(130)
    np.testing.assert_array_equal(model.embedding_, TSNE(max_iter=200, **quick).fit(X).embedding_)


def test_ctrl_c_while_going_on():
    X = np.random.default_rng(0).normal(size=(300, 5))
    quick = {"perplexity": 10.0, "random_state": 0}
    model = TSNE(max_iter=60, **quick).fit(X)

    def press(progress):
        raise KeyboardInterrupt

    model.set_params(callbacks=press, callbacks_every=90)
    with pytest.raises(FitInterrupted):
        model.optimize(100)
    assert model.n_iter_ == 90
    assert list(model.kl_history_[:, 0]) == [50, 60, 90]
    whole = TSNE(max_iter=90, **quick).fit(X)
    np.testing.assert_array_equal(model.embedding_, whole.embedding_)


def test_ctrl_c_in_a_later_fit_leaves_no_older_map(monkeypatch):
    from gputsne import affinities

    X = np.random.default_rng(0).normal(size=(100, 5))
    model = TSNE(max_iter=20, perplexity=10.0).fit(X)

    def press(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(affinities, "conditional", press)
    with pytest.raises(FitInterrupted, match="in stage 'affinities'"):
        model.fit(X)
    assert not hasattr(model, "embedding_")
    assert "neighbors" in model.timings_


@pytest.mark.parametrize("line", range(0, 45, 4))
def test_attributes_of_a_fit_change_all_at_once(line):
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    model = TSNE(max_iter=20, early_exaggeration_iter=10, perplexity=5.0, random_state=0).fit(X)
    before = dict(vars(model))
    left = [line]

    def stop(frame, event, _):
        if frame.f_code.co_name not in ("_keep", "_of_map"):
            return None if frame.f_code.co_name in ("update", "copy") else stop
        if event == "line":
            left[0] -= 1
            if left[0] < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return stop

    tracer = sys.gettrace()
    sys.settrace(stop)
    try:
        model.optimize(5)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(tracer)
    after = vars(model)
    old = [after[name] is before[name] for name in ("_fit", "embedding_", "kl_history_", "mesh_")]
    assert len(set(old)) == 1
    assert model.n_iter_ == (20 if old[0] else 25)
