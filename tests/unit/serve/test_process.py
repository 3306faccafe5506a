"""The server as a process: it ends well at SIGTERM, and kill -9 and a restart lose nothing."""

from __future__ import annotations

import json
import signal
import socket
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from served import AS_EDITOR, AS_VIEWER, EDITOR_LINE, EMAIL, VIEWER_LINE, WITHIN, server

TOKENS = f"{EDITOR_LINE};{VIEWER_LINE}"


def get(address: str, **headers: str) -> tuple[int, bytes, str]:
    request = Request(address, headers={**AS_VIEWER, **headers})
    try:
        with urlopen(request, timeout=WITHIN) as answer:
            return answer.status, answer.read(), answer.headers.get("ETag", "")
    except HTTPError as error:
        return error.code, error.read(), ""


def half_sent(address: str, body: bytes) -> socket.socket:
    """Return a connection over which half of a body has been sent."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=WITHIN)
    lines = [
        "POST /embed HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}",
        f"Authorization: {AS_EDITOR['Authorization']}", "Content-Type: text/csv", "", "",
    ]  # fmt: skip
    connection.sendall("\r\n".join(lines).encode() + body[: len(body) // 2])
    return connection


def wait_until(told) -> None:
    ends = time.monotonic() + WITHIN
    while not told():
        assert time.monotonic() < ends
        time.sleep(0.02)


def refuses(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=WITHIN).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.slow
def test_sigterm_ends_it_well_and_kill_9_and_a_restart_lose_nothing(store, folder, id, tmp_path):
    cache = tmp_path / "cache"
    paths = [f"/runs/{id}", f"/runs/{id}/map.csv", f"/runs/{id}/thumb.png", "/runs"]
    with server(store._storage.root, cache, tokens=TOKENS) as (process, address):
        assert get(f"{address}/runs", Authorization="Bearer x")[0] == 401
        first = {path: get(address + path) for path in paths}
        assert all(status == 200 for status, _, _ in first.values())
        with half_sent(address, b"1,2\n" * 9):
            process.kill()  # with a request in flight
            assert process.wait(WITHIN) == -signal.SIGKILL

    rows = np.random.default_rng(0).normal(size=(30, 2))
    body = "\n".join(f"{x:.6f},{y:.6f}" for x, y in rows).encode()
    with server(store._storage.root, cache, tokens=TOKENS) as (process, address):
        assert {path: get(address + path) for path in paths} == first
        with half_sent(address, body) as connection:
            wait_until(lambda: b"requests_in_flight 2.0" in get(f"{address}/metrics")[1])
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: refuses(address))  # nothing new is taken
            connection.sendall(body[len(body) // 2 :])
            answer = b""
            while part := connection.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\x89PNG" in answer
        out, log = process.communicate(timeout=WITHIN)
        assert process.returncode == 0
        assert out == ""
        lines = [json.loads(line) for line in log.splitlines()]
        assert [line["event"] for line in (lines[0], lines[-1])] == ["start", "stop"]
        assert lines[-2]["route"] == "/embed"
        assert lines[-2]["status"] == 200
        assert EMAIL not in log
        assert id not in log
    assert store.verify() == ()
    assert store.unfinished() == ()
