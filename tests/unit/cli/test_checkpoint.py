"""``gputsne embed --checkpoint``: what is asked, what is left, and what goes on."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from gputsne.cli import main
from gputsne.data.datasets import load_digits
from gputsne.model import keeping
from gputsne.model.embedding import Embedding


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keeping, "COPY_EVERY", 0.0)
    np.save("x.npy", load_digits().X[:200])

    def call(*args):
        result = CliRunner().invoke(main, ["embed", "x.npy", "-o", "map.npy", *args])
        return result.exit_code, " ".join(result.output.split())

    return call


def test_a_deadline_leaves_one_and_the_rest_is_done_later(run, tmp_path):
    assert run("--max-iter", "300", "--seed", "3")[0] == 0
    whole = (tmp_path / "map.npy").read_bytes()
    kept = ("--checkpoint", "run.ckpt", "--resume")
    code, told = run("--max-iter", "1000000", "--deadline", "1", *kept)
    assert code == 5
    assert "run.ckpt isn't there: the run begins anew" in told
    assert "map.npy holds the map so far; run.ckpt keeps the run, which goes on with" in told
    assert {p.name for p in tmp_path.iterdir()} == {
        "x.npy", "map.npy", "run.ckpt", "run.ckpt.state",
    }  # fmt: skip
    code, told = run("--max-iter", "300", "--seed", "3", *kept)
    assert code == 3
    assert "run.ckpt was begun with --max-iter" in told
    assert "or remove it to begin anew" in told
    for name in ("run.ckpt", "run.ckpt.state"):
        (tmp_path / name).unlink()
    assert run("--max-iter", "300", "--seed", "3", *kept)[0] == 0
    assert (tmp_path / "map.npy").read_bytes() == whole
    assert not (tmp_path / "run.ckpt").exists()


def test_it_stays_where_an_output_is_missing(run, tmp_path, monkeypatch):
    """What was computed is not lost with a plot or model that can't be written."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "model.npz")

    with monkeypatch.context() as broken:
        broken.setattr(Embedding, "save", full)
        short = ("--max-iter", "300", "--checkpoint", "run.ckpt", "--model", "model.npz")
        assert run(*short)[0] == 1
    assert (tmp_path / "run.ckpt").exists()
    first = (tmp_path / "map.npy").read_bytes()
    assert run(*short, "--resume")[0] == 0
    assert (tmp_path / "map.npy").read_bytes() == first
    assert not (tmp_path / "run.ckpt").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--resume",), "--resume: has no effect without --checkpoint"),
        (("--checkpoint-every", "5"), "--checkpoint-every: has no effect without --checkpoint"),
        (("--checkpoint", "-"), "--checkpoint: - is no file"),
        (("--checkpoint", "/dev/null"), "--checkpoint: /dev/null is no file"),
        (("--checkpoint", "old.ckpt"), "old.ckpt is there already; add --resume to go on from it"),
        (("--checkpoint", "map.npy"), "map.npy is named twice"),
        (("--checkpoint", "x.npy", "--resume"), "x.npy is read; an output needs its own name"),
        (("--checkpoint", "no/run.ckpt"), "run.ckpt can't be written"),
        (("--checkpoint", "run.ckpt", "--checkpoint-every", "0"), "0"),
    ],
)
def test_what_is_wrong_usage(run, tmp_path, args, told):
    (tmp_path / "old.ckpt").touch()
    code, said = run(*args)
    assert code == 2
    assert told in said
    assert not (tmp_path / "map.npy").exists()
