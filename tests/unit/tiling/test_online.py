"""OnlineMap: a fair sample of a stream on a map that stands still, and tiles that follow it."""

from __future__ import annotations

import errno
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tilesets import digest, everything, joined, places, read

import gputsne
from gputsne.base.errors import BadInput
from gputsne.tiling import online as room

BASE = np.random.default_rng(7).normal(size=(300, 2)).astype(np.float32)


def model(**more):
    """Return a map that places a row at its first two numbers."""
    return SimpleNamespace(
        embedding_=BASE, n_features_in_=3,
        transform=lambda X: np.asarray(X)[:, :2].astype(np.float32), **more,
    )  # fmt: skip


def batches(count: int, m: int = 100, seed: int = 0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(m, 3)) for _ in range(count)]


def test_the_sample_is_that_of_a_reservoir_and_lies_where_transform_puts_it(tmp_path):
    stream = batches(20)
    with gputsne.OnlineMap(model(), tmp_path / "t", reservoir=150, refresh=None) as online:
        kept = [online.add(X) for X in stream]
    whole = np.concatenate(stream)
    reservoir = gputsne.Reservoir(150, random_state=0)
    for X in stream:
        reservoir.add(X)
    assert np.array_equal(online.rows, reservoir.places)
    assert np.array_equal(online.points, whole[online.rows, :2].astype(np.float32))
    assert kept[:2] == [100, 50 + kept[1] - 50]
    assert (online.seen, online.batches, online.version) == (2000, 20, 1)
    tileset, tiles = read(tmp_path / "t")
    ids = joined(tiles, "id")
    assert np.array_equal(np.sort(ids), np.r_[np.arange(300), 300 + online.rows])
    points, off = places(tiles)
    every = np.concatenate([BASE, whole[:, :2].astype(np.float32)])
    assert (np.abs(points - every[ids]).max(axis=1) <= off + 1e-12).all()
    batch = joined(tiles, tileset["columns"][1]["name"])
    assert np.array_equal(batch, np.where(ids < 300, 0, (ids.astype(int) - 300) // 100 + 1))


def test_no_point_moves_while_the_stream_flows(tmp_path):
    """On a real map: to the bit, through every version of the tiles' state."""
    X = gputsne.datasets.load_digits().X
    fitted = gputsne.TSNE(random_state=0, max_iter=60, early_exaggeration_iter=30).fit(X[:500])
    before = fitted.embedding_.copy()
    online = gputsne.OnlineMap(fitted, tmp_path / "t", reservoir=200)
    known: dict[int, bytes] = {}
    for first in range(500, 1100, 100):
        online.add(X[first : first + 100])
        for row, point in zip(online.rows.tolist(), online.points, strict=True):
            assert known.setdefault(row, point.tobytes()) == point.tobytes()
    assert np.array_equal(fitted.embedding_, before)
    alone = fitted.transform(X[500 + online.rows[7] : 501 + online.rows[7]])[0]
    assert np.array_equal(alone, online.points[7])


def test_memory_is_flat_over_fifty_batches(tmp_path):
    stream = batches(5, m=800)
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=4000, refresh=5)
    held, peaks = [], []
    tracemalloc.start()
    try:
        for i in range(50):
            tracemalloc.reset_peak()
            online.add(stream[i % 5], labels=np.arange(800) % 7)
            now, peak = tracemalloc.get_traced_memory()
            held.append(now)
            peaks.append(peak)
    finally:
        tracemalloc.stop()
    # after ten batches the reservoir is full, and all that is imported late has been
    assert max(held[10:]) <= 1.05 * max(held[10:15])
    assert max(peaks[10:]) <= 1.05 * max(peaks[10:15])


def test_the_stream_goes_on_after_a_crash_as_if_nothing_had_happened(tmp_path):
    stream = batches(12)
    labels = [np.array(["ant", "bee", None], dtype=object)[np.arange(100) % 3] for _ in stream]
    whole = gputsne.OnlineMap(model(), tmp_path / "whole", reservoir=150, refresh=3)
    for X, own in zip(stream, labels, strict=True):
        whole.add(X, labels=own)
    first = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=150, refresh=3)
    for X, own in zip(stream[:8], labels[:8], strict=True):
        first.add(X, labels=own)
    again = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=150, refresh=3)
    assert (again.seen, again.batches) == (600, 6)  # those that the last refresh wrote down
    for X, own in zip(stream[6:], labels[6:], strict=True):
        again.add(X, labels=own)
    assert np.array_equal(again.points, whole.points)
    assert again.version == whole.version == 4
    assert digest(tmp_path / "t") == digest(tmp_path / "whole")


