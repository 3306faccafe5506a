"""The folder of a tile set: equal bytes, whole or not at all, other things left alone."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from tilesets import clouds, digest, read

import gputsne
from gputsne.base.errors import BadInput, OverMemory
from gputsne.tiling import building, folder
from gputsne.tiling.memory import tiles_plan


@pytest.fixture(scope="module")
def table():
    return clouds()


def test_equal_input_gives_equal_bytes(table, tmp_path):
    Y, frame = table
    for name in ("one", "two"):
        gputsne.tiles(Y, tmp_path / name, labels=frame["kind"], ids=frame["name"])
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    gputsne.tiles(Y, tmp_path / "three", labels=frame["kind"], ids=frame["name"], random_state=1)
    assert digest(tmp_path / "one") != digest(tmp_path / "three")


def test_any_number_of_threads_gives_equal_bytes(table, tmp_path):
    np.save(tmp_path / "map.npy", table[0])
    code = "import gputsne, sys; gputsne.tiles('map.npy', sys.argv[1])"
    for threads in ("1", "2"):
        env = os.environ | dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"], threads)
        done = [sys.executable, "-c", code, threads]
        subprocess.run(done, cwd=tmp_path, env=env, check=True, timeout=60)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_an_earlier_set_is_replaced(table, tmp_path):
    Y, frame = table
    out = tmp_path / "t"
    out.mkdir()  # an empty folder is as good as none
    gputsne.tiles(Y, out, labels=frame["kind"])
    gputsne.tiles(Y[:500], out)
    tileset, tiles = read(out)
    assert (tileset["rows"], sum(header["rows"] for header, _ in tiles.values())) == (500, 500)
    assert len([p for p in out.iterdir() if p.name.startswith("tiles") and p.is_dir()]) == 1
    assert tileset["path"] != "tiles"


@pytest.mark.parametrize("other", ["notes.txt", "tileset.json"])
def test_a_folder_of_other_things_is_left_alone(table, tmp_path, other: str):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / other).write_text('{"schema": "others/1"}')
    with pytest.raises(BadInput, match="other things than tiles"):
        gputsne.tiles(table[0], tmp_path / "t")
    assert [p.name for p in (tmp_path / "t").iterdir()] == [other]


def test_a_file_and_a_missing_folder_are_named(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file"):
        gputsne.tiles(table[0], tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        gputsne.tiles(table[0], tmp_path / "no" / "t")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("when", [0, 2, "finish"])
def test_what_stops_the_writing_leaves_the_earlier_set(table, tmp_path, monkeypatch, error, when):
    Y, _ = table
    out = tmp_path / "t"
    gputsne.tiles(Y, out)
    before = digest(out)
    calls = []

    def fail(*args):
        calls.append(args)
        if when == "finish" or len(calls) > when:
            raise error
        return pack(*args)

    pack = building._Cutting.packed
    if when == "finish":
        monkeypatch.setattr(folder, "_sync", fail)
    else:
        monkeypatch.setattr(building._Cutting, "packed", lambda self, tile, square=None: (
            pack(self, tile, square) if square is not None else fail(self, tile)))  # fmt: skip
    for target in (out, tmp_path / "new"):
        with pytest.raises(type(error)):
            gputsne.tiles(Y[:30_000], target)
    assert digest(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_a_full_disk_leaves_the_earlier_set(table, tmp_path):
    """The system's own error, where a file may be no longer than a tile."""
    np.save(tmp_path / "map.npy", table[0])
    gputsne.tiles(table[0], tmp_path / "t")
    before = digest(tmp_path / "t")
    code = (
        "import resource, signal, gputsne\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "gputsne.tiles('map.npy', 't')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert "File too large" in done.stderr
    assert digest(tmp_path / "t") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.npy", "t"]


def test_leftovers_of_a_killed_writer_go_with_the_next(table, tmp_path):
    Y, _ = table
    gputsne.tiles(Y[:100], tmp_path / "t")
    (tmp_path / "t" / "tiles-7" / "0").mkdir(parents=True)
    gputsne.tiles(Y[:100], tmp_path / "t")
    tileset, _ = read(tmp_path / "t")
    assert tileset["path"] == "tiles-8"
    assert not (tmp_path / "t" / "tiles-7").exists()


def test_memory_is_told_before(table, tmp_path):
    with pytest.raises(OverMemory, match=r"these tiles need 0\.15 GB, memory_limit is"):
        gputsne.tiles(table[0], tmp_path / "t", memory_limit="100M")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("texts", [False, True])
def test_memory_stays_below_what_is_planned(tmp_path, texts: bool):
    """Peaks of all that is allocated, but for interpreter and libraries."""
    rng = np.random.default_rng(0)
    n = 300_000
    Y = rng.normal(size=(n, 2)).astype(np.float32)
    given = {"labels": rng.integers(0, 9, n), "columns": {"v": rng.normal(size=n)}}
    if texts:
        given["ids"] = [f"record number {i}" for i in range(n)]
    gputsne.tiles(Y[:10], tmp_path / "warm")
    tracemalloc.start()
    try:
        gputsne.tiles(Y, tmp_path / "t", **given)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    planned = sum(tiles_plan(n, 2, int(texts)).parts.values())
    assert planned / 3 < peak < planned
