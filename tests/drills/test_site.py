"""Drill: a site for real. Prometheus, a Pushgateway, and the server beside fits that fail."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from drilled import Forks, table
from monitored import TAGS
from sites import Site, answer, configured, free_port, program_of, query, running, until

import gputsne

ROWS = 100


def embed(folder: Path, gateway: str, *more: object) -> dict[str, Any]:
    """Return a request for a run of the service, told to the gateway alone."""
    line = [
        "embed", "x.npy", "-o", "map.npy", "--store", "runs", "--perplexity", "10", "--seed", "7",
        "--pushgateway", f"http://{gateway}", *more,
    ]  # fmt: skip
    for item in TAGS.items():
        line += ["--tag", "=".join(item)]
    return {"line": [str(part) for part in line]}


def test_alerts_of_a_gateway_alone_name_the_run_and_a_server_is_scraped_beside_fits(
    fork: Forks, tmp_path: Path
):
    prometheus, gateway = program_of("prometheus"), program_of("prometheus-pushgateway")
    folder = tmp_path / "night"
    folder.mkdir()
    np.save(folder / "x.npy", np.full((ROWS, 3), np.nan, dtype=np.float32))
    names = ("fit", "pushgateway", "serve", "alertmanager", "prometheus", "cluster")
    ports = {name: free_port() for name in names}
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    site = Site(tmp_path / "none.prom")
    asked = partial(query, at["prometheus"])
    push = partial(embed, folder, at["pushgateway"])
    done = ("--max-iter", "30")
    try:
        configured(tmp_path, ports, site)
        with (
            running(gateway, f"--web.listen-address={at['pushgateway']}"),
            running(
                prometheus, f"--config.file={tmp_path}/prometheus/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address={at['prometheus']}",
            ),
        ):  # fmt: skip
            until(lambda: answer(f"http://{at['pushgateway']}/-/ready"), "the gateway is ready")
            # A first run that fails; the alert is asked of Prometheus itself.
            (failed,) = fork.together(folder, push())
            assert failed.code == 3, failed.stderr
            (worst,) = gputsne.Store(folder / "runs").list()
            alert = until(partial(fired, at["prometheus"], worst.id), "the alert names the run")
            # Two runs at once and one after them: one series of the service names the latest.
            table(folder / "x.npy")
            first = fork.together(folder, push(*done), push(*done))
            last = fork.together(folder, push(*done))
            assert [one.code for one in (*first, *last)] == [0, 0, 0], first
            latest = gputsne.Store(folder / "runs").list()[-1].id
            with running(
                sys.executable, "-m", "gputsne", "serve", folder / "runs", "--port", ports["serve"],
                "--cache", tmp_path / "cache",
            ) as server:  # fmt: skip
                until(lambda: asked('up{job="gputsne-serve"} == 1'), "the server is scraped")
                for _ in range(3):
                    with urlopen(f"http://{at['serve']}/runs") as told:
                        assert latest in told.read().decode()
                (info,) = until(
                    lambda: asked(f'gputsne_run_info{{run_id="{latest}"}}'), "the latest run"
                )
                assert len(asked("gputsne_run_info")) == 1
                assert info["metric"]["job"] == "gputsne"
                until(
                    lambda: asked('sum(gputsne_http_requests_total{job="gputsne-serve"}) >= 3'),
                    "what the server answered",
                )
                assert fired(at["prometheus"], worst.id) is None  # there is a fresh map by now
                server.kill()
                until(
                    lambda: asked('up{job="gputsne-serve"} == 0'), "the server is seen to be down"
                )
            pushed = answer(f"http://{at['pushgateway']}/metrics")
    finally:
        site.close()
    assert pushed.count("gputsne_run_info{") == 1
    assert alert["labels"] == {"alertname": "GputsneJobFailed", "severity": "page", **TAGS}
    told = alert["annotations"]
    assert told["seed"] == "7"
    assert told["input_sha256"] == (worst.input["data_sha256"] or worst.input["sha256"])
    assert told["report"].endswith(f"/runs/{worst.id}/report.html")
    assert told["runbook"].endswith("#gputsnejobfailed")
    assert "unknown" not in told.values()


def fired(address: str, id: str) -> dict[str, Any] | None:
    """Return the alert of a failed job, once it names a run."""
    told = json.loads(answer(f"http://{address}/api/v1/alerts"))["data"]["alerts"]
    for alert in told:
        name, run = alert["labels"]["alertname"], alert["annotations"]["run_id"]
        if (name, run) == ("GputsneJobFailed", id):
            return dict(alert)
    return None