def test_the_version_before_stays_for_those_who_still_read_it(tmp_path):
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=50)
    paths = []
    for X in batches(4):
        online.add(X)
        tileset, _ = read(tmp_path / "t")
        paths.append(tileset["path"])
        assert tileset["version"] == len(paths)
        there = {p.name for p in (tmp_path / "t").iterdir() if p.name.startswith("tiles")}
        assert there - {"tileset.json"} == set(paths[-2:])
    assert len(set(paths)) == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no place")])
def test_a_batch_that_is_stopped_does_not_count(tmp_path, error):
    stream = batches(6)
    broken = model()
    place = broken.transform
    online = gputsne.OnlineMap(broken, tmp_path / "t", reservoir=150)
    other = gputsne.OnlineMap(model(), tmp_path / "u", reservoir=150)
    for i, X in enumerate(stream):
        if i in (1, 4):

            def fail(X):
                raise error

            broken.transform = fail
            before = (online.seen, online.points.tobytes())
            with pytest.raises(type(error)):
                online.add(X)
            assert before == (online.seen, online.points.tobytes())
            broken.transform = place
        online.add(X)
        other.add(X)
    assert np.array_equal(online.points, other.points)
    assert digest(tmp_path / "t") == digest(tmp_path / "u")


def test_a_full_disk_leaves_the_earlier_tiles_and_loses_no_batch(tmp_path, monkeypatch):
    stream = batches(3)
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=150)
    online.add(stream[0])
    before = digest(tmp_path / "t")

    def full(*args, **more):
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(room, "save", full)
        with pytest.raises(OSError, match="no space"):
            online.add(stream[1])
    assert digest(tmp_path / "t") == before
    assert online.seen == 200
    online.add(stream[2])
    assert read(tmp_path / "t")[0]["seen"] == 300


def test_labels_keep_their_colours_from_version_to_version(tmp_path):
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=500, labels=["map"] * 300)
    seen: dict[str, str] = {}
    for i, X in enumerate(batches(4)):
        online.add(X, labels=[f"kind {chr(ord('d') - i)}"] * 100)
        column = read(tmp_path / "t")[0]["columns"][0]
        for name, colour in zip(column["categories"], column["colours"], strict=True):
            assert seen.setdefault(name, colour) == colour
    assert len(set(seen.values())) == len(seen) == 5


def test_ids_are_hashed_and_nothing_personal_is_kept(tmp_path):
    emails = np.array([f"someone{i}@example.org" for i in range(200)])
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=150, hash_ids="pepper and salt 1")
    for i, X in enumerate(batches(2)):
        frame = pd.DataFrame(X, columns=list("abc"))
        online.add(frame, ids=emails[100 * i : 100 * i + 100])
    kept = everything(tmp_path / "t") + (tmp_path / "t.state.npz").read_bytes()
    assert b"example.org" not in kept
    assert b"pepper and salt 1" not in kept
    wanted = gputsne.OnlineMap(model(), tmp_path / "u", reservoir=150, hash_ids="pepper and salt 1")
    wanted.add(batches(1)[0], ids=emails[:100])
    ids = set(joined(read(tmp_path / "u")[1], "id"))
    assert {f"map row {i}" for i in range(300)} < ids
    assert len(ids) == 400


def test_counts_in_place_of_points(tmp_path):
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=800, min_cell=5)
    for X in batches(10):
        online.add(X)
    _, tiles = read(tmp_path / "t")
    assert joined(tiles, "count").min() >= 5
    with pytest.raises(ValueError, match="single rows"):
        online.add(batches(1)[0], ids=np.arange(100))


