"""Prometheus, Alertmanager and a Pushgateway take a fit's metrics; an alert comes to a webhook."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monitored import TAGS
from sites import SECONDS, Site, answer, configured, free_port, running, until
from sites import query as asked


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

    query = partial(asked, at["prometheus"])

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
        (info,) = query('gputsne_run_info{job="gputsne"}')  # one series, of the latest run
        assert info["metric"]["seed"] == "7"

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
    # what names a run is of each service's latest, however many there were
    assert metrics.count("gputsne_run_info{") == 2
    assert metrics.count("run_id=") == metrics.count(f'run_id="{run_of(2).id}"') == 2


def test_an_address_that_is_none():
    from gputsne.telemetry import push

    with pytest.raises(ValueError, match="pushgateway='file:///etc/passwd' must be an address"):
        push("file:///etc/passwd", lambda board: None)
