"""Tiles as they are answered: kept for ever, in parts, packed, small, and never from elsewhere."""

from __future__ import annotations

import gzip
import json
import os

import pytest
from served import TILE, TILESET, raw

from gputsne.serve.tile_sets import LARGEST


@pytest.fixture
def tiles(ask, folder):
    """A client of a folder with a tile set, and the address of that."""
    client = ask(folder)
    there = client.get("/runs/tiled/tiles/", follow_redirects=False)
    assert there.status_code == 302
    return client, there.headers["Location"]


def test_tiles_are_kept_for_ever_at_an_address_of_their_content(tiles):
    client, root = tiles
    answer = client.get(f"{root}tiles/0/0/0.bin", headers={"Accept-Encoding": "identity"})
    assert answer.content == TILE
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert client.get(f"{root}tileset.json").json() == TILESET
    known = {"If-None-Match": f'W/"x", {answer.headers["ETag"]}'}
    again = client.get(f"{root}tiles/0/0/0.bin", headers=known)
    assert (again.status_code, again.content) == (304, b"")


def test_a_tile_set_that_was_replaced_has_another_address(tiles, folder):
    client, root = tiles
    path = folder / "tiled" / "tiles" / "tileset.json"
    path.write_text(json.dumps({**TILESET, "rows": 6}))
    assert client.get(f"{root}tileset.json").status_code == 404
    there = client.get("/runs/tiled/tiles/", follow_redirects=False).headers["Location"]
    assert there != root
    assert client.get(f"{there}tileset.json").json()["rows"] == 6


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, TILE[:4]),
        ("bytes=1000-", 206, TILE[1000:]),
        ("bytes=-5", 206, TILE[-5:]),
        ("bytes=-99999", 206, TILE),
        ("bytes=1020-99999", 206, TILE[1020:]),
        ("bytes=1024-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-4", 200, TILE),
        ("bytes=0-1,3-4", 200, TILE),
        ("bytes=", 200, TILE),
        ("bytes=a-b", 200, TILE),
        ("bytes=²-3", 200, TILE),
        ("items=0-3", 200, TILE),
        ("bytes=" + "9" * 5000 + "-", 200, TILE),
    ],
)
def test_parts_of_a_tile(tiles, asked, status, part):
    client, root = tiles
    headers = [(b"range", asked.encode()), (b"accept-encoding", b"identity")]
    got, told, body = raw(client.app, f"{root}tiles/0/0/0.bin", headers=headers)
    assert got == status
    if part is not None:
        assert body == part
        assert int(told["content-length"]) == len(part)
    if status == 206:
        first = TILE.index(part) if len(part) > 4 else (0 if part == TILE[:4] else 1020)
        assert told["content-range"].endswith("/1024")
        assert first is not None


def test_a_part_of_what_has_changed_is_the_whole(tiles):
    client, root = tiles
    headers = {"Range": "bytes=0-3", "If-Range": '"another"', "Accept-Encoding": "identity"}
    answer = client.get(f"{root}tiles/0/0/0.bin", headers=headers)
    assert (answer.status_code, answer.content) == (200, TILE)


def test_head_tells_what_get_would_and_sends_nothing(tiles):
    client, root = tiles
    for path in ("tiles/0/0/0.bin", "tileset.json"):
        get, head = client.get(root + path), client.head(root + path)
        assert head.content == b""
        assert head.status_code == get.status_code
        for name in ("Content-Length", "ETag", "Content-Type", "Cache-Control"):
            assert head.headers[name] == get.headers[name]


def test_what_gets_smaller_is_packed_the_same_each_time(tiles):
    client, root = tiles
    packed, plain = [b"gzip", b"identity"]
    path = f"{root}tiles/0/0/0.bin"
    _, told, small = raw(client.app, path, headers=[(b"accept-encoding", packed)])
    _, bare, whole = raw(client.app, path, headers=[(b"accept-encoding", plain)])
    assert told["content-encoding"] == "gzip"
    assert gzip.decompress(small) == whole == TILE
    assert told["etag"] != bare["etag"]
    assert "content-encoding" not in bare
    assert told["vary"] == bare["vary"] == "Accept-Encoding"
    assert raw(client.app, path, headers=[(b"accept-encoding", packed)])[2] == small


@pytest.mark.parametrize(
    "path",
    ["../plain/map.csv", "tiles/../../plain/map.csv", "tiles/0/0/", "tiles", "secret.txt",
     ".hidden.json", "tiles/0/0/0.bin/x.bin", "tiles/0/0/1.bin", "tiles//0/0.bin", "/etc/passwd",
     "tiles/0/0/0.bin\0", "tiles\\0\\0\\0.bin", "a/b/c/d/e/f.bin", "tileset.json.", "..json",
     "x" * 5000 + ".bin", "viewer.exe", "tiles/0/0/link.bin", "linked/0.bin", "pipe.bin",
     "folder.bin"],
)  # fmt: skip
def test_other_files_are_none_of_a_tile_set(tiles, folder, tmp_path, path):
    client, root = tiles
    inside = folder / "tiled" / "tiles"
    (tmp_path / "outside.bin").write_bytes(b"root:")
    (inside / "tiles" / "0" / "0" / "link.bin").symlink_to(tmp_path / "outside.bin")
    (inside / "linked").symlink_to(inside / "tiles" / "0" / "0")
    (inside / ".hidden.json").write_text("root:")
    (inside / "folder.bin").mkdir()
    os.mkfifo(inside / "pipe.bin")
    status, told, body = raw(client.app, root + path)
    assert status == 404
    assert told["content-type"] == "application/json"
    assert b"root:" not in body


def test_a_file_of_more_than_a_megabyte_is_not_sent(tiles, folder):
    client, root = tiles
    where = folder / "tiled" / "tiles" / "tiles" / "0" / "0"
    (where / "1.bin").write_bytes(bytes(LARGEST))
    (where / "2.bin").write_bytes(bytes(LARGEST + 1))
    assert client.get(f"{root}tiles/0/0/1.bin").status_code == 200
    answer = client.get(f"{root}tiles/0/0/2.bin")
    assert answer.status_code == 500
    assert len(answer.content) < 500


def test_a_run_with_neither_map_nor_tiles_has_none(ask, tmp_path):
    import gputsne

    store = gputsne.Store(tmp_path / "store")
    id = store.put({"status": "done"})
    assert ask(store).get(f"/runs/{id}/tiles/").status_code == 404
