"""The request log and the metrics: a line and a count for every request, and nothing personal."""

from __future__ import annotations

import json
import logging
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from served import AS_EDITOR, EDITOR, EMAIL, raw

from gputsne.serve.asgi import METHODS, ROUTES
from gputsne.serve.measures import TABLE


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "gputsne.serve")
    return lambda: [json.loads(r.getMessage()) for r in caplog.records if r.name == "gputsne.serve"]


def test_a_line_per_request_with_the_pattern_of_the_address(client, id, log):
    client.get(f"/runs/{id}")
    (line,) = log()
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/runs/{run}", 200)
    assert line["bytes"] > 0
    assert line["seconds"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])


def test_nothing_personal_is_in_the_log(guarded, id, log, caplog):
    secrets = [EDITOR, EMAIL, id, "198.51.100.7", "2001:db8::7", "needle"]
    headers = {
        **AS_EDITOR,
        "User-Agent": "needle",
        "X-Forwarded-For": "needle",
        "Referer": "needle",
    }
    guarded.get(f"/runs/{id}?q=needle", headers=headers)
    guarded.get(f"/runs/{EMAIL}", headers=headers)
    guarded.get(f"/{EMAIL}", headers=headers)
    guarded.get("/runs", headers={"Authorization": f"Bearer {EMAIL}"})
    guarded.post(f"/runs/{id}/transform", headers=headers, json=[[1, 2]])
    guarded.post("/embed", headers=headers, content=f"{EMAIL},1\nneedle,2\n")
    guarded.request("NEEDLE", "/runs", headers=headers)
    for address in ("198.51.100.7", "2001:db8::7"):
        raw(guarded.app, f"/runs/{id}", client=address)
    assert len(log()) == 9
    for secret in secrets:
        assert secret not in caplog.text
        assert secret.lower() not in guarded.get("/metrics", headers=AS_EDITOR).text


def test_a_fault_is_told_by_type_and_place_and_not_by_its_message(client, log, monkeypatch):
    def fail(*given):
        raise RuntimeError(f"{EMAIL} is not in the table")

    monkeypatch.setattr(type(client.app.measures), "text", fail)
    answer = client.get("/metrics")
    assert answer.status_code == 500
    assert EMAIL not in answer.text
    fault, request = log()
    assert (fault["event"], fault["error"]) == ("fault", "RuntimeError")
    assert fault["where"][-1].startswith("test_log.py:")
    for line in (fault, request):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["at"])
    assert EMAIL not in json.dumps(fault)
    assert request["status"] == 500


def test_callers_are_told_apart_and_not_told(client, id, log):
    for address in ("198.51.100.7", "198.51.100.7", "198.51.100.8"):
        raw(client.app, "/healthz", client=address)
    names = [line["caller"] for line in log()]
    assert names[0] == names[1] != names[2]
    other = client.app.journal.pseudonym("198.51.100.7")
    assert other == names[0]
    from gputsne.serve.journal import Journal

    assert Journal().pseudonym("198.51.100.7") != other


@pytest.mark.parametrize(
    ("accept", "parse"),
    [
        ("", plain),
        ("application/openmetrics-text; version=1.0.0", openmetrics),
        ("text/html", plain),
    ],
)
def test_metrics_are_read_by_prometheus_own_parser(client, accept, parse):
    for _ in range(2):
        client.get("/runs")
    client.post("/rum", json={"load": 0.75, "first_paint": 3})
    client.get("/none")
    found = {
        family.name: family
        for family in parse(client.get("/metrics", headers={"Accept": accept}).text)
    }
    assert {row.name for row in TABLE} <= set(found)
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for f in found.values()
        for s in f.samples
    }
    route = (("method", "GET"), ("route", "/runs"), ("status", "200"))
    assert samples["gputsne_http_requests_total", route] == 2
    other = (("method", "GET"), ("route", "other"), ("status", "404"))
    assert samples["gputsne_http_requests_total", other] == 1
    assert samples["gputsne_rum_seconds_sum", (("event", "load"),)] == 0.75
    assert samples["gputsne_rum_seconds_bucket", (("event", "first_paint"), ("le", "2.5"))] == 0
    assert samples["gputsne_max_concurrency", ()] == 2


def test_no_caller_can_make_the_metrics_grow(client):
    for i in range(20):
        client.request(f"M{i}", "/runs")
        client.get(f"/none/{i}")
        client.post("/rum", json={f"event{i}": 1})
    text = client.get("/metrics").text
    routes, methods = (
        set(re.findall(r'route="([^"]*)"', text)),
        set(re.findall(r'method="([^"]*)"', text)),
    )
    assert routes <= {"other", *(row.path for row in ROUTES)}
    assert methods <= {"other", *METHODS}
    assert 'event="event' not in text


@pytest.mark.parametrize(
    "body",
    ["", "x", "[]", "{}", "[1]", "null", '{"load": "1"}', '{"load": true}', '{"load": -1}',
     '{"load": 601}', '{"load": NaN}', '{"load": 1e999}', '{"other": 1}', '{"load": 1, "x": 2}',
     '{"load": [1]}', "[" * 4000],
)  # fmt: skip
def test_a_beacon_that_is_none_is_refused(client, body):
    assert client.post("/rum", content=body).status_code == 400
    assert client.post("/rum", content=" " * 5000).status_code == 413


def test_names_and_labels_of_the_table_follow_prometheus():
    for row in TABLE:
        assert row.name.startswith("gputsne_")
        assert not row.name.endswith("_total")
        assert row.told.endswith(".")
        assert bool(row.buckets) == (row.kind == "Histogram")
    assert len({row.name for row in TABLE}) == len({row.key for row in TABLE}) == len(TABLE)
