"""Metrics of `gputsne embed`: textfile, port, killed runs; what fails there takes no map along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from click.testing import CliRunner, Result
from monitored import run_of
from prometheus_client.parser import text_string_to_metric_families

import gputsne
from gputsne.base.types import Progress
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.telemetry import Exporter, Monitor

OPTIONS = ["-o", "map.npy", "--max-iter", "60", "--tag", "model=m"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.normal(size=(120, 4)).astype(np.float32))
    return tmp_path


def embed(*more: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["embed", "x.npy", *OPTIONS, *more], env=env)


def value(path: Path | str, name: str, **labels: str) -> float:
    text = path if isinstance(path, str) else path.read_text()
    (found,) = [
        s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name == name and labels.items() <= s.labels.items()
    ]
    return found


def test_the_textfile_of_two_runs(here: Path):
    for count in (1, 2):
        done = embed("--metrics-textfile", "maps.prom")
        assert done.exit_code == 0, done.output
        file = here / "maps.prom"
        assert value(file, "gputsne_runs_total", status="done") == count
        assert value(file, "gputsne_runs_in_progress") == 0
        assert value(file, "gputsne_iterations") == 60
        assert file.stat().st_mode & 0o777 == 0o644


def test_stages_of_a_run_add_up_to_the_whole(here: Path):
    np.save("x.npy", gputsne.datasets.load_digits().X.astype(np.float32))
    assert embed("--metrics-textfile", "maps.prom", "--run-record", "run.json").exit_code == 0
    timings = dict(Run.read("run.json").timings)
    whole = timings.pop("total")
    assert set(timings) == {"prepare", "neighbors", "affinities", "initial", "optimize"}
    assert 0.95 * whole <= sum(timings.values()) <= whole
    for stage, seconds in timings.items():
        told = value(here / "maps.prom", "gputsne_run_duration_seconds_sum", stage=stage)
        assert told == pytest.approx(seconds)


def test_the_map_is_the_same_with_metrics(here: Path):
    assert embed().exit_code == 0
    before = Path("map.npy").read_bytes()
    assert embed("--metrics-port", "0").exit_code == 0
    assert Path("map.npy").read_bytes() == before


def test_the_environment_asks_as_the_options_do(here: Path):
    assert embed(env={"GPUTSNE_METRICS_TEXTFILE": "maps.prom"}).exit_code == 0
    assert value(here / "maps.prom", "gputsne_run_success") == 1


def test_a_run_that_fails_is_counted(here: Path):
    done = embed("--metrics-textfile", "maps.prom", "--columns", "99")
    assert done.exit_code == 3
    assert value(here / "maps.prom", "gputsne_runs_total", status="bad input") == 1
    assert value(here / "maps.prom", "gputsne_run_success") == 0


@pytest.mark.parametrize(
    "option",
    [
        ["--metrics-textfile", "no/such/folder/maps.prom"],
        ["--metrics-textfile", "other.prom"],  # no text of metrics: left as it is
        ["--pushgateway", "http://127.0.0.1:1"],
        ["--pushgateway", "nonsense"],
        ["--metrics-port", "240.0.0.1:9"],
    ],
    ids=lambda option: " ".join(option),
)
def test_monitoring_that_fails_is_one_remark(here: Path, option: list[str]):
    data = Path("x.npy").read_bytes()
    Path("other.prom").write_bytes(data)
    done = embed(*option)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("the run goes on") <= 2
    assert "no metrics at" in done.stderr
    assert np.load("map.npy").shape == (120, 2)
    assert Path("other.prom").read_bytes() == data


def test_a_password_of_a_gateway_is_sent_and_not_shown(here: Path):
    asked: list[tuple[str, str | None]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked.append((self.command, self.headers.get("Authorization")))
            self.send_response(200)
            self.end_headers()

        def do_PUT(self):
            self.do_GET()

        def log_message(self, *given):
            pass

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = embed("--pushgateway", f"http://ann:s3cret@127.0.0.1:{server.server_port}")
        server.shutdown()
    assert "no metrics" not in done.stderr
    assert {name for name, _ in asked} == {"GET", "PUT"}
    assert {told for _, told in asked} == {"Basic " + b64encode(b"ann:s3cret").decode()}
    done = embed("--pushgateway", "http://ann:s3cret@127.0.0.1:1")
    assert "no metrics at http://127.0.0.1:1" in done.stderr
    assert "s3cret" not in done.output + done.stderr


def test_a_file_that_no_exporter_reads_is_usage(here: Path):
    done = embed("--metrics-textfile", "maps.txt")
    assert done.exit_code == 2
    assert "maps.txt must end in .prom" in done.stderr
    assert not Path("map.npy").exists()


def test_a_missing_package_is_one_remark(here: Path, monkeypatch: pytest.MonkeyPatch):
    import gputsne.telemetry.sinks as sinks
    from gputsne.base.errors import DependencyMissing

    def missing(package: str, doing: str) -> None:
        raise DependencyMissing(f"{doing} needs {package}: pip install 'gputsne[ops]'")

    monkeypatch.setattr(sinks, "require", missing)
    done = embed("--metrics-textfile", "maps.prom")
    assert done.exit_code == 0
    assert done.stderr.count("pip install 'gputsne[ops]'") == 1


@pytest.mark.parametrize("port", ["x", "-1", "70000", "host:", ""])
def test_a_port_that_is_none(here: Path, port: str):
    done = embed("--metrics-port", port)
    assert done.exit_code == 2
    assert "0.0.0.0:9100" in done.stderr


def test_the_port_shows_the_fit_as_it_goes():
    notes: list[str] = []
    monitor = Monitor(notes.append, port=0)
    monitor.begin(run_of())
    try:
        address = notes[0].split()[4]
        monitor(Progress("optimize", 150, 1000, 1.25, np.zeros((3, 2), np.float32)))
        with urlopen(address) as answer:
            text = answer.read().decode()
    finally:
        monitor.close()
    assert value(text, "gputsne_kl_divergence") == 1.25
    assert value(text, "gputsne_iterations") == 150
    assert value(text, "gputsne_iterations_planned") == 1000
    assert value(text, "gputsne_runs_in_progress") == 1
    with pytest.raises(OSError, match="refused"):
        urlopen(address)


def started(here: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a run that goes on until it is killed, and wait until its metrics say that it does."""
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.normal(size=(2000, 20)).astype(np.float32))
    line = [sys.executable, "-m", "gputsne", "embed", "x.npy", "-o", "map.npy", "--quiet"]
    line += ["--max-iter", "1000000", "--tag", "model=m", "--metrics-textfile", "maps.prom", *more]
    process = subprocess.Popen(line)
    file = here / "maps.prom"
    for _ in range(600):
        if file.exists() and value(file, "gputsne_runs_in_progress") == 1:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError("the run did not begin")


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_the_next_start_tells_of_a_killed_run(here: Path):
    process = started(here, "--store", "runs")
    process.send_signal(signal.SIGKILL)
    process.wait()
    file = here / "maps.prom"
    assert value(file, "gputsne_runs_in_progress") == 1  # nobody could say otherwise
    np.save("x.npy", np.load("x.npy")[:120])
    assert embed("--metrics-textfile", "maps.prom", "--store", "runs").exit_code == 0
    assert value(file, "gputsne_runs_killed_total") == 1  # known to file and store, counted once
    assert value(file, "gputsne_runs_in_progress") == 0
    assert value(file, "gputsne_runs_total", status="done") == 1


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_a_run_beside_another_is_not_taken_for_killed(here: Path):
    process = started(here)
    try:
        np.save("y.npy", np.load("x.npy")[:120])
        line = ["embed", "y.npy", "--metrics-textfile", "maps.prom", *OPTIONS]
        assert CliRunner().invoke(main, line).exit_code == 0
        assert value(here / "maps.prom", "gputsne_runs_killed_total") == 0
        assert value(here / "maps.prom", "gputsne_runs_in_progress") == 1
    finally:
        process.kill()
        process.wait()


def test_a_callback_tells_fits_of_python(here: Path):
    exporter = Exporter({"model": "m"}, textfile="maps.prom", port=0)
    model = gputsne.TSNE(max_iter=60, perplexity=10, callbacks=exporter)
    model.fit(np.load("x.npy"))
    file = here / "maps.prom"
    assert value(file, "gputsne_runs_total", status="done", model="m") == 1
    assert value(file, "gputsne_kl_divergence") == pytest.approx(model.kl_divergence_)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((120, 4), np.nan))
    assert value(file, "gputsne_run_success", model="m") == 0
    assert value(file, "gputsne_runs_in_progress", model="m") == 0


def test_a_callback_that_fails_is_one_warning(here: Path):
    exporter = Exporter(textfile="no/such/maps.prom")
    with pytest.warns(UserWarning, match="no metrics at no/such/maps.prom") as told:
        gputsne.TSNE(max_iter=60, perplexity=10, callbacks=exporter).fit(np.load("x.npy"))
    assert len([w for w in told if "no metrics" in str(w.message)]) == 1
