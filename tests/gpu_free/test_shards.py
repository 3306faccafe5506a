"""Ring 2: shards on a GPU are the bytes of its whole; one that finds none does not fall back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gpu_free.test_engine import X, cuda  # noqa: F401  a fixture

import gputsne
from gputsne.cli import main

SHORT = {"perplexity": 5.0, "max_iter": 12, "early_exaggeration_iter": 5, "random_state": 0}


def run(*args):
    return CliRunner().invoke(main, list(map(str, args)))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gputsne.TSNE(device="numpy", **SHORT).fit(X[:200]).save("model.npz")
    np.save("x.npy", X[200:240])


def test_shards_on_a_gpu_merge_to_the_bytes_of_one_transform_there(cuda):  # noqa: F811
    where = ("--output-format", "npy", "--device", "cuda")
    for i in range(2):
        result = run("transform", "model.npz", "x.npy", "-o", "parts", "--shard", f"{i}/2", *where)
        assert result.exit_code == 0, result.output
    assert (
        run("transform", "model.npz", "x.npy", "-o", "whole.npy", "--device", "cuda").exit_code == 0
    )
    assert run("merge", "parts", "-o", "merged.npy").exit_code == 0
    assert Path("merged.npy").read_bytes() == Path("whole.npy").read_bytes()
    told = json.loads(Path("parts/part-00001-of-00002.json").read_text())
    assert told["device"] == "cuda"


def test_parts_of_two_devices_are_merged_with_a_note(cuda):  # noqa: F811
    for i, device in enumerate(("cuda", "numpy")):
        run(
            "transform",
            "model.npz",
            "x.npy",
            "-o",
            "parts",
            "--shard",
            f"{i}/2",
            "--device",
            device,
        )
    result = run("merge", "parts", "-o", "merged.npy")
    assert result.exit_code == 0, result.output
    assert "parts were placed on cuda and numpy" in result.stderr


def test_a_shard_that_finds_no_gpu_does_not_fall_back():
    result = run(
        "transform", "model.npz", "x.npy", "-o", "parts", "--shard", "0/2", "--device", "cuda"
    )
    assert result.exit_code == 2, result.output
    assert not Path("parts").exists()
