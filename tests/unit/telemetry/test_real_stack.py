"""Prometheus, Alertmanager and a Pushgateway take a fit's metrics; an alert comes to a webhook."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pytest
import yaml

from gputsne.telemetry.operations import write
from gputsne.telemetry.operations.settings import TEMPLATE

SECONDS = 60  # that a step may take on a busy machine
TAGS = {"model": "events", "pipeline": "nightly", "owner": "maps"}


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


def test_a_fit_is_scraped_and_its_failure_comes_to_the_owner(
    tmp_path: Path, program: Callable[[str], str]
):
    prometheus, manager = program("prometheus"), program("prometheus-alertmanager")
    gateway = program("prometheus-pushgateway")
    names = ("fit", "pushgateway", "serve", "alertmanager", "cluster", "prometheus")
    ports = {name: free_port() for name in names}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    textfile = tmp_path / "maps.prom"
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(2000, 20)).astype(np.float32))

    def query(expr: str) -> list[dict[str, Any]]:
        told = answer(f"http://{at['prometheus']}/api/v1/query?query={quote(expr)}")
        return json.loads(told)["data"]["result"]

    with ExitStack() as stack:
        site = Site(textfile)
        stack.callback(site.close)
        configured(tmp_path, ports, site)
        stack.enter_context(running(gateway, f"--web.listen-address={at['pushgateway']}"))
        stack.enter_context(running(
            manager, f"--config.file={tmp_path}/alertmanager/alertmanager.yml",
            f"--storage.path={tmp_path}/am", f"--web.listen-address={at['alertmanager']}",
            "--cluster.listen-address=",
        ))  # fmt: skip
        stack.enter_context(running(
            prometheus, f"--config.file={tmp_path}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address={at['prometheus']}",
            "--rules.alert.resend-delay=1s",  # the textfile may be scraped after the gateway
        ))  # fmt: skip
        for name, path in (("pushgateway", "ready"), ("alertmanager", "ready"),
                           ("prometheus", "ready")):  # fmt: skip
            until(lambda a=at[name], p=path: answer(f"http://{a}/-/{p}"), f"{name} is ready")

        tags = [part for item in TAGS.items() for part in ("--tag", "=".join(item))]
        fit = stack.enter_context(running(
            sys.executable, "-m", "gputsne", "embed", tmp_path / "x.npy", "-o",
            tmp_path / "map.npy", "--quiet", "--seed", "7", "--max-iter", "10000000", *tags,
            "--metrics-textfile", textfile, "--metrics-port", ports["fit"],
            "--pushgateway", f"http://{at['pushgateway']}",
        ))  # fmt: skip
        live = f'gputsne_kl_divergence{{instance="{at["fit"]}"}}'
        (kl,) = until(lambda: query(live), "the KL divergence of the fit that runs")
        assert TAGS.items() <= kl["metric"].items()
        assert 0 < float(kl["value"][1]) < 10
        pushed = 'gputsne_runs_in_progress{job="gputsne"}'
        (begun,) = until(lambda: query(pushed), "the begin of the run in the Pushgateway")
        assert begun["value"][1] == "1"
        fit.send_signal(signal.SIGINT)
        assert fit.wait(SECONDS) == 130
        until(lambda: query(f"{pushed} == 0"), "the end of the run in the Pushgateway")
        (ended,) = query('gputsne_runs_total{job="gputsne", status="interrupted"}')
        assert ended["value"][1] == "1"
        assert query('gputsne_run_info{job="gputsne"}') == []  # names one run: never pushed

        def heard() -> dict[str, Any] | None:
            for message in site.messages:
                for alert in message["alerts"]:
                    known = alert["annotations"]["run_id"] != "unknown"
                    if alert["labels"]["alertname"] == "GputsneJobFailed" and known:
                        return {**message, "alert": alert}
            return None

        message = until(heard, "the alert at the webhook")
    alert = message["alert"]
    assert message["path"] == "/maps"  # its owner's
    assert message["groupLabels"] == {"model": "events", "pipeline": "nightly"}
    assert alert["labels"] == {"alertname": "GputsneJobFailed", "severity": "page", **TAGS}
    told = alert["annotations"]
    assert told["seed"] == "7"
    assert len(told["input_sha256"]) == 64
    assert told["report"] == f"http://localhost:8000/runs/{told['run_id']}/report.html"
    assert told["runbook"] == "RUNBOOK.md#gputsnejobfailed"


def test_services_in_a_pushgateway_keep_apart_and_go_on(
    tmp_path: Path, program: Callable[[str], str]
):
    from monitored import run_of

    from gputsne.telemetry import begin, finish, push
    from gputsne.telemetry.sinks import read_pushed

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(program("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}"):
        until(lambda: answer(f"{url}/-/ready"), "the gateway is ready")
        for i in range(3):
            for model in ("a", 'b/"c" d'):
                run = run_of(i, tags={"model": model})
                push(url, lambda board, run=run: begin(board, run))
                push(url, lambda board, run=run: finish(board, run))
        board = read_pushed(url)
        metrics = answer(f"{url}/metrics")
    assert {service[0] for service in board.services} == {"a", 'b/"c" d'}
    for service in board.services:
        assert board.value("gputsne_runs_total", service, status="done") == 3
    assert "run_id" not in metrics
    assert run_of(0).id not in metrics


def test_an_address_that_is_none():
    from gputsne.telemetry import push

    with pytest.raises(ValueError, match="pushgateway='file:///etc/passwd' must be an address"):
        push("file:///etc/passwd", lambda board: None)
