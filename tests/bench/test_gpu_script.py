"""What bench/gpu.py does with a GPU and without, and what locality.py counts of its kernels."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from benched import BENCH, load, quick

import gputsne

pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="bench/ is in the repository only")


def test_gpu(tmp_path: Path):
    """Without a GPU: the same jobs on what there is; what needs one says why it is left out."""
    record = quick("gpu", tmp_path)
    assert record["same_bytes"] is True
    runs = record["fits"]
    assert [(run["n"], run["d"], len(run["fits"])) for run in runs] == [
        (300, 8, 2), (300, 8, 2), (300, 20, 1), (300, 8, 1),
    ]  # fmt: skip
    assert all(fit["seconds"] > 0 and fit["stages"] for run in runs for fit in run["fits"])
    assert record["transform"][0]["finite"] is True
    assert record["neighbors"][0]["teraflops"] > 0
    for peer in record["peers"]:
        assert "left_out" in peer or "failed" in peer or peer["seconds"]
    (page,) = tmp_path.glob("gpu-*.md")
    text = page.read_text(encoding="utf-8")
    # each job runs what is installed, with its kernels, and not the sources beside the script
    here = gputsne.TSNE(max_iter=0, perplexity=5).fit(np.eye(20)).device_
    assert [run["device"] for run in runs] == [here, here, here, "cpu"]
    assert f"| 300 x 8{', CPU' if here == 'cpu' else ''} |" in text
    assert "in one process and in two: the same." in text
    if not record["card"]:
        assert "left_out" in record["prove"][0]


def test_gpu_goes_on_where_a_step_fails_or_no_time_is_left(tmp_path: Path, monkeypatch):
    gpu = load("gpu")
    done: list[str] = []

    def run(command, limit, **_):
        done.append(command[2])
        assert limit <= 60 * 12
        if len(done) > 1:  # the first step's results lie there before the second begins
            assert json.loads((tmp_path / "gpu.json").read_text())["fits"]
        if command[2] == "fit":
            return -6, "cudaErrorIllegalAddress"
        return 0, json.dumps({"peer": "a", "left_out": "a is not installed"}) + "\nwarning"

    monkeypatch.setattr(gpu, "run", run)
    monkeypatch.setattr(gpu, "no_gpu", lambda: "")
    monkeypatch.setattr(gpu, "card", lambda: "Some card, 9.0")
    told = ["gpu.py", "--device", "cpu", "--results", str(tmp_path), "--parts", "fits", "peers"]
    monkeypatch.setattr(sys, "argv", told)
    gpu.main()
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert {one["failed"] for one in record["fits"]} == {"status -6: cudaErrorIllegalAddress"}
    assert [one["left_out"] for one in record["peers"]] == ["a is not installed"] * 3
    assert {row["measured"] for row in record["wanted"]} == {None}
    text = (tmp_path / "gpu-some-card.md").read_text()
    assert "| 1,000,000 x 50, CPU | status -6: cudaErrorIllegalAddress |" in text

    done.clear()
    monkeypatch.setattr(sys, "argv", [*told, "--minutes", "0.02"])
    gpu.main()
    assert not done
    record = json.loads((tmp_path / "gpu.json").read_text())
    assert all("s left, it takes about" in one["left_out"] for one in record["fits"])


def test_gpu_ends_what_hangs_with_all_that_it_started():
    gpu = load("gpu")
    status, said = gpu.run(["sh", "-c", "echo begun; sleep 600 & wait"], 2.0)
    assert (status, said) == (gpu.TIMED_OUT, "begun\ntook more than 2 s")


def test_gpu_does_first_what_matters_most_and_fits_its_time():
    gpu = load("gpu")
    asked = argparse.Namespace(
        device="cuda", quick=False, points=gpu.SIZES, neighbors=90, half=False, shuffled=False,
        parts=gpu.PARTS,
    )  # fmt: skip
    told = gpu.steps(asked)
    assert {step.part for step in told} == set(gpu.PARTS)
    assert (told[0].job, told[0].told["n"]) == ("fit", 70_000)
    assert sum(step.takes for step in told) <= 60 * gpu.MINUTES
    assert all(step.takes < step.limit for step in told)
    asked.parts = ["kernels"]
    assert [step.told.get("n") for step in gpu.steps(asked)] == [60_000, 1_000_000, None, 10**7]


def test_gpu_page_has_a_row_for_each_call():
    page = load("gpu_page")
    calls = [
        {"n": 1000, "call": "deposit, FFT", "milliseconds": 0.5, "ratio": 2.0,
         "model_milliseconds": 0.25, "gigabytes_per_second": 100.0},
        {"n": 1000, "call": "divergence", "milliseconds": 0.25},
        {"n": 1000, "call": "gather", "failed": "ValueError: odd"},
    ]  # fmt: skip
    times = {f"{name}_milliseconds": 0.125 for name in ("own", "cufft", "spectrum")}
    fit = {"stages": {"optimize": 0.1}, "kl_divergence": 2.5, "meshes": 9}
    fits = [{**fit, "seconds": s} for s in (0.9, 0.125, 0.25)]
    facts = {
        "card": "A card, 8.0", "commit": "abc", "date": "today", "same_bytes": False,
        "prove": [{"folder": "tests/gpu", "passed": True, "said": "9 passed"}],
        "kernels": [
            {"n": 1000, "calls": calls},
            {"n": 10**6, "calls": [
                {"n": 10**6, "call": "iteration, replayed graphs", "milliseconds": 0.7},
            ]},
            {"n": 10**7, "left_out": "needs 90 GB"},
            {"transforms": [{"length": 64, **times}]},
        ],
        "fits": [
            {"n": 5, "d": 2, "failed": "status 1"},
            {"n": 70_000, "d": 50, "device": "cuda", "asked": {}, "fits": fits},
            {"n": 70_000, "d": 50, "device": "cpu", "asked": {}, "fits": fits[1:2]},
        ],
        "transform": [{"n": 70_000, "m": 10_000, "seconds": [0.5, 0.25]}],
        "peers": [{"peer": "cuml", "left_out": "cuml is not installed"}],
    }  # fmt: skip
    facts["wanted"] = page.wanted(facts)
    text = page.page(facts)
    assert "# A card, 8.0" in text
    assert "| deposit, FFT | 1,000 | 0.5 | 0.25 | 2 | 100 |" in text
    assert "| divergence | 1,000 | 0.25 |  |  |  |" in text
    assert "| gather | 1,000 | ValueError: odd | | | |" in text
    assert "| 64 | 0.125 | 0.125 | 0.125 |" in text
    assert "| 5 x 2 | status 1 |" in text
    assert "| 70k x 50 | 0.16 | 0.125 | yes | 0.9 |" in text
    assert "| 10k into 70k | 0.03 | 0.25 | no |  |" in text
    assert "| iteration, 1M | 0.0006 | 0.0007 | no |  |" in text
    assert "| 10M x 50 | 13 |  |  |  |" in text
    assert "- cuml: cuml is not installed" in text
    assert "- kernels, 10000000: needs 90 GB" in text


def test_locality(tmp_path: Path):
    (size,) = quick("locality", tmp_path)["sizes"]
    mean = size["mean"]
    assert mean["deposit"] < mean["deposit_nodes"] <= 36
    assert mean["deposit_direct"] == mean["gather_direct"] == 0  # 600 points have a small mesh
    assert 0 < mean["edge"] < 1
    assert size["epochs"]["meshes"] <= size["epochs"]["looks"] <= size["epochs"]["iterations"]


@pytest.mark.parametrize("spread", [1, 12, 400])
def test_locality_counts_what_the_kernels_do(spread: int):
    locality, rng = load("locality"), np.random.default_rng(0)
    mesh = argparse.Namespace(order=6, shape=(1000, 1003), fft_shape=(2000, 2006))
    cell = rng.integers(200, 200 + spread, (256, 2))
    low = cell.min(axis=0)
    rows, columns = cell.max(axis=0) - low + 6
    pitch = columns | 1
    stencil = [(i, j) for i in range(6) for j in range(6)]

    def busiest(banks):
        """Each warp's access takes as many passes as its busiest bank is asked for."""
        return sum(max(Counter(asked).values()) for asked in banks.values())

    # gpu_patch.hpp: 42 groups of 6 lanes, a group takes 7 consecutive points
    banks, direct, sent = defaultdict(list), defaultdict(set), set()
    for p, (x, y) in enumerate(cell):
        group, turn = divmod(p, 7)
        for i, j in stencil:
            warp = (group * 6 + j) // 32
            banks[warp, turn, i].append(((x - low[0] + i) * pitch + y - low[1] + j) % 32)
            direct[warp, turn, i].add(((x + i) * 1003 + y + j) * 8 // 32)
            sent.add(((x - low[0] + i) * pitch + y - low[1] + j, (x + i) * 1003 + y + j))
    if rows * pitch <= 6144:
        sectors = len({(held // 32, at * 8 // 32) for held, at in sent})
        want = (256, sectors, len(sent), busiest(banks), 0)
    else:
        want = (256, sum(map(len, direct.values())), 36 * 256, 0, 256)
    assert locality.deposited(cell, mesh) == want
    assert (want[4] == 256) is (spread == 400)

    read = {(x + i) * 2006 + y + j for x, y in cell for i, j in stencil}
    words = defaultdict(set)
    for p, (x, y) in enumerate(cell):
        for i, j in stencil:
            words[p // 32, i, j].add((x - low[0] + i) * pitch + y - low[1] + j)
    if rows * pitch <= 3072:
        box = [
            (k // 32, ((k // pitch + low[0]) * 2006 + k % pitch + low[1]) * 4 // 32)
            for k in range(rows * pitch)
        ]
        passes = busiest({key: [at % 32 for at in held] for key, held in words.items()})
        want = (256, len(set(box)), passes, 0)
    else:
        want = (256, len({at * 4 // 32 for at in read}), 0, 256)
    assert locality.gathered(cell, mesh) == want
