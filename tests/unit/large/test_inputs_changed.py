"""An input that changes between the shards of a transform, or during one, and copies of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.cli import main
from gputsne.data.datasets import load_digits
from gputsne.large import Inputs, inputs
from gputsne.large.parts import Shard
from gputsne.large.shards import place_shard

X = load_digits().X[:, 20:32]
NEW = X[300:900]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Return the file of a model."""
    path = tmp_path_factory.mktemp("model") / "plain.npz"
    short = {"max_iter": 30, "early_exaggeration_iter": 10, "perplexity": 10, "random_state": 0}
    gputsne.TSNE(**short).fit(X[:300]).save(path)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, model):
    (tmp_path / "plain.npz").symlink_to(model)
    monkeypatch.chdir(tmp_path)


def run(*args):
    return CliRunner().invoke(main, list(map(str, args)))


def done(*args):
    result = run(*args)
    assert result.exit_code == 0, result.output
    return result


def refused():
    result = run("merge", "parts", "-o", "merged.parquet")
    assert result.exit_code == 3, result.output
    assert not Path("merged.parquet").exists()
    return result.stderr


def test_an_input_that_changed_between_shards_is_another_input():
    np.save("x.npy", NEW)
    done("transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "0/2")
    np.save("x.npy", NEW + 1)
    done("transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "1/2")
    assert "of another input" in refused()


def rewrite_middle(path):
    """Change one row in the middle of a file, whose size stays."""
    np.lib.format.open_memmap(path, "r+")[len(NEW) // 2] += 1
    os.utime(path, ns=(10**18, 10**18))


@pytest.mark.parametrize("whole", [True, False])
def test_an_input_whose_middle_was_rewritten_is_another_input(monkeypatch, whole):
    monkeypatch.setattr(inputs, "END", 100)  # beginning and end stay as they were
    if not whole:
        monkeypatch.setattr(inputs, "WHOLE", 1000)
    np.save("x.npy", NEW)
    shard = ("transform", "plain.npz", "x.npy", "-o", "parts", "--shard")
    done(*shard, "0/2")
    rewrite_middle("x.npy")
    done(*shard, "1/2")
    said = refused()
    assert "of another input" in said
    assert ("x.npy was changed at another time" in said) is not whole
    assert ("Run the older shards again" in said) is not whole
    done(*shard, "0/2")
    done(*shard, "1/2")
    done("merge", "parts", "-o", "merged.parquet")


@pytest.mark.parametrize("whole", [True, False])
def test_copies_of_an_input_are_one_where_their_bytes_or_their_times_tell(monkeypatch, whole):
    if not whole:
        monkeypatch.setattr(inputs, "WHOLE", 1000)
    np.save("x.npy", NEW)
    for i in range(2):
        done("transform", "plain.npz", "x.npy", "-o", "all", "--shard", f"{i}/2")
    done("transform", "plain.npz", "x.npy", "-o", "parts", "--shard", "0/2")
    Path("copy").mkdir()
    (shutil.copyfile if whole else shutil.copy2)("x.npy", "copy/x.npy")
    if whole:
        os.utime("copy/x.npy", ns=(10**18, 10**18))
    done("transform", "plain.npz", "copy/x.npy", "-o", "parts", "--shard", "1/2")
    done("merge", "parts", "-o", "merged.parquet")
    done("merge", "all", "-o", "all.parquet")
    assert Path("merged.parquet").read_bytes() == Path("all.parquet").read_bytes()


def test_an_input_that_is_rewritten_while_a_shard_reads_it_is_refused():
    np.save("x.npy", NEW)
    Path("parts").mkdir()
    with pytest.raises(gputsne.data.BadInput, match=r"x\.npy was changed while shard 1/3 read it"):
        place_shard(
            gputsne.load("plain.npz"),
            "m",
            Inputs.opened([Path("x.npy")], gputsne.data.Selection()),
            Path("parts"),
            Shard(1, 3),
            report=lambda done, of: rewrite_middle("x.npy"),
        )
    assert not list(Path("parts").iterdir())
