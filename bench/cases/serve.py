"""The server under load: 50 callers at once for two minutes, 10 of 100 requests bad, then kill -9.

The server is a process of its own, and so are the callers (bench/callers.py); both only ever meet
on 127.0.0.1. A caller looks at tiles as a viewer does, places rows now and then, and sends requests
that are refused. Targets: 95 of 100 tiles within 100 ms, no answer but the right one; after kill -9
and a restart every tile has its bytes again.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import HERE, finish, log, options, target

CALLERS, SECONDS, POINTS = 50, 120.0, 1_000_000
BAD = 0.1  # share of requests that are to be refused
PAUSE = 0.05  # seconds that a caller waits between two requests, on average
GROUPS, WIDTH, SPREAD = 40, 5.0, 60.0  # of the map that is served: its shape costs nothing


def main(name: str, argv: list[str]) -> None:
    """Build what is served, load the server, kill it, and compare."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, help="points [1,000,000]")
    parser.add_argument("--callers", type=int, help=f"at once [{CALLERS}]")
    parser.add_argument("--seconds", type=float, help=f"of load [{SECONDS:g}]")
    asked = parser.parse_args(argv)
    n = asked.n or (5000 if asked.quick else POINTS)
    callers = asked.callers or (4 if asked.quick else CALLERS)
    seconds = asked.seconds or (2.0 if asked.quick else SECONDS)
    with tempfile.TemporaryDirectory(prefix="gputsne-bench-") as folder:
        facts = measured(
            Path(folder), n, callers, seconds, {"max_iter": 30 if asked.quick else 300}
        )
    tiles = facts["answers"]["tile"]
    facts["targets"] = {
        "tile_p95_ms": target(tiles["p95_ms"], 100.0, most=True),
        "wrong_answers": target(facts["wrong"], 0, most=True),
        "largest_answer_bytes": target(facts["largest_answer_bytes"], 1_000_000, most=True),
        "lost_by_kill": target(facts["after_kill"]["lost"], 0, most=True),
    }
    finish("serve", asked, facts)


def measured(
    folder: Path, n: int, callers: int, seconds: float, fit: dict[str, Any]
) -> dict[str, Any]:
    """Return what was seen; ``fit`` is how the model that places rows is fitted."""
    from gputsne.serve import new_token

    maps = prepared(folder / "maps", n, fit)
    pairs = [new_token("editor") for _ in range(callers)]
    tokens = [token for token, _ in pairs]
    (folder / "tokens.txt").write_text("\n".join(line for _, line in pairs), encoding="utf-8")
    log(f"{n:,} points in tiles; {callers} callers for {seconds:g} s")
    plan = {"tokens": tokens, "seconds": seconds, "bad": BAD, "pause": PAUSE}
    with served(maps, folder) as (process, address):
        found = called("load", address, **plan)
        before = called("tiles", address, tokens=tokens[:1])
        found["server_peak_bytes"] = peak_of(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with served(maps, folder) as (process, address):
        after = called("tiles", address, tokens=tokens[:1])
        process.send_signal(signal.SIGTERM)
        ended = process.wait(60)
    lost = sum(after.get(path) != known for path, known in before.items())
    told = {"compared": len(before), "lost": lost, "exit_after_sigterm": ended}
    return {"points": n, "callers": callers, "seconds": seconds, "bad_share": BAD,
            "pause_seconds": PAUSE, **found, "after_kill": told}  # fmt: skip


def prepared(folder: Path, n: int, fit: dict[str, Any]) -> Path:
    """Make a folder with a tile set, and with a small model that places rows."""
    import gputsne

    rng = np.random.default_rng(0)
    kinds = rng.integers(GROUPS, size=n)
    centres = rng.normal(scale=SPREAD, size=(GROUPS, 2))
    Y = (centres[kinds] + rng.normal(scale=WIDTH, size=(n, 2))).astype(np.float32)
    (folder / "big").mkdir(parents=True)
    gputsne.tiles(Y, folder / "big" / "tiles", labels=kinds.astype(str), title="Load")
    X = rng.normal(size=(1000, 20)).astype(np.float32)
    model = gputsne.TSNE(random_state=0, **fit).fit(X)
    model.save(folder / "big" / "model.npz")
    gputsne.plot(model, path=folder / "big" / "thumb.png", dpi=50)
    return folder


@contextlib.contextmanager
def served(maps: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server; its log goes to a file, as with a service."""
    command = [
        sys.executable, "-m", "gputsne", "serve", str(maps), "--port", "0",
        "--tokens", str(folder / "tokens.txt"), "--cache", str(folder / "cache"),
        "--transforms", "1000000",
    ]  # fmt: skip
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log_file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log_file, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def called(what: str, address: str, **plan: Any) -> dict[str, Any]:
    """Let the callers do something, in a process of their own; return what they saw."""
    command = [sys.executable, str(HERE / "callers.py"), what, address]
    done = subprocess.run(
        command, input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def peak_of(pid: int) -> int | None:
    """Return the most memory that a process has held."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return 1024 * kilobytes[0] if kilobytes else None
