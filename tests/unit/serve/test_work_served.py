"""Transforms and on-demand maps over HTTP: the same places, limits, quotas, deadlines."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from served import raw

import gputsne
from gputsne.base import deadline
from gputsne.serve import EmbedService, embedding
from gputsne.serve.transforming import Models


def npy(values) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.fixture(scope="session")
def new() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(7, 4)).astype(np.float32)


def test_new_rows_come_where_the_model_puts_them(client, id, model, new):
    want = model.transform(new)
    bodies = {
        "application/x-npy": npy(new),
        "text/csv": "\n".join(",".join(f"{v:.9g}" for v in row) for row in new.tolist()).encode(),
    }
    for kind, body in bodies.items():
        answer = client.post(f"/runs/{id}/transform", content=body, headers={"Content-Type": kind})
        assert answer.json()["columns"] == ["x", "y"]
        assert np.array_equal(np.float32(answer.json()["rows"]), want)
    answer = client.post(f"/runs/{id}/transform", json=new.tolist(), headers={"Accept": "text/csv"})
    lines = answer.text.splitlines()
    assert lines[0] == "x,y"
    assert np.array_equal(np.float32([line.split(",") for line in lines[1:]]), want)


def test_columns_are_found_by_name(ask, tmp_path, rows, new):
    import pandas as pd

    named = gputsne.TSNE(perplexity=10, max_iter=60, random_state=0)
    named.fit(pd.DataFrame(rows, columns=list("abcd")))
    named.save(tmp_path / "model.npz")
    store = gputsne.Store(tmp_path / "store")
    id = store.put(named.run_, files={"model.npz": tmp_path / "model.npz"})
    client = ask(store)
    turned = {
        "columns": ["extra", "d", "c", "b", "a"],
        "rows": np.c_[new[:, 0], new[:, ::-1]].tolist(),
    }
    answer = client.post(f"/runs/{id}/transform", json=turned)
    want = named.transform(pd.DataFrame(new, columns=list("abcd")))
    assert np.array_equal(np.float32(answer.json()["rows"]), want)
    bad = client.post(f"/runs/{id}/transform", json={"columns": ["a", "b"], "rows": [[1, 2]]})
    assert bad.status_code == 400
    assert "missing: c, d" in bad.json()["error"]
    twice = {"columns": ["a", "b", "c", "d", "a"], "rows": turned["rows"]}
    cell = "a,b,c,d\n1,2,3,oops\n"
    for body, says in (({"content": cell}, "row 2, column 'd': 'oops'"), ({"json": twice}, "'a'")):
        bad = client.post(f"/runs/{id}/transform", **body)
        assert bad.status_code == 400
        assert says in bad.json()["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[[1, 2, 3]]", "application/json", 400),
        (b"[[1, 2, 3, 4]]", "application/x-pickle", 415),
        (b"[[1, 2, 3, 4]]", "application/json; charset=utf-8", 200),
        (b"", "application/json", 400),
        (b"[" + b"[1, 2, 3, 4]," * 30 + b"[1, 2, 3, 4]]", "application/json", 413),
    ],
)
def test_a_body_that_does_not_fit_is_refused(ask, store, id, body, kind, status):
    client = ask(store, max_new_rows=30)
    answer = client.post(f"/runs/{id}/transform", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_a_run_without_a_model_places_nothing(ask, folder):
    answer = ask(folder).post("/runs/plain/transform", json=[[1, 2, 3, 4]])
    assert answer.status_code == 404
    assert "no model" in answer.json()["error"]


def test_a_body_is_refused_once_it_is_too_large_also_in_chunks(ask, store):
    client = ask(store, max_body=1000)
    length = client.post("/embed", content=b"1" * 1001)
    assert length.status_code == 413
    taken = []

    def parts():
        for i in range(100):
            taken.append(i)
            yield b"1" * 100

    status, told, _ = raw(client.app, "/embed", "POST", parts=parts())
    assert (status, told["connection"]) == (413, "close")
    parts_sent = [b"1" * 100] * 11 + [pytest.fail]
    assert raw(client.app, "/embed", "POST", parts=parts_sent)[0] == 413  # the rest is not read


def test_a_body_that_does_not_come_is_not_waited_for(ask, store):
    client = ask(store, body_seconds=0.05)
    assert raw(client.app, "/embed", "POST", parts=[b"1,2\n"])[0] == 408
    assert raw(client.app, "/embed", "POST", parts=[b"1,2\n", None])[0] == 400


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("content-length", "x", 400), ("content-length", "-1", 400), ("content-length", "²", 400),
        ("content-length", "9" * 30, 400), ("content-length", "8000001", 413),
        ("content-encoding", "gzip", 415), ("content-encoding", "identity, gzip", 415),
    ],
)  # fmt: skip
def test_what_headers_say_of_a_body_is_checked(client, name, value, status):
    headers = [(name.encode(), value.encode("latin-1"))]
    assert raw(client.app, "/embed", "POST", headers=headers, parts=[b""])[0] == status


def test_an_on_demand_map_is_a_picture_and_the_second_comes_from_memory(client, rows):
    embedding._STARTED.clear()  # as in a process that has made no map yet
    first = client.post("/embed", json=rows.tolist())
    assert first.headers["Content-Type"] == "image/png"
    assert first.content.startswith(b"\x89PNG")
    assert first.headers["X-Cache"] == "miss"
    again = client.post("/embed", content=npy(rows), headers={"Content-Type": "application/x-npy"})
    assert again.headers["X-Cache"] == "hit"
    assert again.content == first.content
    told = client.post("/embed", json=rows.tolist(), headers={"Accept": "application/json"}).json()
    assert np.shape(told["rows"]) == (60, 2)
    text = client.get("/metrics").text
    assert 'gputsne_embed_total{outcome="computed"} 1.0' in text
    assert 'gputsne_embed_total{outcome="cached"} 2.0' in text
    assert "gputsne_coldstart_seconds_count 1.0" in text


def test_quotas_of_maps_and_transforms(ask, store, id, rows):
    client = ask(store, embeds=2.0, transforms=1.0)
    told = [client.post("/embed", content=b"1") for _ in range(3)]  # bad ones count, too
    assert [answer.status_code for answer in told] == [400, 400, 429]
    assert int(told[-1].headers["Retry-After"]) == 1800
    places = [client.post(f"/runs/{id}/transform", json=[[1, 2, 3, 4]]) for _ in range(2)]
    assert [answer.status_code for answer in places] == [200, 429]
    assert client.get("/runs").status_code == 200


class Slow:
    """Stands in for `Models.place`: waits until it is let go, or its deadline passes."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, models, entry, rows):
        self.begun.release()
        while not self.go.wait(0.005):
            deadline.check()
        return np.zeros((1, 2), np.float32)


