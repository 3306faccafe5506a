"""A site for tests: programs of Prometheus, a webhook, and what waits until something is there."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from gputsne.telemetry.operations import write
from gputsne.telemetry.operations.settings import TEMPLATE

PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
}


def program_of(name: str) -> str:
    """Return a program; skip the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: apt-get install {PACKAGES[name]}")
    return found


def query(address: str, expr: str) -> list[dict[str, Any]]:
    """Return what Prometheus answers."""
    told = answer(f"http://{address}/api/v1/query?query={quote(expr)}")
    return list(json.loads(told)["data"]["result"])


SECONDS = 60  # that a step may take on a busy machine


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def until(work: Callable[[], Any], what: str) -> Any:
    """Return what work returns, as soon as that is something."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if found := work():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {SECONDS} s: {what}")


def answer(address: str) -> str:
    with urlopen(address, timeout=5) as told:
        return told.read().decode()


class Site:
    """What stands around the programs: a webhook, and an exporter of a textfile."""

    def __init__(self, textfile: Path) -> None:
        self.messages: list[dict[str, Any]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                site.messages.append({"path": self.path, **json.loads(self.rfile.read(size))})
                self.send_response(200)
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(textfile.read_bytes() if textfile.exists() else b"")

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def running(*line: object) -> Iterator[subprocess.Popen[bytes]]:
    log = subprocess.DEVNULL
    process = subprocess.Popen([str(part) for part in line], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def configured(folder: Path, ports: dict[str, int], site: Site) -> None:
    """Write the operating files of a site on this machine, with seconds in place of minutes."""
    local = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    targets = {
        "node": [local["fit"], f"127.0.0.1:{site.port}"],
        **{name: [local[name]] for name in ("pushgateway", "serve", "alertmanager")},
    }
    told = "\n".join(f"{name} = {json.dumps(hosts)}" for name, hosts in targets.items())
    head = TEMPLATE.partition("[targets]")[0]
    owners = f'[owners]\nmaps = "http://127.0.0.1:{site.port}/maps"\n[mute]\nweekdays = []\n'
    (folder / "ops.toml").write_text(f"{head}[targets]\n{told}\n{owners}")
    write(folder)

    def at_once(content: Any) -> None:
        for rule in content["groups"][0]["rules"]:
            rule["for"] = "0s"

    often = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    soon = {"group_wait": "4s", "group_interval": "1s"}
    change(folder / "prometheus" / "prometheus.yml", lambda c: c["global"].update(often))
    change(folder / "prometheus" / "alerts.yml", at_once)
    change(folder / "alertmanager" / "alertmanager.yml", lambda c: c["route"].update(soon))


def change(path: Path, edit: Callable[[Any], object]) -> None:
    content = yaml.safe_load(path.read_text())
    edit(content)
    path.write_text(yaml.safe_dump(content))
