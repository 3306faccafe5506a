"""gputsne ops init and check: what is written, what is stale, what is refused, and settings."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gputsne.base.errors import BadInput
from gputsne.cli import main
from gputsne.serve.asgi import ROUTES
from gputsne.telemetry.operations import Settings, files_of, stale, write
from gputsne.telemetry.operations.folder import MADE_BY
from gputsne.telemetry.operations.settings import TEMPLATE


def invoke(*line: str) -> Result:
    return CliRunner().invoke(main, ["ops", *line])


def test_init_and_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert invoke("check", "site").exit_code == 3  # nothing there
    assert invoke("init", "site").exit_code == 0
    assert invoke("check", "site").exit_code == 0
    assert "fresh" in invoke("init", "site").stdout
    site = Path("site")
    (site / "RUNBOOK.md").unlink()
    alerts = site / "prometheus" / "alerts.yml"
    alerts.write_text(alerts.read_text().replace("0.1", "0.9"))
    done = invoke("check", "site", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)["files"]
    assert found == {"RUNBOOK.md": "missing", "prometheus/alerts.yml": "stale"}
    assert "+# Runbook" in invoke("check", "site", "--diff").stdout
    assert "RUNBOOK.md" in invoke("init", "site", "--dry-run").stdout
    assert not (site / "RUNBOOK.md").exists()
    assert invoke("init", "site").exit_code == 0
    assert stale(site) == {}


def test_a_changed_rule_or_setting_makes_files_stale(tmp_path: Path):
    write(tmp_path)
    (tmp_path / "ops.toml").write_text(
        TEMPLATE.replace('# rules = "ours.toml" ', 'rules = "ours.toml" ')
    )
    (tmp_path / "ours.toml").write_text('[drift_map]\npass = "< 0.3"\n')
    found = stale(tmp_path)
    assert {"prometheus/alerts.yml", "datadog/monitors.json", "RUNBOOK.md"} <= set(found)
    assert "alertmanager/alertmanager.yml" not in found
    write(tmp_path)
    assert (tmp_path / "ops.toml").read_text() != TEMPLATE  # what is the site's own stays
    assert stale(tmp_path) == {}


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path):
    (tmp_path / "RUNBOOK.md").write_text("our own\n")
    with pytest.raises(BadInput, match=r"RUNBOOK.md was not made by"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["RUNBOOK.md"]
    assert (tmp_path / "RUNBOOK.md").read_text() == "our own\n"


def test_every_file_says_who_made_it():
    for name, text in files_of(Settings()).items():
        assert MADE_BY in text, name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("period_hours = 0", "period_hours = 0 must"),
        ('period_hours = "day"', "period_hours = 'day' must"),
        ("uptime = 99.0", "uptime = 99.0 must"),
        ("owner = 1", "did you mean 'owners'"),
        ("[owners]\nmaps = 5", "owners.maps = 5 must"),
        ("[targets]\nserve = 'a:1'", "targets.serve = 'a:1' must"),
        ("owners = 3", "owners = 3 must be a"),
        ("[owners]\nmaps = 'slack://x'", "owners.maps = 'slack://x' must"),
        ("[owners]\nmaps = 'http://'", "owners.maps = 'http://' must"),
        ("[owners]\nmaps = 'http://x:99999'", "owners.maps = 'http://x:99999' must"),
        ("[targets]\nnode = ['http://x:1']", "targets.node = 'http://x:1' must be host:port"),
        ("[targets]\nnode = ['a:1', 'x:99999']", "targets.node = 'x:99999' must be host:port"),
        ("[targets]\nnode = ['x']", "targets.node = 'x' must be host:port"),
        ("[targets]\nnode = [3]", "targets.node = 3 must be host:port"),
        ("[targets]\nnodes = ['a:1']", "[targets]: unknown entry 'nodes'; did you mean 'node'"),
        ("[mute]\nweekdays = ['caturday']", "mute.weekdays = 'caturday' must be a weekday"),
        ("[mute]\nweekdays = ['friday:monday']", "mute.weekdays = 'friday:monday' must"),
        ("[mute]\nweekdays = 'sunday'", "mute.weekdays = 'sunday' must be a list"),
        ("[mute]\nweekday = []", "[mute]: unknown entry 'weekday'; did you mean 'weekdays'"),
        ("report_url = 3", "report_url = 3 must be text"),
        ("= 3", "no TOML"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str, said: str):
    (tmp_path / "ops.toml").write_text(text)
    with pytest.raises(BadInput, match=re.escape(said)):
        stale(tmp_path)


@pytest.mark.parametrize("days", ["Saturday", "monday:friday", "sunday:sunday"])
@pytest.mark.parametrize("host", ["[::1]:9100", "node_1.maps.svc:65535", "10.0.0.1:1"])
def test_what_the_tools_take_is_taken(days: str, host: str):
    told = Settings(mute={"weekdays": [days]}, targets={"node": [host]})
    texts = files_of(told)
    assert days in texts["alertmanager/alertmanager.yml"]
    assert host in texts["prometheus/prometheus.yml"]


def test_the_template_holds_the_defaults():
    told = Settings.read_text(TEMPLATE)
    plain = replace(told, targets={}, owners={}, mute={})
    assert plain == Settings()
    assert files_of(told) == files_of(Settings(targets=told.targets))


def test_an_empty_word_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for command in ("init", "check"):
        assert invoke(command, "").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_links_lead_to_addresses_that_the_server_answers():
    answered = {row.path for row in ROUTES}
    for url in (Settings().report_url, Settings().thumbnail_url):
        assert url.removeprefix("http://localhost:8000") in answered