@pytest.fixture
def slow(monkeypatch):
    found = Slow()
    monkeypatch.setattr(Models, "place", lambda *given: found(*given))
    yield found
    found.go.set()


def test_tiles_are_answered_while_rows_are_placed_and_too_many_are_refused(ask, store, id, slow):
    client = ask(store, workers=1, waiting=1)
    answers = []

    def place():
        answers.append(client.post(f"/runs/{id}/transform", json=[[1, 2, 3, 4]]).status_code)

    threads = [threading.Thread(target=place) for _ in range(2)]
    threads[0].start()
    assert slow.begun.acquire(timeout=30)
    threads[1].start()
    while "gputsne_work_waiting 2.0" not in client.get("/metrics").text:
        time.sleep(0.01)
    assert client.get(f"/runs/{id}/thumb.png").status_code == 200
    refused = client.post(f"/runs/{id}/transform", json=[[1, 2, 3, 4]])
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    slow.go.set()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]


def test_a_computation_ends_at_its_deadline(ask, store, id, slow):
    client = ask(store, work_seconds=0.05)
    answer = client.post(f"/runs/{id}/transform", json=[[1, 2, 3, 4]])
    assert answer.status_code == 504
    while client.app.work.busy:  # it stops itself: nobody lets it go
        time.sleep(0.01)


def test_a_map_ends_at_its_deadline(monkeypatch):
    service = EmbedService(seconds=1e-9)
    with pytest.raises(gputsne.serve.Refused) as told:
        service(np.eye(20))
    assert told.value.status == 504
