"""Runs, maps, pictures and reports as they are answered, and what of them never is."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from served import EMAIL, PNG, REPORT, SECRET, raw

import gputsne
from gputsne.base.errors import BadInput
from gputsne.serve import application
from gputsne.serve.catalogue import FRESH as LISTING
from gputsne.viewer.container import unpack

PERSONAL = (EMAIL, SECRET, "id-7", "owner")


def all_pages(id: str) -> list[str]:
    run = f"/runs/{id}"
    maps = [f"{run}/map.{kind}" for kind in ("csv", "parquet")]
    return ["/", "/runs", run, f"{run}/page", *maps, "/metrics", "/healthz"]


def test_runs_are_listed_newest_first_in_pages(ask, tmp_path):
    store = gputsne.Store(tmp_path / "store")
    ids = [
        store.put({"id": f"2026010{day}T000000Z-00000000", "status": "done"}) for day in (1, 2, 3)
    ]
    client = ask(store)
    first = client.get("/runs?limit=2").json()
    assert [run["id"] for run in first["runs"]] == [ids[2], ids[1]]
    rest = client.get(f"/runs?limit=2&after={first['next']}").json()
    assert [run["id"] for run in rest["runs"]] == [ids[0]]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=²"]
)
def test_a_limit_that_is_none_is_refused(client, query):
    assert client.get(f"/runs?{query}").status_code == 400
    assert client.get("/runs?after=none").status_code == 404


def test_a_run_is_told_by_id_and_by_ref(client, id, model):
    told = client.get(f"/runs/{id}").json()
    assert told == client.get("/runs/production").json()
    assert told["id"] == id
    assert told["map"] == [60, 2]
    assert told["kl_divergence"] == model.kl_divergence_
    assert told["has"] == ["map", "model", "report", "thumb"]
    assert client.get("/runs").json()["refs"] == {"production": id}


def test_nothing_personal_is_answered_unless_it_was_named(client, id):
    for path in all_pages(id):
        answer = client.get(path)
        assert answer.status_code == 200, path
        held = answer.content
        if path.endswith("parquet"):
            held = repr(pq.read_table(io.BytesIO(held)).to_pydict()).encode()
        for personal in PERSONAL:
            assert personal.encode() not in held, path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_map_has_coordinates_labels_and_the_columns_named(ask, store, id, model, kind):
    client = ask(store, columns=("site", "nothing"), ids=True)
    body = io.BytesIO(client.get(f"/runs/{id}/map.{kind}").content)
    table = (csv.read_csv if kind == "csv" else pq.read_table)(body)
    assert table.column_names == ["id", "x", "y", "kind", "site"]
    Y = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1).astype(np.float32)
    assert np.array_equal(Y, model.embedding_)
    assert table["kind"].to_pylist() == ["a", "b", "c"] * 20


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_coordinates_are_answered_as_they_were_stored(ask, store, tmp_path, offset):
    Y = np.random.default_rng(0).normal(size=(50, 2)) + offset
    path = tmp_path / "map.parquet"
    pq.write_table(pa.table({"x": Y[:, 0], "y": Y[:, 1]}), path)
    run = store.put({"status": "done"}, files={"map.parquet": path})
    client = ask(store)
    body = io.BytesIO(client.get(f"/runs/{run}/map.parquet").content)
    table = pq.read_table(body)
    assert np.array_equal(np.stack([table["x"], table["y"]], axis=1), Y)
    _, columns = unpack(client.get(f"/runs/{run}/map.gts").content)
    places = np.stack([columns["x"], columns["y"]], axis=1)
    assert places.dtype == np.float32  # near the origin, as every container's
    moved = places - places.mean(axis=0) - (Y - Y.mean(axis=0))
    assert np.abs(moved).max() < 1e-6


def test_labels_can_be_kept_back(ask, store, id):
    client = ask(store, label=False)
    assert client.get(f"/runs/{id}/map.csv").text.splitlines()[0] == "x,y"


def test_a_map_is_answered_in_parts_or_not_at_all_where_it_is_known(client, id):
    whole = client.get(f"/runs/{id}/map.csv")
    part = client.get(f"/runs/{id}/map.csv", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, whole.content[:4])
    again = client.get(f"/runs/{id}/map.csv", headers={"If-None-Match": whole.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = client.head(f"/runs/{id}/map.csv")
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(whole.content)))
    assert whole.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("kind", ["npz", "npy", "..", "exe", "csv.gz", "CSV"])
def test_a_map_of_another_kind_is_none(client, id, kind):
    assert client.get(f"/runs/{id}/map.{kind}").status_code == 404


def test_pictures_and_reports_are_those_that_were_stored(client, id):
    picture = client.get(f"/runs/{id}/thumb.png")
    assert (picture.content, picture.headers["Content-Type"]) == (PNG, "image/png")
    known = client.get(f"/runs/{id}/thumb.png", headers={"If-None-Match": picture.headers["ETag"]})
    assert known.status_code == 304
    assert client.get(f"/runs/{id}/report.html").content == REPORT


def test_a_report_gets_no_rights(client, id):
    answer = client.get(f"/runs/{id}/report.html")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy["sandbox"] == ""  # its own origin, no scripts, no forms
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy


def test_reports_can_be_kept_back(ask, store, id):
    assert ask(store, reports=False).get(f"/runs/{id}/report.html").status_code == 403


def test_a_server_of_counts_shows_no_single_points(ask, store, id):
    client = ask(store, min_cell=5)
    for what in ("map.csv", "thumb.png", "report.html"):
        assert client.get(f"/runs/{id}/{what}").status_code == 403
    assert "map.csv" not in client.get(f"/runs/{id}/page").text


@pytest.mark.parametrize("name", ["model.npz", "input.csv", "run.json", "map.npy", "MODEL.NPZ"])
def test_other_files_of_a_run_have_no_address(client, id, name):
    assert client.get(f"/runs/{id}/{name}").status_code == 404


HOSTILE = [
    "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5c..", "%00", "a%00b", "~",
    "production/../../refs", "....//", "%252e%252e%252f", "x" * 5000, "...",
    "20260101T000000Z-0000000g",
    "99999999T999999Z-00000000", "%F0%9F%92%A9", "\\etc", "production%0aX-Evil: 1", "' or 1=1 --",
    "<script>alert(1)</script>", "-production", "production.", "tags",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("rest", ["", "/page", "/map.csv", "/thumb.png", "/report.html", "/tiles/"])
def test_hostile_names_are_no_runs(ask, store, folder, name, rest):
    for source in (store, folder):
        answer = ask(source).get(f"/runs/{name}{rest}")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/json"
        assert "X-Evil" not in answer.headers
        assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/runs/..", "/runs/.", "/runs/../..", "/runs/../../etc/passwd", "/runs/\0", "/runs/a\nb/page",
     "/runs/..\\..", "/runs/\udcff", "/runs/💩/map.csv", "/../runs", "", "runs", "/RUNS"],
)  # fmt: skip
def test_paths_that_no_client_would_send_lead_nowhere(ask, store, folder, path):
    for source in (store, folder):
        status, _, body = raw(ask(source).app, path)
        assert status == 404
        assert b"root:" not in body


@pytest.mark.parametrize(
    "path",
    ["//etc/passwd", "/etc/passwd", "/runs/", "/runs//", "/static/../etc",
     "/assets/..%2fsettings.py", "/assets/rum.js%00", "/assets/"],
)  # fmt: skip
def test_hostile_paths_lead_nowhere(client, path):
    assert client.get(f"http://localhost{path}").status_code == 404


def test_a_folder_of_maps_is_served(ask, folder, model):
    client = ask(folder)
    told = {run["id"]: run for run in client.get("/runs").json()["runs"]}
    assert set(told) == {"tiled", "plain"}
    assert told["plain"]["kl_divergence"] == model.kl_divergence_
    assert told["tiled"]["has"] == ["tiles"]
    lines = client.get("/runs/plain/map.csv").text.splitlines()
    assert (lines[0], len(lines)) == ("x,y", 61)
    assert client.get("/runs/plain/secret.txt").status_code == 404
    for page in ("/", "/runs/plain/page", "/runs/tiled/page"):  # with a record, and without one
        assert client.get(page).status_code == 200


def test_links_out_of_a_folder_are_not_followed(ask, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "map.csv").write_text("x,y\n1,2\n")
    (folder / "linked").symlink_to(outside)
    (folder / "notes" / "map.csv").symlink_to(outside / "map.csv")
    client = ask(folder)
    assert client.get("/runs/linked/map.csv").status_code == 404
    assert client.get("/runs/notes/map.csv").status_code == 404


def test_what_is_no_store_and_no_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is no folder"):
        application(tmp_path / "none")


def test_names_and_values_are_escaped_on_pages(ask, tmp_path):
    store = gputsne.Store(tmp_path / "store")
    hostile = "<script>alert(1)</script>"
    id = store.put({"status": hostile, "parameters": {hostile: hostile}, "metrics": {hostile: 1.0}})
    client = ask(store)
    for path in ("/", f"/runs/{id}/page"):
        answer = client.get(path)
        assert hostile not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_pages_load_what_is_this_server_s_and_nothing_else(client, id):
    for path in ("/", f"/runs/{id}/page"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; img-src 'self'; script-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for mark in ("http://", "https://", "onload=", "onclick=", 'style="'):
            assert mark not in answer.text
    assert "sendBeacon" in client.get("/assets/rum.js").text


def test_every_answer_has_the_headers_that_keep_it_safe(client, id):
    for path in [*all_pages(id), "/none", "/runs/none"]:
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"]
        assert "server" not in headers


def test_a_damaged_file_is_not_answered(ask, run_files, tmp_path, caplog):
    store = gputsne.Store(tmp_path / "store")
    id = store.put({"status": "done"}, files=run_files)
    (tmp_path / "store" / "runs" / id / "thumb.png").write_bytes(b"other bytes")
    answer = ask(store).get(f"/runs/{id}/thumb.png")
    assert answer.status_code == 500
    assert "store" in answer.json()["error"]
    assert str(tmp_path) not in answer.text


def test_nothing_is_written_to_the_store(ask, store, id):
    root = store._storage.root
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    client = ask(store)
    for path in all_pages(id):
        client.get(path)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert store.verify() == ()


def test_a_new_run_is_found_without_a_restart(ask, tmp_path, monkeypatch):
    assert LISTING <= 10  # seconds that a person waits for it
    monkeypatch.setattr("gputsne.serve.catalogue.FRESH", 0.0)
    store = gputsne.Store(tmp_path / "store")
    client = ask(store)
    assert client.get("/runs").json()["runs"] == []
    id = store.put({"status": "done"})
    assert [run["id"] for run in client.get("/runs").json()["runs"]] == [id]


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "prometheus_client"])
def test_a_missing_package_is_told_with_its_extra(store, package, tmp_path):
    code = """if 1:
        import sys
        sys.modules[{package!r}] = None
        import gputsne
        try:
            gputsne.serve.serve({store!r}, settings=gputsne.serve.Settings(port=0, cache={cache!r}))
        except gputsne.errors.DependencyMissing as error:
            print(error)
    """
    asked = {"package": package, "store": str(store._storage.root), "cache": str(tmp_path)}
    command = [sys.executable, "-c", code.format(**asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(("the server needs ", "metrics need "))
    assert "pip install 'gputsne[serve]'" in done.stdout
