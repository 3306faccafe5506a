"""Plans of fits that keep parts of themselves on disk: which way fits, and what it takes."""

from __future__ import annotations

import pytest

from gputsne import plan
from gputsne.base.errors import OverMemory
from gputsne.planning.memory import BASE
from gputsne.planning.ways import IN_MEMORY, Way, ways


def test_ten_million_rows_on_disk_fit_in_24_gb():
    whole = plan(10_000_000, 50, on_disk=True)
    assert whole.host_bytes > 24e9
    made = plan(10_000_000, 50, on_disk=True, memory_limit="24GB")
    assert made.way == Way(P_on_disk=True)
    assert made.host_bytes < 24e9
    assert made.disk_bytes == made.parts["joint P"]
    tighter = plan(10_000_000, 50, on_disk=True, memory_limit="22GB")
    assert tighter.way == Way(rows_on_disk=True, P_on_disk=True)
    assert tighter.disk_bytes == made.disk_bytes + 4 * 50 * 10_000_000
    uniform = plan(10_000_000, 50, on_disk=True, affinity="uniform", memory_limit="24GB")
    assert uniform.way == IN_MEMORY
    assert uniform.host_bytes < made.host_bytes / 2


def test_rows_on_disk_count_as_blocks_alone():
    for d in (50, 1000):
        held = (
            plan(1_000_000, d, pca=50).host_bytes
            - plan(1_000_000, d, pca=50, on_disk=True).host_bytes
        )
        assert 0.8 * 4e6 * d - 3e8 < held <= 4e6 * d
    small, large = (plan(n, 4000, pca=50, on_disk=True).parts["data"] for n in (10**4, 10**8))
    assert small == large


def test_the_first_way_that_fits_is_taken_and_else_the_leanest():
    n, d = 200_000, 800
    whole = plan(n, d)
    assert plan(n, d, memory_limit=whole.host_bytes).way == IN_MEMORY
    last = plan(n, d, memory_limit=whole.host_bytes - 1)
    assert last.way == Way(rows_on_disk=True)
    seen = [last]
    while (after := plan(n, d, memory_limit=seen[-1].host_bytes - 1)).way != seen[-1].way:
        seen.append(after)
    assert [made.host_bytes for made in seen] == sorted({made.host_bytes for made in seen})[::-1]
    last = seen[-1]
    assert (last.way.rows_on_disk, len(seen) > 2, last.way.parts > 1) == (True, True, True)
    assert last == plan(n, d, memory_limit=1)
    with pytest.raises(OverMemory, match="memory_limit is"):
        last.check(last.host_bytes - 1)


def test_without_lists_or_a_packed_p_there_are_fewer_ways():
    assert {way.parts for way in ways(False, True)} == {1}
    assert not any(way.P_on_disk for way in ways(True, False))
    assert str(Way(True, 4, True)) == "rows on disk, P on disk, lists in 4 parts"
    assert str(IN_MEMORY) == "all in memory"
    by_pairs = plan(20_000, 30, metric="manhattan", memory_limit=BASE)
    assert by_pairs.way.parts == 1


def test_a_plan_knows_how_many_neighbours_equal_weights_have():
    assert plan(10**6, 50, affinity="uniform").parts["neighbour lists"] == 8 * 15 * 10**6
    assert plan(10, 50, affinity="uniform").parts["neighbour lists"] == 8 * 9 * 10
