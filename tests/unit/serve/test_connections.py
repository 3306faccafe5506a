"""Connections: headers that don't come, too many at once, bad requests, bodies nobody wants."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import uvicorn
from served import WITHIN
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gputsne.serve import Settings, application, connections
from gputsne.serve.connections import LARGEST, protocol_of
from gputsne.serve.journal import Journal
from gputsne.serve.running import _told

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SLOW = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "


@pytest.fixture(params=["h11", "the installed one"])
def scene(request, monkeypatch, tmp_path, folder):
    """Return a function that lets a coroutine talk to a server of some settings."""
    if request.param == "h11":
        monkeypatch.setattr(connections, "AutoHTTPProtocol", H11Protocol)

    def play(talk, tokens=None, **settings):
        async def both():
            chosen = Settings(cache=tmp_path / "cache", **settings)
            app = application(folder, settings=chosen, tokens=tokens)
            kind = protocol_of(chosen)
            config = uvicorn.Config(app, http=kind, log_config=None, access_log=False, ws="none",
                                    timeout_keep_alive=1)  # fmt: skip
            config.load()
            state, loop = ServerState(), asyncio.get_running_loop()
            server = await loop.create_server(
                lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
            )
            port = server.sockets[0].getsockname()[1]
            try:
                async with asyncio.timeout(WITHIN):
                    return await talk(port)
            finally:
                server.close()
                for one in list(state.connections):
                    one.transport.abort()
                await asyncio.sleep(0)
                await asyncio.gather(*state.tasks, return_exceptions=True)
                app.work.close()

        return asyncio.run(both())

    return play


async def opened(port: int, sent: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    await writer.drain()
    return reader, writer


async def told(reader) -> tuple[int, dict[str, str], dict]:
    """Return status, headers and JSON of the answer, after which the connection was closed."""
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert headers["x-content-type-options"] == "nosniff"
    return int(first.split()[1]), headers, json.loads(body)


async def asked(port: int, sent: bytes):
    reader, writer = await opened(port, sent)
    try:
        return await told(reader)
    finally:
        writer.close()
        await writer.wait_closed()


def test_headers_that_do_not_come_are_not_waited_for(scene):
    async def talk(port):
        status, headers, body = await asked(port, SLOW)
        assert (status, body["status"], headers["connection"]) == (408, 408, "close")
        reader, writer = await opened(port, b"")  # nothing at all
        assert await reader.read() == b""
        writer.close()
        reader, writer = await opened(port, REQUEST.replace(b"Connection: close\r\n", b"") + SLOW)
        answers = await reader.read()  # the second request of a connection is no better
        assert answers.count(b"HTTP/1.1 200") == 1
        writer.close()

    scene(talk, header_seconds=0.1)


@pytest.mark.parametrize(
    "settings", [{"connections": 5}, {"address_connections": 5}], ids=["in all", "of an address"]
)
def test_slow_callers_keep_nobody_out(scene, settings):
    async def talk(port):
        slow = [await opened(port, SLOW) for _ in range(30)]
        for _ in range(3):
            status, _, body = await asked(port, REQUEST)
            assert (status, body) == (200, {"status": "ok"})
        for _, writer in slow:
            writer.close()

    scene(talk, header_seconds=float(WITHIN), **settings)


def test_where_all_are_being_answered_one_more_is_told_to_come_again(scene):
    async def talk(port):
        head = b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
        held = [await opened(port, head + b"Expect: 100-continue\r\n\r\n") for _ in range(3)]
        for reader, _ in held:  # the server waits for the bodies
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
        status, headers, body = await asked(port, REQUEST)
        assert (status, body["status"], headers["retry-after"]) == (503, 503, "5")
        for _, writer in held:
            writer.close()

    scene(talk, connections=3)


def test_what_is_no_request_is_refused_as_anything_else(scene, caplog):
    caplog.set_level(logging.INFO, "gputsne.serve")

    async def talk(port):
        for sent in (b"\x16\x03\x01 rubbish\r\n\r\n", b"GET\r\n\r\n"):
            status, headers, body = await asked(port, sent)
            assert (status, body["status"]) == (400, 400)
            assert headers["content-type"] == "application/json"
        reader, writer = await opened(port, SLOW + b"x" * (LARGEST + 1 - len(SLOW)))
        assert (await told(reader))[0] in (400, 431)
        writer.close()

    with _told(Journal()):
        scene(talk)
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "gputsne.serve"]
    assert {line["event"] for line in lines} == {"connection"}
    assert "Invalid HTTP request received." in {line["said"] for line in lines}


def test_a_fault_that_uvicorn_catches_is_told_without_its_message(caplog):
    caplog.set_level(logging.INFO, "gputsne.serve")
    with _told(Journal()):
        try:
            raise ValueError("ana@example.org")
        except ValueError as error:
            logging.getLogger("uvicorn.error").error("Exception\n", exc_info=error)
    (line,) = [r.getMessage() for r in caplog.records if r.name == "gputsne.serve"]
    assert json.loads(line)["error"] == "ValueError"
    assert "ana" not in line


LARGE = 3_000_000  # bytes: more than a connection's buffers hold


def test_a_body_that_is_refused_is_read_so_that_the_answer_arrives(scene, tokens):
    async def talk(port):
        head = f"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\n"
        for more, status in (("", 401), (f"Authorization: Bearer {'x' * 40}\r\n", 401)):
            sent = f"{head}{more}Connection: close\r\n\r\n".encode() + bytes(LARGE)
            assert (await asked(port, sent))[0] == status

    scene(talk, tokens)

    async def too_large(port):
        head = f"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\n\r\n"
        status, headers, _ = await asked(port, head.encode() + bytes(LARGE))
        assert (status, headers["connection"]) == (413, "close")
        waits = head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")
        assert (await asked(port, waits.encode()))[0] == 413  # and never told to send it

    scene(too_large, max_body=1000)


def test_two_lengths_are_refused(scene):
    async def talk(port):
        sent = (
            b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        )
        status, headers, _ = await asked(port, sent)
        assert (status, headers["connection"]) == (400, "close")

    scene(talk)
