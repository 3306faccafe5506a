"""Callers of the server's benchmark: many connections from one process, on 127.0.0.1 alone.

    callers.py load ADDRESS    reads the plan as JSON from standard input; prints what was seen
    callers.py tiles ADDRESS   prints the SHA-256 of every tile by its path

HTTP is written by hand: a client library would take more of the two cores than the server does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LOOPBACK = "127.0.0.1"
LIMIT = 30.0  # seconds that an answer may take before it counts as none
ROWS = [[0.1 * ((i * j) % 7) for j in range(20)] for i in range(20)]  # to be placed
TILES, MODEL = 0.94, 0.01  # shares of tiles, and of rows to be placed, among usual requests


@dataclass
class Seen:
    """What the callers saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    faults: list[str] = field(default_factory=list)
    largest: int = 0

    def add(self, what: str, took: float, status: int, size: int, wanted: tuple[int, ...]) -> None:
        """Count an answer; one that is not as it should be is a fault."""
        self.seconds[what].append(took)
        told = self.statuses[what]
        told[str(status)] = told.get(str(status), 0) + 1
        self.largest = max(self.largest, size)
        if status not in wanted:
            self.faults.append(f"{what}: {status}, not {' or '.join(map(str, wanted))}")

    def told(self) -> dict[str, Any]:
        """Return it for the results."""
        answers = {}
        for what, seconds in sorted(self.seconds.items()):
            p50, p95, p99 = 1000 * np.percentile(seconds, [50, 95, 99])
            answers[what] = {
                "requests": len(seconds), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
                "most_ms": 1000 * max(seconds), "statuses": self.statuses[what],
            }  # fmt: skip
        total = sum(map(len, self.seconds.values()))
        bad = sum(len(s) for what, s in self.seconds.items() if what.startswith("bad"))
        return {"requests": total, "bad_requests": bad, "wrong": len(self.faults),
                "faults": sorted(set(self.faults))[:20], "largest_answer_bytes": self.largest,
                "answers": answers}  # fmt: skip


class Connection:
    """One caller's connection, opened again where the server has closed it."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(
        self, path: str, method: str = "GET", body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request and return status, headers and body."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(LOOPBACK, self.port)
        assert self.reader is not None
        named = {"Host": f"{LOOPBACK}:{self.port}", "Authorization": f"Bearer {self.token}",
                 "Accept-Encoding": "gzip", "Content-Length": str(len(body)),
                 **{name.replace("_", "-"): value for name, value in headers.items()}}  # fmt: skip
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in named.items() if v), "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)
        status = int((await self.reader.readline()).split()[1])
        told: dict[str, str] = {}
        while (line := await self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            told[name.lower()] = value.strip()
        got = await self.reader.readexactly(int(told.get("content-length", 0)))
        if told.get("connection", "").lower() == "close":
            self.close()
        return status, told, got

    def close(self) -> None:
        """Close it."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def root_of(connection: Connection) -> tuple[str, list[str]]:
    """Return the address of the tile set, and the paths of its tiles."""
    _, told, _ = await connection.ask("/runs/big/tiles/")
    root = told["location"]
    _, _, body = await connection.ask(f"{root}tileset.json", Accept_Encoding="")
    tileset = json.loads(body)
    return root, [f"{root}{tileset['path']}/{key}.bin" for key in tileset["tiles"]]


Send = Callable[[], Any]


def bad(connection: Connection, root: str) -> dict[str, tuple[tuple[int, ...], Send]]:
    """Return requests that are to be refused, by name, with how."""
    ask = connection.ask
    return {
        "bad token": ((401, 429), lambda: ask("/runs", Authorization="Bearer wrong")),
        "bad: no token": ((401,), lambda: ask("/runs", Authorization="")),
        "bad path": ((404,), lambda: ask(f"{root}../../../../etc/passwd")),
        "bad encoded path": ((404,), lambda: ask("/runs/%2e%2e%2f%2e%2e/map.csv")),
        "bad run": ((404,), lambda: ask("/runs/none/map.csv")),
        "bad method": ((405,), lambda: ask("/runs", "DELETE")),
        "bad host": ((421,), lambda: ask("/runs", Host="evil.example")),
        "bad range": ((416,), lambda: ask(f"{root}tileset.json", Range="bytes=99999999-")),
        "bad body": ((400,), lambda: ask("/rum", "POST", b"{")),
        "bad rows": ((400,), lambda: ask("/runs/big/transform", "POST", b"[[1, 2]]")),
        "bad length": ((413,), lambda: ask("/rum", "POST", b"", Content_Length="99999999")),
    }


