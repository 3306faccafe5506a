"""Every way a run can end has its exit code, its line, and the right files left behind.

The estimator is a small stand-in, so that it fails exactly where it should.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.base import deadline
from gputsne.base.errors import BackendUnavailable, DependencyMissing, FitInterrupted, OverMemory
from gputsne.cli import main
from gputsne.cli.wording import in_shell


class Stand:
    """A stand-in for TSNE: ten iterations of a fixed map; `before` and `during` may raise."""

    before = staticmethod(lambda: None)
    during = staticmethod(lambda iteration: None)

    def __init__(self, **parameters: object) -> None:
        self.parameters = parameters

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return self.parameters

    def fit(self, X: np.ndarray) -> Stand:
        self.before()
        self.n_iter_ = 0
        try:
            for i in range(1, 11):
                self.n_iter_ = i
                self.during(i)
                if i < 10 and deadline.passed():
                    self.embedding_ = self._map(X)
                    deadline.check(f"at iteration {i} of 10")
        except KeyboardInterrupt as error:
            self.embedding_ = self._map(X)
            raise FitInterrupted from error
        self.embedding_ = self._map(X)
        self.kl_divergence_ = 1.0 / self.n_iter_
        return self

    def _map(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), 2), self.n_iter_, np.float32)

    def save(self, path: Path) -> None:
        Path(path).write_text("model")


@pytest.fixture
def stand(monkeypatch, tmp_path):
    """Put the stand-in in the place of TSNE; return a fresh subclass to be shaped by the test."""
    made = type("Shaped", (Stand,), {})
    monkeypatch.setattr("gputsne.runs.job.make_model", lambda given: made(**given))
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((5, 3), np.float32))
    return made


def run(*args: str):
    return CliRunner().invoke(main, ["embed", "x.npy", "-o", "map.csv", *args])


def raiser(error: BaseException):
    def fail(*args: object) -> None:
        raise error

    return staticmethod(fail)


def files() -> set[str]:
    return {p.name for p in Path().iterdir()} - {"x.npy"}


def status() -> dict:
    return json.loads(Path("run.json").read_text())


def test_done(stand):
    result = run("--run-record", "run.json", "--model", "model.npz")
    assert result.exit_code == 0, result.output
    assert files() == {"map.csv", "run.json", "model.npz"}
    assert result.stdout.splitlines()[0].split() == ["written", "map.csv,", "model.npz"]
    assert Path("map.csv").read_text() == "x,y\n" + "10,10\n" * 5
    assert (status()["status"], status()["error"]) == ("done", None)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("perplexity=500\nneeds 1501 points"), 3, "--perplexity 500 needs 1501 points"),
        (TypeError("metric=3 is no name"), 3, "--metric 3"),
        (OverMemory("needs 9 GiB, 8 allowed"), 4, "needs 9 GiB"),
        (MemoryError(), 4, "out of memory"),
        (BackendUnavailable("cuda: no driver"), 2, "cuda: no driver"),
        (DependencyMissing("needs faiss"), 2, "needs faiss"),
        (OSError("disk full"), 1, "disk full"),
    ],
)
def test_errors_are_one_line(stand, error, code, said):
    stand.before = raiser(error)
    result = run("--run-record", "run.json")
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert files() == {"run.json"}
    assert status()["exit_code"] == code
    assert said in in_shell(status()["error"])  # the record has Python's names, as its parameters


def test_a_fault_of_our_own_keeps_its_traceback(stand):
    stand.before = raiser(RuntimeError("kernel"))
    result = run("--run-record", "run.json")
    assert result.exit_code == 1
    assert isinstance(result.exception, RuntimeError)
    assert (status()["status"], status()["error"]) == ("failed", "RuntimeError: kernel")


def test_verbose_shows_where_bad_input_was_found(stand):
    stand.before = raiser(ValueError("wrong"))
    assert "Traceback" in run("--verbose").stderr
    assert "Traceback" not in run().stderr


def press_ctrl_c(at: int):
    def press(iteration: int = 0) -> None:
        if iteration == at:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # the signal cuts it short

    return staticmethod(press)


def test_ctrl_c_keeps_the_map_so_far(stand):
    stand.during = press_ctrl_c(4)
    result = run("--run-record", "run.json", "--model", "model.npz")
    assert result.exit_code == 130
    assert "interrupted; map.csv holds the map so far" in result.stderr
    assert Path("map.csv").read_text() == "x,y\n" + "4,4\n" * 5
    assert files() == {"map.csv", "run.json"}
    assert status()["status"] == "interrupted"


def test_ctrl_c_names_only_what_was_written(stand):
    stand.during = press_ctrl_c(4)
    result = run("--plot", "map.png", "--model", "model.npz", "--run-record", "run.json")
    assert result.exit_code == 130
    assert result.stdout.splitlines()[0].split() == ["written", "map.csv"]
    assert files() == {"map.csv", "run.json"}
    assert status()["output"]["written"] == ["map.csv"]


def test_ctrl_c_before_there_is_a_map_leaves_the_old_file(stand):
    stand.before = press_ctrl_c(0)
    Path("map.csv").write_text("old")
    result = run()
    assert result.exit_code == 130
    assert "nothing was written" in result.stderr
    assert result.stdout == ""
    assert Path("map.csv").read_text() == "old"
    assert files() == {"map.csv"}


def test_deadline_in_the_optimiser_keeps_everything(stand):
    stand.during = staticmethod(lambda i: time.sleep(0.05))
    result = run("--deadline", "0.12", "--run-record", "run.json", "--model", "model.npz")
    assert result.exit_code == 5, result.stderr
    assert "deadline of 0.12 s passed at iteration" in result.stderr
    assert "map.csv holds the map so far" in result.stderr
    assert files() == {"map.csv", "run.json", "model.npz"}
    assert status()["status"] == "deadline"
    assert status()["n_iter"] < 10


def test_deadline_before_the_optimiser_writes_nothing(stand):
    stand.before = staticmethod(lambda: (time.sleep(0.1), deadline.check("in stage 'neighbors'")))
    result = run("--deadline", "0.05")
    assert result.exit_code == 5
    assert "in stage 'neighbors'; no map yet, nothing was written" in result.stderr
    assert files() == set()


def test_deadline_needs_no_signal(stand):
    before = signal.getsignal(signal.SIGALRM)
    stand.during = staticmethod(lambda i: time.sleep(0.05))
    results = []
    thread = threading.Thread(target=lambda: results.append(run("--deadline", "0.12")))
    thread.start()
    thread.join()
    assert results[0].exit_code == 5, results[0].output
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_broken_disk_leaves_nothing(stand, monkeypatch):
    monkeypatch.setattr("gputsne.data.writing._csv", raiser(OSError("No space left")).__func__)
    result = run()
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert files() == set()


def test_ctrl_c_while_the_command_is_imported(monkeypatch, capsys):
    import gputsne.__main__ as script

    class Pressed:
        @staticmethod
        def find_spec(name: str, *where: object) -> None:
            if name == "gputsne.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "gputsne.cli")
    monkeypatch.setattr(sys, "meta_path", [Pressed, *sys.meta_path])
    with pytest.raises(SystemExit) as left:
        script.main()
    assert (left.value.code, capsys.readouterr().err) == (130, "gputsne: interrupted\n")


def test_ctrl_c_while_a_pipe_is_not_read_ends_at_once(stand, monkeypatch):
    asked = []

    def send(*args: object) -> None:
        asked.append(args)
        raise KeyboardInterrupt

    monkeypatch.setattr("gputsne.runs.writing.send", send)
    os.mkfifo("pipe")
    given = ["embed", "x.npy", "-o", "pipe", "--run-record", "run.json"]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 130
    assert "interrupted; pipe was not written" in result.stderr
    assert (len(asked), status()["status"]) == (1, "interrupted")
