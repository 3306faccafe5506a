"""A stream is watched: the alarm comes within three windows of the onset, and none before."""

from __future__ import annotations

import numpy as np
import pytest

import gputsne

drifting_stream = gputsne.datasets.drifting_stream


@pytest.mark.parametrize("seed", [0, 1])
def test_a_drift_is_seen_within_three_windows_and_nothing_before(seed):
    stream = drifting_stream(7, onset=4, rows=300, random_state=seed)
    found = gputsne.watch(stream.reference, stream.windows, onset=4)
    assert not any(row["alarm"] for row in found[:4])
    assert found.evidence["false_alarms"] == 0.0
    assert found.evidence["alarm_precision"] == 1.0
    assert 1 <= found.evidence["alarm_delay"] <= 3
    assert found.evidence["first_alarm"] == 4 + found.evidence["alarm_delay"] - 1
    assert "stream_novel" in found[-1]["rules"]


def test_small_windows_without_drift_raise_no_alarm():
    stream = drifting_stream(4, onset=4, rows=60, random_state=3)
    found = gputsne.watch(stream.reference, stream.windows)
    assert found.evidence == {"alarms": 0.0}


def test_a_unit_that_changes_is_a_drift_as_a_whole():
    stream = drifting_stream(2, onset=2, rows=300)
    found = gputsne.watch(stream.reference, [stream.windows[0], stream.windows[1] * 2.54])
    assert [row["alarm"] for row in found] == [False, True]
    assert "stream_whole" in found[1]["rules"]


def test_windows_of_as_many_rows_are_not_the_same_rows():
    X = np.random.default_rng(0).normal(size=(200, 4))
    found = gputsne.watch(X, [X[::-1] + 0.0])
    assert not found[0]["alarm"]


def test_thresholds_are_the_rules_and_a_false_alarm_is_counted():
    stream = drifting_stream(2, onset=2, rows=100)
    strict = {"stream_whole": {"fault": "drift_mmd >= 0"}}
    found = gputsne.watch(stream.reference, stream.windows, onset=1, rules=strict)
    assert found.evidence == {
        "alarms": 2.0, "first_alarm": 0.0, "false_alarms": 1.0, "alarm_precision": 0.5,
        "alarm_delay": 1.0,
    }  # fmt: skip


def test_every_rule_of_a_stream_passes_and_fails():
    good = {"drift_novel": 0.02, "drift_novel_low": 0.0, "drift_mmd": 0.01, "drift_mmd_p": 0.5}
    assert gputsne.check(good, "stream").passed
    for bad, row in (
        ({"drift_novel": 0.05, "drift_novel_low": 0.03}, "stream_novel"),
        ({"drift_mmd": 0.2, "drift_mmd_p": 0.005}, "stream_whole"),
    ):
        found = gputsne.check(good | bad, "stream")
        assert [r.id for r in found.rows if r.status == "fail"] == [row]
    assert gputsne.check(good | {"drift_mmd": 0.2}, "stream").passed  # chance


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"windows": 0}, "windows=0 must be at least 1"),
        ({"rows": 5}, "rows=5 at least 20"),
        ({"onset": 30}, "onset=30 must be between 0 and windows=20"),
        ({"share": 1.0}, "share=1.0 must be between 0 and 1"),
    ],
)
def test_streams_that_make_no_sense_are_refused(how, says):
    with pytest.raises(ValueError, match=says):
        drifting_stream(**how)


def test_a_stream_is_what_it_says():
    stream = drifting_stream(6, onset=3, rows=100, d=8, share=0.2, speed=5.0, random_state=1)
    assert stream.reference.shape == (200, 8)
    assert [len(X) for X in stream.windows] == [100] * 6
    assert [int(rows.sum()) for rows in stream.drifting] == [0, 0, 0, 20, 20, 20]
    again = drifting_stream(6, onset=3, rows=100, d=8, share=0.2, speed=5.0, random_state=1)
    np.testing.assert_array_equal(stream.windows[5], again.windows[5])
    far = [
        np.linalg.norm(X[rows].mean(axis=0) - X[~rows].mean(axis=0))
        for X, rows in zip(stream.windows[3:], stream.drifting[3:], strict=True)
    ]
    assert np.diff(far) == pytest.approx([5.0, 5.0], abs=4.0)  # 10 sqrt(2 / 20) of the centres


def test_an_unknown_profile_is_refused_before_the_stream_begins():
    with pytest.raises(ValueError, match="profile='nope'"):
        gputsne.watch(np.zeros((20, 2)), [], profile="nope")


def test_a_column_that_goes_missing_raises_an_alarm_and_chance_does_not():
    X = np.random.default_rng(0).normal(size=(300, 4))
    X[::20, 2] = np.nan  # one of twenty, as always
    usual, gone = X[:100] + 0.0, X[100:200] + 0.0
    gone[::2, 1] = np.nan
    found = gputsne.watch(X, [usual, gone])
    assert [row["alarm"] for row in found] == [False, True]
    assert found[1]["rules"] == "null_rates"
    told = gputsne.drift(X, gone).evidence
    assert told["null_rate_column"] == "1"
    # half of 100 rows, less the error of chance: z = 2.50 of 0.05 among four columns
    error = 2.4977 * (0.125 * 0.875 * (1 / 300 + 1 / 100)) ** 0.5
    assert told["null_rate_change"] == pytest.approx(0.5 - error, abs=1e-4)
