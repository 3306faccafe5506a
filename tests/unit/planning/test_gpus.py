"""The design of several GPUs: byte counts by closed form, one GPU is the model of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gputsne.planning.costs import MACHINES, Case, calls
from gputsne.planning.gpus import iteration_seconds, share_of

TEN_MILLION = Case(10_000_000)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "large.md"


def test_one_gpu_exchanges_nothing_and_takes_what_the_model_of_one_takes():
    gpu = MACHINES["h200"]
    share = share_of(TEN_MILLION, 1)
    assert share.sent_charges == share.sent_places == 0
    assert iteration_seconds(TEN_MILLION, gpu, 1) == pytest.approx(
        sum(call.seconds(gpu) for call in calls(TEN_MILLION, gpu))
    )


@pytest.mark.parametrize("gpus", [2, 3, 8])
@pytest.mark.parametrize("half", [False, True])
def test_bytes_by_closed_form(gpus, half):
    case = Case(1_000_003, k=30, fft_shape=(512, 480), half=half, edges=40_000_000)
    share = share_of(case, gpus)
    grid = 8 * (512 // 2) * (480 // 2)  # 64-bit charges of the mesh, a quarter of the FFT's nodes
    assert share.grid == grid
    assert share.map == 8 * 1_000_003
    # ring: reduce-scatter and all-gather, each G - 1 steps of a G-th
    assert share.sent_charges == pytest.approx(2 * (gpus - 1) * grid / gpus)
    assert share.sent_places == pytest.approx((gpus - 1) * share.map / gpus)
    rows = 8 * (1_000_003 // gpus + 1)
    assert share.edges == 40_000_000 * (6 if half else 8) // gpus + rows


def test_more_gpus_are_quicker_until_the_exchange_and_the_fft_are_all():
    gpu = MACHINES["h100"]
    times = [iteration_seconds(TEN_MILLION, gpu, g) for g in (1, 2, 4, 8)]
    assert times == sorted(times, reverse=True)
    whole = [call for call in calls(TEN_MILLION, gpu) if call.name == "FFT"]
    assert whole
    share = share_of(TEN_MILLION, 64)
    least = sum(call.seconds(gpu) for call in whole) + share.sent_places / 225e9
    assert iteration_seconds(TEN_MILLION, gpu, 64) > least
    few = Case(70_000)
    assert iteration_seconds(few, gpu, 8) > iteration_seconds(few, gpu, 2) * 0.5


def test_the_page_has_these_numbers():
    found = re.findall(r"^\| (\d+) GPUs? \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert [int(gpus) for gpus, _ in found] == [1, 2, 4, 8]
    for gpus, cells in found:
        share = share_of(TEN_MILLION, int(gpus))
        ms = 1e3 * iteration_seconds(TEN_MILLION, MACHINES["h200"], int(gpus))
        want = [
            f"{share.edges / 1e9:.2f} GB", f"{share.map / 1e6:.0f} MB",
            f"{share.grid / 1e6:.1f} MB", f"{share.sent_charges / 1e6:.1f} MB",
            f"{share.sent_places / 1e6:.0f} MB", f"{ms:.2f} ms",
        ]  # fmt: skip
        assert cells.split(" | ") == want
