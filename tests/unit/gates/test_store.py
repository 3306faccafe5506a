"""The gate at a store: verdicts are kept, promote obeys them, and a store tells of readiness."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import gputsne
from gputsne.base.errors import PromotionRefused
from gputsne.cli import main
from gputsne.gates import run_evidence
from gputsne.provenance import Run
from gputsne.runs.storage.local import LocalStorage


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return gputsne.Store(tmp_path / "store")


def call(*words: str, code: int = 0):
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == code, result.output
    return result


def table(corrupted: bool = False) -> np.ndarray:
    X = gputsne.datasets.load_digits().X[:400].astype(float)
    if corrupted:
        X[::10] = 16 - X[::10]
    return X


def embedded(name: str, X: np.ndarray, *more: str) -> str:
    np.save(f"{name}.npy", X)
    result = call(
        "embed", f"{name}.npy", "-o", f"{name}-map.npy", "--max-iter", "300", "--score",
        "--store", "store", "--keep-input", "--json", *more,
    )  # fmt: skip
    return str(json.loads(result.stdout)["stored"])


def rows(result) -> dict[str, str]:
    return {row["id"]: row["status"] for row in json.loads(result.stdout)["rows"]}


def test_two_nights_with_a_corrupted_cohort_in_the_second(store):
    first = embedded("monday", table(), "--tag", "owner=maps")
    again = embedded("again", table())
    store.promote(first)
    asked = ["check", again, "--profile", "ci", "--baseline", "production", "--store", "store"]
    told = rows(call(*asked, "--json"))
    assert told["reproducible"] == told["drift_data"] == told["quality_knn"] == "pass"
    store.promote(again)
    bad = embedded("tuesday", table(corrupted=True))
    asked[1] = bad
    files = ["--junit", "ci.xml", "--markdown", "ci.md"]
    result = call(*asked, *files, "--json", code=1)
    told = rows(result)
    assert told["drift_columns"] == told["drift_group"] == "fail"
    assert told["schema_dropped"] == "pass"
    failed = [case.get("name") for case in ET.parse("ci.xml").iter("testcase") if len(case)]
    assert {"drift_columns", "drift_group"} <= set(failed)
    assert Path("ci.md").read_text().startswith("## ci: FAIL\n")
    assert store.checks(bad)[-1]["verdict"] == "FAIL"
    with pytest.raises(PromotionRefused, match="check ci: FAIL"):
        store.promote(bad)
    assert store.promote(bad, force=True, reason="the cohort is real, ticket 7").forced
    assert store.rollback().id == again


def test_preprod_asks_for_a_passing_check_in_ci(store):
    id = store.put(Run(seed=0))
    assert gputsne.check(id, "preprod", store=store)["ci_passed"].status == "fail"
    store.add_check(id, {"profile": "ci", "verdict": "FAIL", "rows": []})
    row = gputsne.check(id, "preprod", store=store)["ci_passed"]
    assert (row.status, row.says) == ("fail", "The latest ci check of this run says FAIL.")
    store.add_check(id, {"profile": "ci", "verdict": "PASS", "rows": []})
    assert gputsne.check(id, "preprod", store=store)["ci_passed"].status == "pass"


def test_a_store_that_cannot_be_written_is_told(store, monkeypatch):
    assert store.probe() == ""
    id = store.put(Run())
    assert gputsne.check(id, "prod", store=store)["store_sound"].status == "pass"

    def refuse(*args):
        raise PermissionError(13, "Permission denied", "tmp")

    monkeypatch.setattr(LocalStorage, "add", refuse)
    row = gputsne.check(id, "prod", store=store)["store_sound"]
    assert row.status == "fail"
    assert "the store can't be written: " in row.says


def test_a_probe_leaves_nothing_and_sees_what_is_read_wrong(store, monkeypatch):
    store.put(Run())
    before = sorted(p for p in Path("store").rglob("*") if p.is_file())
    assert store.probe() == ""
    assert sorted(p for p in Path("store").rglob("*") if p.is_file()) == before
    monkeypatch.setattr(LocalStorage, "read", lambda self, name: b"other")
    assert "is not what is read" in store.probe()


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/runbook" else 404)
        self.end_headers()

    def log_message(self, *args):
        pass


def test_published_places_are_files_and_addresses_that_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("RUNBOOK.md").write_text("# Runbook")
    Path("EMPTY.md").write_text("")
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        good = ["RUNBOOK.md", f"{address}/runbook"]
        assert gputsne.check(Run(), "prod", published=good)["published"].status == "pass"
        for missing in ("EMPTY.md", "GONE.md", f"{address}/dashboard", "http://127.0.0.1:9/"):
            row = gputsne.check(Run(), "prod", published=[*good, missing])["published"]
            assert (row.status, row.says) == ("fail", f"Not there: {missing}.")
    finally:
        server.shutdown()
        server.server_close()


def test_an_incident_names_input_attempts_owner_and_replay(store):
    id = embedded("night", table(), "--tag", "owner=maps-team")
    found = gputsne.check(id, "incident", store=store, input="night.npy")
    assert found["input_verified"].status == found["not_killed"].status == "pass"
    data = bytearray(Path("night.npy").read_bytes())
    data[-1] ^= 1
    Path("altered.npy").write_bytes(data)
    row = gputsne.check(id, "incident", store=store, input="altered.npy")["input_verified"]
    assert (row.status, row.says.split()[0]) == ("fail", "altered.npy")
    bad = embedded("bad", table(corrupted=True), "--tag", "owner=maps-team")
    row = gputsne.check(bad, "incident", store=store, baseline=id)["escalate"]
    assert row.status == "fail"
    assert "Escalate to maps-team" in row.action
    again = embedded("again", table(), "--init", "pca", "--seed", "0")
    found = gputsne.check(id, "incident", store=store, repeats=[again])
    assert found["replay_agrees"].status == "pass"
    other = embedded("random", table(), "--init", "random", "--perplexity", "3")
    found = gputsne.check(other, "incident", store=store, repeats=[again])
    assert found["replay_agrees"].status == "fail"


def test_a_record_finds_its_files_while_they_are_what_they_were(store):
    embedded("a", table(), "--run-record", "a.json")
    embedded("b", table(corrupted=True), "--run-record", "b.json")
    told = run_evidence("b.json", "a.json")
    assert told["drift_group_change"] > 0.01
    assert told["rows_shared"] == 400
    np.save("b.npy", table())
    np.save("b-map.npy", np.zeros((400, 2)))
    told = run_evidence("b.json", "a.json")
    assert "drift_mmd" not in told
    assert "drift_map" not in told


def test_options_about_a_run_need_one(store):
    Path("flat.json").write_text('{"done": 1}')
    Run().write("run.json")
    for words in (["flat.json"], ["run.json", "run.json"]):
        said = call("check", *words, "--profile", "ci", "--baseline", "run.json", code=2).stderr
        assert "--baseline is about one run" in said
    assert "no such file" in call("check", "production", "--profile", "ci", code=3).stderr
    said = call("check", "production", "--profile", "ci", "--store", "store", code=3).stderr
    assert "has no ref 'production'" in said


def test_estimates_are_the_runs_and_the_budgets_yours(store):
    run = replace(Run(), seconds=36.0, price_per_hour=10.0, input={"shape": [1000, 50]})
    budget = {"budget_seconds": 60, "budget_bytes": 4e9, "budget_cost": 0.1}
    found = gputsne.check(run, "preprod", more=budget)
    assert {found[name].status for name in ("plan_seconds", "plan_bytes", "plan_cost")} == {"pass"}
    assert found["plan_cost"].value == pytest.approx(0.1)
    want = gputsne.plan(1000, 50).host_bytes
    assert found["plan_bytes"].value == want
    found = gputsne.check(run, "preprod", more=budget | {"budget_bytes": want - 1})
    assert found["plan_bytes"].status == "fail"


def test_markdown_holds_every_row_and_nothing_of_it_is_markup():
    run = replace(Run(), status="failed", error="<b>|x|</b> [a](b)", exit_code=1)
    text = gputsne.check(run, "ci").to_markdown()
    lines = text.splitlines()
    assert lines[0] == "## ci: FAIL"
    table_rows = [line for line in lines if line.startswith("| ")][1:]
    assert len(table_rows) == len(gputsne.check(run, "ci").rows)
    assert "<b>" not in text
    assert "[a](b)" not in text
    assert "**Run ended well** (fail)" in text