@pytest.mark.parametrize("X", [[], np.empty((0, 3)), pd.DataFrame(columns=list("abc"))])
@pytest.mark.parametrize("more", [{}, {"labels": []}, {"ids": []}, {"labels": [], "ids": []}])
def test_nothing_happens_for_batches_without_rows(tmp_path, X, more):
    online = gputsne.OnlineMap(model(), tmp_path / "t", reservoir=50)
    assert online.add(X, **more) == 0
    assert not (tmp_path / "t").exists()
    online.add(batches(1)[0], ids=np.arange(100))
    points, before = online.points, digest(tmp_path / "t")
    assert online.add(X, **more) == 0
    assert np.array_equal(online.points, points)
    assert (online.seen, online.batches, online.version) == (100, 1, 1)
    assert digest(tmp_path / "t") == before
    with pytest.raises(ValueError, match="labels has 1 entries, but X has 0 rows"):
        online.add(X, labels=["a"])


def test_what_does_not_go_is_named(tmp_path):
    X = batches(1)[0]
    with pytest.raises(TypeError, match="no map yet"):
        gputsne.OnlineMap(gputsne.TSNE(), tmp_path / "t")
    flat = SimpleNamespace(embedding_=BASE[:, :1], transform=None)
    with pytest.raises(ValueError, match="two axes"):
        gputsne.OnlineMap(flat, tmp_path / "t")
    with pytest.raises(ValueError, match="shape"):
        gputsne.OnlineMap(model(), tmp_path / "t", labels=["a"])
    with pytest.raises(ValueError, match="0 bytes"):
        gputsne.OnlineMap(model(), tmp_path / "t", hash_ids="")
    with pytest.raises(ValueError, match="reservoir=0"):
        gputsne.OnlineMap(model(), tmp_path / "t", reservoir=0)
    online = gputsne.OnlineMap(model(), tmp_path / "t")
    with pytest.raises(ValueError, match="fitted to 3 columns"):
        online.add(X[:, :2])
    with pytest.raises(ValueError, match="shape"):
        online.add(X, labels=["a"])
    online.add(X, ids=np.arange(100))
    with pytest.raises(ValueError, match="every batch or with none"):
        online.add(X)
    assert online.seen == 100


def test_a_state_of_another_map_or_a_damaged_one_is_refused(tmp_path):
    gputsne.OnlineMap(model(), tmp_path / "t").add(batches(1)[0])
    other = model()
    other.embedding_ = BASE + 1
    with pytest.raises(BadInput, match="another map"):
        gputsne.OnlineMap(other, tmp_path / "t")
    for name, more in (
        ("reservoir", {"reservoir": 7}), ("random_state", {"random_state": 1}),
        ("min_cell", {"min_cell": 5}), ("labels", {"labels": ["a"] * 300}),
        ("hash_ids", {"hash_ids": "pepper and salt 1"}),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=f"another {name}"):
            gputsne.OnlineMap(model(), tmp_path / "t", **more)
    assert gputsne.OnlineMap(model(), tmp_path / "t", title="a", caption="b", refresh=9).seen == 100
    state = tmp_path / "t.state.npz"
    state.write_bytes(state.read_bytes()[:-200])
    with pytest.raises(BadInput, match="no state of an OnlineMap"):
        gputsne.OnlineMap(model(), tmp_path / "t")


def test_of_two_streams_into_one_folder_the_second_is_refused_and_none_is_lost(tmp_path):
    """With a state to begin with and without one; what the first wrote stands."""
    for begun in (False, True):
        out = tmp_path / f"t{begun}"
        if begun:
            gputsne.OnlineMap(model(), out).add(batches(1)[0])
        one, two = (gputsne.OnlineMap(model(), out) for _ in range(2))
        one.add(batches(1)[0])
        before = digest(out)
        with pytest.raises(BadInput, match="by another OnlineMap"):
            two.add(batches(1)[0])
        assert digest(out) == before
        one.add(batches(1)[0])
        assert gputsne.OnlineMap(model(), out).seen == one.seen == 200 + 100 * begun


def test_the_state_is_for_its_user_alone_and_single_points_are_never_published(tmp_path):
    state = tmp_path / "t.state.npz"
    with gputsne.OnlineMap(model(), tmp_path / "t", min_cell=5) as online:
        online.add(batches(1, m=2000)[0])
    assert state.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match=r"another min_cell \(here None, there 5\)"):
        gputsne.OnlineMap(model(), tmp_path / "t")
    state.chmod(0o644)
    gputsne.OnlineMap(model(), tmp_path / "t", min_cell=5).refresh()
    assert state.stat().st_mode & 0o777 == 0o600
    assert "min_cell" in read(tmp_path / "t")[0]
