"""A run that is ended too early, in whatever way, goes on to the bytes of one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from interrupted import QUICK, X, interrupted, pressed, same

import gputsne
from gputsne import TSNE
from gputsne.backends import explain
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded, FitInterrupted
from gputsne.callbacks import Checkpoint
from gputsne.data.datasets import load_digits
from gputsne.model import checkpoint as files
from gputsne.model import keeping, pipeline

DEVICES = [name for name, ready, _ in explain() if ready and name != "cuda"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture(autouse=True)
def copied_at_once(monkeypatch):
    """Small fits take less time than passes between two copies."""
    monkeypatch.setattr(keeping, "COPY_EVERY", 0.0)
    monkeypatch.setattr(keeping, "SHARE", 0.0)


@pytest.fixture
def whole():
    return TSNE(**QUICK).fit(X)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_signals(device, tmp_path, monkeypatch):
    """SIGTERM, kill -9 amid frequent writing and SIGINT, one after the other, at random times."""
    monkeypatch.chdir(tmp_path)
    Z = load_digits().X[: 900 if device == "cpu" else 400]
    begun = time.monotonic()
    TSNE(device=device, max_iter=400, random_state=0).fit(Z)
    # as many as last for six seconds here, long enough to be ended three times on the way
    iterations = max(1000, int(400 * 6.0 / (time.monotonic() - begun)))
    np.save("x.npy", Z)
    want = TSNE(device=device, max_iter=iterations, random_state=0).fit_transform(Z)
    rng = np.random.default_rng(DEVICES.index(device))
    command = [
        sys.executable, "-m", "gputsne", "embed", "x.npy", "-o", "map.npy", "--device", device,
        "--max-iter", str(iterations), "--checkpoint", "run.ckpt", "--checkpoint-every", "0.001",
        "--resume", "-q",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(gputsne.__file__).parents[1])}
    seen = []
    for turn, number in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT, None)):
        child = subprocess.Popen(
            [*command, "--n-jobs", str(1 + turn % 2)], env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            if number is not None:
                _wait_for_iterations(child)
                time.sleep(float(rng.uniform(0.0, 0.4)))
                child.send_signal(number)
            out, err = child.communicate(timeout=300)
        finally:
            child.kill()
        code = {signal.SIGTERM: 143, signal.SIGKILL: -9, signal.SIGINT: 130, None: 0}[number]
        assert child.returncode == code, (number, out, err)
        if number is not None:
            seen.append(_iteration(Path("run.ckpt")))
            assert 0 < seen[-1] < iterations
        if number in (signal.SIGTERM, signal.SIGINT):
            assert "run.ckpt keeps the run, which goes on with --resume" in err
            assert np.load("map.npy").shape == want.shape  # the map so far
    assert seen == sorted(seen)
    assert np.load("map.npy").tobytes() == want.tobytes()
    assert not list(tmp_path.glob("run.ckpt*"))


def _iteration(path):
    kept = Checkpoint(path, resume=True)
    saved, start = files.read(kept)
    return files.read_state(kept, saved, start).state.iteration


def _wait_for_iterations(child):
    """Wait until a process has written a state of its own."""
    state, end = Path("run.ckpt.state"), time.monotonic() + 120
    before = state.stat().st_mtime_ns if state.exists() else 0
    while not state.exists() or state.stat().st_mtime_ns == before:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, "no checkpoint in two minutes"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"method": "mesh"}, {"n_components": 1}, {"dof": 0.5}])
def test_deadlines_and_other_threads(path, how):
    """As often as it takes, each time with another number of threads."""
    settings = QUICK | how
    want, parts, seconds = TSNE(**settings).fit(X), 0, 0.001
    while True:
        kept = Checkpoint(path, resume=True)
        model = TSNE(callbacks=kept, n_jobs=1 + parts % 3, **settings)
        try:
            with deadline.limit(seconds):
                model.fit(X)
            break
        except DeadlineExceeded:
            parts, seconds = parts + 1, 1.3 * seconds
    assert parts > 0
    same(model, want)
    assert not path.exists()
    assert not kept.state_path.exists()


@pytest.mark.parametrize(
    "how", [{}, {"schedule": "short", "max_iter": None, "early_exaggeration_iter": None},
            {"stop": "auto"}, {"init": "random", "affinity": "uniform", "perplexity": 30.0}],
)  # fmt: skip
def test_without_the_data(path, how):
    settings = QUICK | how
    want = TSNE(**settings).fit(X)
    interrupted(path, 120, callbacks_every=20, **how)
    seen = []
    model = TSNE.resume(path, callbacks=lambda p: seen.append(p.iteration), n_jobs=2)
    same(model, want)
    np.testing.assert_array_equal(model.transform(X[:5] + 1), want.transform(X[:5] + 1))
    assert seen == list(range(150, want.n_iter_ + 1, 50))
    assert set(model.timings_) == set(want.timings_)
    assert not path.exists()


def test_the_map_is_the_same_with_and_without(path, whole, monkeypatch):
    written, write = [], files.write

    def counted(kept, start, standing, timings):
        written.append(standing.state.iteration)
        write(kept, start, standing, timings)

    monkeypatch.setattr(files, "write", counted)
    model = TSNE(callbacks=Checkpoint(path, minutes=1e-9), **QUICK).fit(X)
    same(model, whole)
    assert written == [t for t in range(1, 300) if t % 50]


def test_interrupts_between_any_two_lines(path, whole, monkeypatch):
    """What an interrupt leaves half done, inside an iteration, is not what is kept."""
    from gputsne.engine.iteration import Engine

    move = Engine._move

    def torn(self, Z, params):
        move(self, Z, params)
        if self.iteration == 130:
            raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "_move", torn)
    with pytest.raises(FitInterrupted):
        TSNE(callbacks=Checkpoint(path), **QUICK).fit(X)
    monkeypatch.undo()
    assert _iteration(path) == 130  # the step from 130 to 131 was torn
    same(TSNE.resume(path), whole)


def test_before_the_first_iteration(path, whole):
    """Without the second file the run begins where the neighbours and P were known."""
    interrupted(path)
    Checkpoint(path).state_path.unlink()
    searched = []
    original = pipeline.searched
    pipeline.searched = lambda *args: searched.append(args) or original(*args)
    try:
        same(TSNE(callbacks=Checkpoint(path, resume=True), **QUICK).fit(X), whole)
    finally:
        pipeline.searched = original
    assert not searched


def test_iterations_that_optimize_adds(path, whole):
    want = TSNE(**QUICK).fit(X).optimize(100, exaggeration=2.0)
    whole.set_params(callbacks=[pressed(350), Checkpoint(path)])
    with pytest.raises(FitInterrupted):
        whole.optimize(100, exaggeration=2.0)
    with pytest.raises(ValueError, match="was left by optimize: "):
        TSNE(callbacks=Checkpoint(path, resume=True), **QUICK).fit(X)
    whole.set_params(callbacks=Checkpoint(path, resume=True))
    with pytest.raises(FileExistsError, match="is there already"):
        whole.optimize(10)
    same(TSNE.resume(path), want)


def test_it_stays_where_it_is_asked_to(path, whole):
    kept = Checkpoint(path, keep=True, resume=True)
    same(TSNE(callbacks=kept, **QUICK).fit(X), whole)
    assert path.exists()
    same(TSNE(callbacks=kept, **QUICK).fit(X), whole)
    with pytest.raises(FileExistsError, match="is there already: a fit goes on from it with"):
        TSNE(callbacks=Checkpoint(path), **QUICK).fit(X)
    kept.remove()
    assert not list(path.parent.iterdir())