async def caller(port: int, token: str, plan: dict[str, Any], seen: Seen, number: int) -> None:
    """Send requests until the time is over."""
    connection, rng = Connection(port, token), random.Random(number)
    root, tiles = await root_of(connection)
    hostile = list(bad(connection, root).items())
    ends = time.monotonic() + plan["seconds"]
    rows = json.dumps(ROWS).encode()
    while time.monotonic() < ends:
        await asyncio.sleep(rng.expovariate(1.0 / plan["pause"]))
        wanted: tuple[int, ...] = (200,)
        if rng.random() < plan["bad"]:
            what, (wanted, send) = rng.choice(hostile)
        else:
            what, send, wanted = usual(connection, rng, root, tiles, rows)
        began = time.monotonic()
        try:
            status, _, body = await asyncio.wait_for(send(), LIMIT)
        except (
            OSError,
            ValueError,
            IndexError,
            asyncio.IncompleteReadError,
            TimeoutError,
        ) as error:
            seen.faults.append(f"{what}: {type(error).__name__}")
            connection.close()
            continue
        seen.add(what, time.monotonic() - began, status, len(body), wanted)
    connection.close()


def usual(
    connection: Connection, rng: random.Random, root: str, tiles: list[str], rows: bytes
) -> tuple[str, Send, tuple[int, ...]]:  # fmt: skip
    """Return what a viewer asks next: mostly tiles, of which the coarse ones come first."""
    drawn = rng.random()
    if drawn < MODEL:
        path, kind = "/runs/big/transform", "application/json"
        return "transform", lambda: connection.ask(path, "POST", rows, Content_Type=kind), (200,)
    if drawn > TILES:
        what, path = rng.choice(
            [("page", "/"), ("runs", "/runs"), ("thumbnail", "/runs/big/thumb.png"),
             ("tileset", f"{root}tileset.json"), ("viewer", root)]
        )  # fmt: skip
        return what, lambda: connection.ask(path), (200,)
    tile = tiles[int(len(tiles) * rng.random() ** 2)]
    return "tile", lambda: connection.ask(tile), (200,)


async def load(port: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Let all callers loose at once."""
    seen, began = Seen(), time.monotonic()
    await asyncio.gather(
        *(caller(port, token, plan, seen, i) for i, token in enumerate(plan["tokens"]))
    )
    told = seen.told()
    return {**told, "requests_per_second": told["requests"] / (time.monotonic() - began)}


async def all_tiles(port: int, plan: dict[str, Any]) -> dict[str, str]:
    """Return the hash of every tile, with the address's own key."""
    connection, found = Connection(port, plan["tokens"][0]), {}
    _, paths = await root_of(connection)
    for path in paths:
        await asyncio.sleep(0.02)  # below the rate that each caller has
        status, told, body = await connection.ask(path, Accept_Encoding="")
        found[path] = f"{status} {told.get('etag')} {hashlib.sha256(body).hexdigest()}"
    connection.close()
    return found


def main() -> None:
    """Do what the first word says, against a server on this machine."""
    what, address = sys.argv[1:]
    host, _, port = address.removeprefix("http://").rpartition(":")
    if host != LOOPBACK:
        raise SystemExit(f"{address} is not on this machine: callers ask {LOOPBACK} alone")
    plan = json.load(sys.stdin)
    work = load if what == "load" else all_tiles
    json.dump(asyncio.run(work(int(port), plan)), sys.stdout)


if __name__ == "__main__":
    main()
