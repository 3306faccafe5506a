"""What the tests of the server store, and the tokens that they ask with."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import subprocess
import sys
from contextlib import contextmanager

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
REPORT = b"<!DOCTYPE html><script>alert(1)</script><p>report</p>"
TILE = bytes(range(256)) * 4
TILESET = {"schema": "gputsne.tiles/1", "title": "Tiles", "rows": 5, "tiles": {"0/0/0": 5}}
EMAIL = "ana@example.org"
SECRET = "secret-host"
# The same in every process: tests that run side by side must have the same names.
EDITOR, VIEWER = "gts_" + "e" * 43, "gts_" + "v" * 43
EDITOR_LINE = f"editor {hashlib.sha256(EDITOR.encode()).hexdigest()}"
VIEWER_LINE = f"viewer {hashlib.sha256(VIEWER.encode()).hexdigest()}"
WITHIN = 60  # seconds that a machine under load may take for anything
AS_EDITOR = {"Authorization": f"Bearer {EDITOR}"}
AS_VIEWER = {"Authorization": f"Bearer {VIEWER}"}


def raw(app, path: str, method: str = "GET", headers=(), parts=(b"",), client="127.0.0.1"):
    """Ask for a path that no client would send; return status, headers and body."""
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"", "root_path": "", "client": (client, 1), "server": ("localhost", 80),
        "headers": [(b"host", b"localhost"), *headers], "state": {},
    }  # fmt: skip
    left = list(parts)
    sent = []

    async def receive():
        if not left:
            await asyncio.sleep(3600)  # a caller that says nothing more
        part = left.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": part != b""}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], told, body


@contextmanager
def server(source, cache, *, tokens=""):
    """Start a server as users do; give the process and its address."""
    command = [sys.executable, "-m", "gputsne", "serve", str(source), "--port", "0"]
    environment = {**os.environ, "GPUTSNE_TOKENS": tokens}
    process = subprocess.Popen(
        [*command, "--cache", str(cache)], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], WITHIN)
        line = process.stdout.readline() if ready else ""
        assert line.startswith("serving http://127.0.0.1:"), line + process.communicate()[1]
        yield process, line.split()[1]
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
