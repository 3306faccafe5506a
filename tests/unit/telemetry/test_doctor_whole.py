"""The doctor at places that are written to, and the whole command."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from findings import SECRET, is_sound, only
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from gputsne.cli import main
from gputsne.telemetry.doctor import FAILED, OK, WARNING, environment, examine, gpu
from gputsne.telemetry.doctor.finding import within
from gputsne.telemetry.doctor.folders import place_findings


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    for name, path in (("output", tmp_path / "m.npy"), ("checkpoint", tmp_path)):
        assert only(place_findings(name, path)).state == OK
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_fails(tmp_path, monkeypatch):
    found = only(place_findings("output", tmp_path / "gone" / "m.npy"))
    assert (found.state, found.remedy.startswith(f"mkdir -p {tmp_path}/gone")) == (FAILED, True)

    def refuse(self, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    for path in (tmp_path, tmp_path / "m.npy"):
        found = only(place_findings("output", path))
        assert (found.state, "Permission denied" in found.found) == (FAILED, True)
        assert "doctor" not in found.found


def test_a_textfile_is_read_by_another_user(tmp_path):
    tmp_path.chmod(0o700)
    found = list(place_findings("metrics textfile", tmp_path / "maps.txt"))
    assert [f.state for f in found] == [FAILED, WARNING, OK]
    assert found[0].remedy == "name it maps.prom"
    assert found[1].remedy == f"chmod o+rx {tmp_path}"
    tmp_path.chmod(0o755)
    assert only(place_findings("metrics textfile", tmp_path / "maps.prom")).state == OK


def test_work_that_takes_too_long_is_left_and_errors_come_through():
    assert within(5, lambda: 7) == 7
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        within(0.05, lambda: time.sleep(5))
    with pytest.raises(KeyError):
        within(5, lambda: {}["x"])


@pytest.fixture
def quick(monkeypatch):
    """Leave out what starts processes: it has tests of its own."""
    monkeypatch.setitem(environment.CHECKS, "imports", lambda: [])
    monkeypatch.setitem(gpu.CHECKS, "device", lambda: [])


@pytest.fixture
def scraped() -> Iterator[str]:
    registry = CollectorRegistry()
    Gauge("gputsne_run_success", "Whether it did well.", registry=registry).set(1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


def test_examine_looks_at_all_that_is_named(quick, tmp_path, scraped):
    found = examine(
        store=str(tmp_path / "store"), scrape=scraped, pushgateway="http://127.0.0.1:9",
        output=tmp_path / "m.npy", checkpoint=tmp_path / "c", textfile=tmp_path / "m.prom",
    )  # fmt: skip
    assert all(map(is_sound, found))
    areas = {f.area for f in found}
    assert areas >= {"environment", "store", "scrape", "pushgateway", "permissions"}
    assert {(f.area, f.name) for f in found if f.state == FAILED} == {("pushgateway", "answer")}


def test_the_command_prints_a_line_and_a_remedy_for_each(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()
    result = CliRunner().invoke(main, ["doctor", "--store", "store"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[-1].endswith(" 0 failed")
    assert any(line.startswith("ok       store access ") for line in lines)
    words = ["doctor", "-o", "gone/m.npy", "--scrape", f"http://u:{SECRET}@127.0.0.1:9/metrics"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert SECRET not in result.output
    at = next(i for i, line in enumerate(result.stdout.splitlines()) if line.startswith("FAILED"))
    assert result.stdout.splitlines()[at + 1].strip().startswith("-> ")
    assert "failed: scrape answer, permissions output" in result.stderr


def test_the_command_as_json(quick):
    result = CliRunner().invoke(main, ["doctor", "--json", "--pushgateway", "http://127.0.0.1:9"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["failed"]) == (1, 1)
    assert told["ok"] + told["warning"] + told["failed"] == len(told["findings"])
    assert set(told["findings"][0]) == {"area", "name", "state", "found", "remedy"}
