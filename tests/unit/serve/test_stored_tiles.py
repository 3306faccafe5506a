"""Tile sets that lie in a served folder: they show no more than the server's settings allow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from served import EMAIL, PNG

import gputsne
from gputsne.data import write
from gputsne.viewer.container import unpack

N = 500
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
EMAILS = np.array([f"{i}-{EMAIL}" for i in range(N)])
KINDS = np.array(["a", "b"] * (N // 2))


def stored(root, **how):
    """Return a folder with one tile set, of the map ``m``."""
    (root / "m").mkdir(parents=True)
    gputsne.tiles(Y, root / "m" / "tiles", **how)
    return root


def tileset(client):
    there = client.get("/runs/m/tiles/", follow_redirects=False)
    if there.status_code != 302:
        return there, None
    root = there.headers["Location"]
    return client.get(f"{root}tileset.json"), root


@pytest.mark.parametrize(
    ("how", "settings", "says"),
    [
        ({}, {"min_cell": 20}, "single points.*--min-cell 20"),
        ({"min_cell": 5}, {"min_cell": 20}, "counts of 5 points.*--min-cell 20"),
        ({"columns": {"email": EMAILS}}, {}, "'email'.*--columns"),
        ({"columns": {"email": EMAILS}}, {"columns": ("site",)}, "'email'"),
        ({"ids": EMAILS}, {"columns": ("id",)}, "have ids.*--ids"),
        ({"labels": KINDS}, {"label": False}, "'label'"),
    ],
    ids=["points", "smaller cells", "column", "another column", "ids", "labels"],
)
def test_a_stored_set_that_shows_more_is_refused(ask, tmp_path, how, settings, says):
    client = ask(stored(tmp_path / "maps", **how), **settings)
    answer, _ = tileset(client)
    assert answer.status_code == 403
    assert all(part in answer.json()["error"] for part in says.split(".*"))
    assert EMAIL not in answer.text


@pytest.mark.parametrize(
    ("how", "settings"),
    [
        ({}, {}),
        ({"labels": KINDS}, {}),
        ({"min_cell": 20}, {"min_cell": 20}),
        ({"min_cell": 30}, {"min_cell": 20}),
        ({"columns": {"email": EMAILS}}, {"columns": ("email",)}),
        ({"ids": EMAILS}, {"ids": True}),
    ],
    ids=["points", "labels", "cells", "larger cells", "column", "ids"],
)
def test_a_stored_set_that_shows_what_is_allowed_is_served(ask, tmp_path, how, settings):
    answer, _ = tileset(ask(stored(tmp_path / "maps", **how), **settings))
    assert (answer.status_code, answer.json()["rows"]) == (200, N)


def test_where_there_is_a_map_other_tiles_are_built_from_it(ask, tmp_path):
    folder = stored(tmp_path / "maps", columns={"email": EMAILS}, ids=EMAILS)
    write(folder / "m" / "map.parquet", Y, labels=KINDS, label_name="label")
    client = ask(folder, min_cell=20)
    answer, root = tileset(client)
    told = answer.json()
    assert told["min_cell"] == 20
    for key in told["tiles"]:
        body = client.get(f"{root}{told['path']}/{key}.bin").content
        assert min(unpack(body)[1]["count"]) >= 20
        assert EMAIL.encode() not in body


def test_tiles_of_a_version_that_was_never_looked_at_are_not_served(ask, tmp_path):
    folder = stored(tmp_path / "maps", columns={"email": EMAILS})
    where = folder / "m" / "tiles"
    told = json.loads((where / "tileset.json").read_text())
    (where / "tiles").rename(where / "tiles-7")
    gputsne.tiles(Y, tmp_path / "other", min_cell=20)
    (tmp_path / "other" / "tiles").rename(where / "tiles")
    (where / "tileset.json").write_text((tmp_path / "other" / "tileset.json").read_text())
    client = ask(folder, min_cell=20)
    answer, root = tileset(client)
    assert answer.status_code == 200
    key = next(iter(told["tiles"]))
    for address in (f"{root}tiles-7/{key}.bin", f"/runs/m/tiles/0123456789abcdef/tiles-7/{key}.bin",
                    f"/runs/m/tiles/0123456789abcdef/tiles/{key}.bin"):  # fmt: skip
        assert client.get(address).status_code == 404


@pytest.mark.parametrize("text", ["", "{", "[]", '{"columns": 1}', '{"columns": [1]}'])
def test_a_damaged_tileset_is_named(ask, tmp_path, text):
    folder = stored(tmp_path / "maps")
    (folder / "m" / "tiles" / "tileset.json").write_text(text)
    answer, _ = tileset(ask(folder))
    assert answer.status_code == 422
    assert "tileset.json of m is damaged" in answer.json()["error"]


@pytest.mark.parametrize("settings", [{"min_cell": 5}, {"label": False}])
def test_stored_pictures_and_reports_show_no_more_either(ask, store, id, settings):
    client = ask(store, **settings)
    for what in ("thumb.png", "report.html"):
        assert client.get(f"/runs/{id}/{what}").status_code == 403
        for page in ("/", f"/runs/{id}/page"):
            assert what not in client.get(page).text


DAMAGED = {
    "map.parquet": [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"],
    "map.csv": [b"", b"x,y\na,b\n", b"x,y\n1\n"],
    "map.npy": [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x02\x00{}"],
    "model.npz": [b"", b"PK\x03\x04", b"\x93NUMPY"],
}


@pytest.mark.parametrize(
    ("name", "body"),
    [(name, body) for name, bodies in DAMAGED.items() for body in bodies],
    ids=[f"{name} {i}" for name, bodies in DAMAGED.items() for i in range(len(bodies))],
)
def test_a_damaged_file_of_a_folder_is_named(ask, tmp_path, name, body):
    (tmp_path / "maps" / "m").mkdir(parents=True)
    (tmp_path / "maps" / "m" / name).write_bytes(body)
    client = ask(tmp_path / "maps")
    if name == "model.npz":
        answers = [client.post("/runs/m/transform", json=[[1, 2]])]
    else:
        answers = [client.get("/runs/m/map.csv"), client.get("/runs/m/tiles/")]
    for answer in answers:
        assert answer.status_code == 422
        assert f"{name} of m" in answer.json()["error"]


def test_a_picture_that_is_none_is_not_served(ask, tmp_path):
    (tmp_path / "maps" / "m").mkdir(parents=True)
    path = tmp_path / "maps" / "m" / "thumb.png"
    for body, status in ((b"<script>alert(1)</script>", 404), (b"", 404), (PNG, 200)):
        path.write_bytes(body)
        assert ask(tmp_path / "maps").get("/runs/m/thumb.png").status_code == status


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=0-3", 206), ("bytes=a-b", 200), ("items=0-3", 200), ("bytes=0-1,3-4", 200),
     ("bytes=5-4", 200), ("bytes=", 200), ("bytes=99999999-", 416), ("bytes=-0", 416)],
)  # fmt: skip
def test_parts_of_a_map_follow_the_rules_for_ranges(client, id, asked, status):
    whole = client.get(f"/runs/{id}/map.csv").content
    answer = client.get(f"/runs/{id}/map.csv", headers={"Range": asked})
    assert answer.status_code == status
    if status == 416:
        assert answer.json()["status"] == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"
    else:
        assert answer.content == (whole[:4] if status == 206 else whole)
    other = client.get(f"/runs/{id}/map.csv", headers={"Range": asked, "If-Range": '"x"'})
    assert (other.status_code, other.content) == (200, whole)
