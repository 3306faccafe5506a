"""Tiles as they are answered: kept for ever, in parts, packed, small, and never from elsewhere."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from served import TILE, TILESET, raw

import gputsne
import gputsne.tiling
from gputsne.serve.cache import Cache
from gputsne.serve.measures import Measures
from gputsne.serve.tile_sets import LARGEST
from gputsne.viewer import folder as folder_of_viewer
from gputsne.viewer.container import unpack


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
    store = gputsne.Store(tmp_path / "store")
    id = store.put({"status": "done"})
    assert ask(store).get(f"/runs/{id}/tiles/").status_code == 404


def test_the_page_is_the_package_s_and_runs_nothing_of_the_folder_s(tiles):
    client, root = tiles
    page = client.get(root)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<title>Tiles</title>" in page.text
    names = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"viewer.js", "viewer.css", "page.js", "tileset.json"} <= set(names)
    for name in names:
        answer = client.get(root + name)
        assert answer.status_code == 200
        assert "alert(1)" not in answer.text
        assert len(answer.content) < LARGEST
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)[^>]*>", page.text)
    script = client.get(f"{root}page.js").text
    assert "sendBeacon" in script
    assert 'import { start } from "./viewer.js"' in folder_of_viewer({})["page.js"].decode()
    assert page.headers["Cache-Control"] == "private, no-cache"  # an update brings another


@pytest.fixture
def built(ask, store, id):
    """A client of a store, and the address of the tiles that it builds of a run."""

    def client(**settings):
        asked = ask(store, **settings)
        there = asked.get(f"/runs/{id}/tiles/", follow_redirects=False)
        assert there.status_code == 302, there.text
        return asked, there.headers["Location"]

    return client


def all_tiles(client, root) -> bytes:
    told = client.get(f"{root}tileset.json")
    keys = told.json()["tiles"]
    bodies = [client.get(f"{root}{told.json()['path']}/{key}.bin") for key in keys]
    assert all(body.status_code == 200 for body in bodies)
    return b"".join([told.content, *(body.content for body in bodies)])


def test_tiles_of_a_run_are_built_when_asked_for_and_once(built, model, store, monkeypatch):
    client, root = built()
    told = client.get(f"{root}tileset.json").json()
    assert told["rows"] == 60
    header, columns = unpack(client.get(f"{root}{told['path']}/0/0/0.bin").content)
    x0, y0, side = header["square"]
    found = np.stack([columns["x"], columns["y"]], axis=1) / 65535 * side + [x0, y0]
    want = model.embedding_[columns["id"]]
    assert sorted(columns["id"]) == list(range(60))
    assert np.abs(found - want).max() <= side / 65535  # a unit of the tile
    again, same = built()
    assert same == root
    assert again.get(f"{root}tileset.json").json() == told


def test_tiles_of_a_run_have_no_columns_but_those_named(built):
    client, root = built()
    held = all_tiles(client, root)
    for personal in (b"example.org", b"id-7", b"north"):
        assert personal not in held
    names = [c["name"] for c in client.get(f"{root}tileset.json").json()["columns"]]
    assert names == ["c0", "id"]  # the labels; numbers of rows
    other, there = built(columns=("site",), ids=True)
    assert there != root
    held = all_tiles(other, there)
    assert b"north" in held
    assert b"id-7" in held
    assert b"example.org" not in held


def test_tiles_of_counts_show_no_single_points(built):
    client, root = built(min_cell=3, ids=True, columns=("email",))
    told = client.get(f"{root}tileset.json").json()
    assert told["min_cell"] == 3
    held = all_tiles(client, root)
    assert b"id-7" not in held
    assert b"example.org" not in held
    _, columns = unpack(client.get(f"{root}{told['path']}/0/0/0.bin").content)
    assert min(columns["count"]) >= 3


def test_many_at_once_build_a_tile_set_once(ask, store, id, monkeypatch):
    calls, make = [], gputsne.tiling.tiles
    monkeypatch.setattr(gputsne.tiling, "tiles", lambda *a, **k: calls.append(1) or make(*a, **k))
    client = ask(store)
    with ThreadPoolExecutor(8) as threads:
        told = list(
            threads.map(
                lambda _: client.get(f"/runs/{id}/tiles/", follow_redirects=False), range(8)
            )
        )
    assert {answer.status_code for answer in told} == {302}
    assert len(calls) == 1


def test_who_waits_too_long_for_a_tile_set_is_told_to_come_again(ask, store, id, monkeypatch):
    go, make = threading.Event(), gputsne.tiling.tiles
    monkeypatch.setattr(gputsne.tiling, "tiles", lambda *a, **k: go.wait(60) and make(*a, **k))
    client = ask(store, wait_seconds=0.05)
    answer = client.get(f"/runs/{id}/tiles/", follow_redirects=False)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    go.set()
    while client.app.work.busy:
        time.sleep(0.01)
    assert client.get(f"/runs/{id}/tiles/", follow_redirects=False).status_code == 302


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(
    ask, store, id, monkeypatch, tmp_path
):
    def fail(source, folder, **more):
        (folder / "half").write_bytes(b"half")
        raise OSError("no space left")

    make = gputsne.tiling.tiles
    monkeypatch.setattr(gputsne.tiling, "tiles", fail)
    client = ask(store)
    assert client.get(f"/runs/{id}/tiles/", follow_redirects=False).status_code == 500
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    monkeypatch.setattr(gputsne.tiling, "tiles", make)
    assert client.get(f"/runs/{id}/tiles/", follow_redirects=False).status_code == 302


def test_a_page_opened_before_a_tile_set_was_replaced_goes_on(ask, tmp_path):
    Y = np.random.default_rng(0).normal(size=(50, 2))
    gputsne.tiles(Y, tmp_path / "live", title="one")
    client = ask(tmp_path / "live")
    root = client.get("/runs/live/tiles/", follow_redirects=False).headers["Location"]
    path = client.get(f"{root}tileset.json").json()["path"]
    gputsne.tiles(Y + 1, tmp_path / "live", title="two")
    assert client.get(root, follow_redirects=False).headers["Location"] == "/runs/live/tiles/"
    assert client.get(f"{root}tileset.json").status_code == 404
    there = client.get("/runs/live/tiles/", follow_redirects=False).headers["Location"]
    assert client.get(f"{there}tileset.json").json()["title"] == "two"
    former = client.get(f"{root}{path}/0/0/0.bin")  # gone, or answered: never another's
    assert former.status_code in (200, 404)


def test_the_cache_forgets_what_was_used_longest_ago_and_no_key_leads_out(tmp_path):
    cache = Cache(tmp_path, 1500, Measures())
    for name in ("a", "b", "c"):
        cache.make(name, lambda folder: (folder / "file").write_bytes(bytes(700)) and None)
        os.utime(tmp_path / name, (ord(name), ord(name)))
    cache.make("d", lambda folder: (folder / "file").write_bytes(bytes(700)) and None)
    assert {p.name for p in tmp_path.iterdir()} == {"c", "d", "tmp"}
    assert not list((tmp_path / "tmp").iterdir())
    for key in ("..", "a/b", "", "A", "tmp.", "a--b"):
        with pytest.raises(ValueError, match="key"):
            cache.find(key)


def test_leftovers_of_killed_servers_are_removed_after_a_day(tmp_path):
    for name, age in (("old", 2 * 86_400), ("new", 60)):
        (tmp_path / "tmp" / name).mkdir(parents=True)
        then = time.time() - age
        os.utime(tmp_path / "tmp" / name, (then, then))
    Cache(tmp_path, 10**9, Measures())
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["new"]
