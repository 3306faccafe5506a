"""Several writers of one tile set at once: every one ends well, and the last one wins, whole."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tilesets import digest, joined, read

import gputsne
from gputsne.base.errors import BadInput
from gputsne.tiling import building, folder

WRITER = (
    "import sys, numpy as np, gputsne\n"
    "seed = int(sys.argv[2])\n"
    "Y = np.random.default_rng(seed).normal(size=(20_000 + seed, 2))\n"
    "sys.stdin.read(1)\n"
    "for _ in range(3):\n"
    "    gputsne.tiles(Y, sys.argv[1], title=f'of {seed}')\n"
)


@pytest.mark.parametrize("there", ["nothing", "empty", "tiles"])
def test_processes_at_once_leave_one_whole_set(tmp_path, there: str):
    out = tmp_path / "t"
    if there == "empty":
        out.mkdir()
    elif there == "tiles":
        gputsne.tiles(np.eye(2), out)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(out), str(seed)], stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for seed in range(3)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"x")
        writer.stdin.flush()
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said.decode()
    tileset, tiles = read(out)
    seed = int(tileset["title"].removeprefix("of "))
    alone = tmp_path / "alone"
    Y = np.random.default_rng(seed).normal(size=(20_000 + seed, 2))
    gputsne.tiles(Y, alone, title=f"of {seed}")
    assert digest(out / tileset["path"]) == digest(alone / "tiles")
    assert np.array_equal(np.sort(joined(tiles, "id")), np.arange(20_000 + seed))
    assert tileset["title"].encode() in (out / "index.html").read_bytes()
    kept = {p.name for p in out.iterdir() if "tiles" in p.name} - {"tileset.json"}
    assert kept == {tileset["path"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alone", "t"]


@pytest.mark.parametrize("locks", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_a_writer_is_overtaken_by_others(tmp_path, monkeypatch, there: bool, locks: bool):
    """Two sets are put in place while the third is cut; also where files can't be locked."""
    out, Y = tmp_path / "t", np.random.default_rng(0).normal(size=(3000, 2))
    if not locks:
        import fcntl

        def none(*args):
            raise OSError("no locks here")

        monkeypatch.setattr(fcntl, "flock", none)
    if there:
        gputsne.tiles(Y[:10], out)
    packed = building._Cutting.packed
    overtaking = iter([Y[:500], Y[:700]])

    def overtaken(self, tile, square=None):
        if square is None and (other := next(overtaking, None)) is not None:
            with monkeypatch.context() as patch:
                patch.setattr(building._Cutting, "packed", packed)
                gputsne.tiles(other, out)
            assert read(out)[0]["rows"] == len(other)
        return packed(self, tile, square)

    monkeypatch.setattr(building._Cutting, "packed", overtaken)
    monkeypatch.setattr(building, "TILE_BYTES", 10_000)
    gputsne.tiles(Y, out)
    tileset, tiles = read(out)
    assert tileset["rows"] == len(joined(tiles, "id")) == 3000
    if locks:
        assert len([p for p in out.iterdir() if p.is_dir() and "tiles" in p.name]) == 1


def test_other_things_put_there_meanwhile_are_left_alone(tmp_path, monkeypatch):
    out = tmp_path / "t"
    sync = folder._sync

    def putting(path):
        out.mkdir(exist_ok=True)
        (out / "notes.txt").write_text("mine")
        sync(path)

    monkeypatch.setattr(folder, "_sync", putting)
    with pytest.raises(BadInput, match="other things than tiles"):
        gputsne.tiles(np.eye(2), out)
    assert [p.name for p in out.iterdir()] == ["notes.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_what_the_index_names_is_not_removed(tmp_path, monkeypatch):
    """Where the disk fails once tileset.json is in place."""
    out = tmp_path / "t"
    gputsne.tiles(np.eye(2), out)
    synced = folder._sync_files

    def failing(paths):
        if out in paths:
            raise OSError("the disk is gone")
        synced(paths)

    monkeypatch.setattr(folder, "_sync_files", failing)
    with pytest.raises(OSError, match="gone"):
        gputsne.tiles(np.eye(3, 2), out)
    assert read(out)[0]["rows"] == sum(header["rows"] for header, _ in read(out)[1].values()) == 3


def test_parts_of_killed_writers_go_and_those_of_others_stay(tmp_path):
    out = tmp_path / "t"
    gputsne.tiles(np.eye(2), out)
    dead, alive = (out / f".tiles-{digit * 16}" for digit in "ab")
    dead.mkdir()
    alive.mkdir()
    with folder.locked(alive):
        gputsne.tiles(np.eye(2), out)
        assert (dead.exists(), alive.exists()) == (False, True)
    gputsne.tiles(np.eye(2), out)
    assert not alive.exists()
