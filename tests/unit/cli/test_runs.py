"""``gputsne runs``: what it prints, what it changes, and the exit codes of what goes wrong."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from stores import id_of, run_of, verdict

import gputsne
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.runs.review import spark


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GPUTSNE_STORE", str(tmp_path / "store"))
    return gputsne.Store(tmp_path / "store")


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["runs", *words])
    assert result.exit_code == code, result.output
    return result.output


def facts(*words: str, code: int = 0):
    return json.loads(call(*words, "--json", code=code).splitlines()[0])


def priced(days_ago: float, digits: int, seconds: float = 36.0, price: float | None = 10.0, **more):
    return run_of(days_ago, digits, seconds=seconds, price_per_hour=price, **more)


def test_ls_lists_what_the_store_lists(store):
    old = store.put(run_of(40, 1, tags={"team": "a"}, kl_divergence=1.25, map=(1000, 2)))
    new = store.put(run_of(1, 2, status="failed", tags={"team": "b"}))
    store.promote(old)
    said = call("ls")
    assert [line.split()[0] for line in said.splitlines()] == ["run", old, new]
    assert "1,000" in said
    assert "1.2500" in said
    told = facts("ls")["runs"]
    assert [(t["id"], t["status"], t["refs"]) for t in told] == [
        (old, "done", ["production"]),
        (new, "failed", []),
    ]
    assert [t["id"] for t in facts("ls", "--since", "30d")["runs"]] == [new]
    assert [t["id"] for t in facts("ls", "--status", "failed")["runs"]] == [new]
    assert [t["id"] for t in facts("ls", "--tag", "team=a")["runs"]] == [old]
    assert call("ls", "--tag", "team=none") == "no runs\n"


def test_a_store_has_to_be_named(store, monkeypatch):
    monkeypatch.delenv("GPUTSNE_STORE")
    assert "--store URI, or the variable GPUTSNE_STORE" in call("ls", code=2)
    assert "ftp:// is none of" in call("ls", "--store", "ftp://x/y", code=2)
    assert "no store at" in call("ls", "--store", "other", code=3)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("show production", 3, "no ref 'production'"),
        ("show 20260101T000000Z-00000000", 3, "is no run there"),
        ("show ../x", 3, "is no name of a ref"),
        ("ls --since soon", 2, "--since"),
        ("ls --tag x", 2, "is no tag"),
        ("prune --older-than x", 2, "--older-than"),
        ("prune --history 1", 2, "--history"),
        ("cost --by colour", 2, "--by"),
        ("rollback", 3, "was never set"),
        ("promote x --force", 2, "--reason"),
        ("bundle production -o no/where.zip", 2, "doesn't exist"),
        ("bundle production -o -", 2, "-o"),
        ("fly", 2, "No such command"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(store, words, code, said):
    Path("store").mkdir()
    assert said in call(*words.split(), code=code)


def test_show_draws_the_curve_and_tells_files_refs_and_checks(store):
    curve = tuple((50 * i, 8.0 - i) for i in range(8))
    id = store.put(run_of(kl_history=curve, kl_divergence=1.0), files={"map.npy": b"abc"})
    store.promote(id)
    store.add_check(id, verdict("ci"))
    said = call("show", "production")
    assert "█▇▆▅▄▃▂▁" in said
    assert "map.npy, 3 bytes" in said
    assert "ci: PASS" in said
    assert "killed        0" in said
    assert "5.000000" not in said
    assert "     150  5.000000" in call("show", id, "--kl")
    told = facts("show", id)
    assert told["kl_history"] == [list(pair) for pair in curve]
    assert told["files"]["map.npy"]["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert (told["refs"], told["killed"], told["verified"]) == (["production"], 0, None)


def test_a_sparkline_is_low_to_high_with_gaps_and_the_last_of_each_stretch():
    assert spark([]) == ""
    assert spark([None]) == ""
    assert spark([2.0, 2.0]) == "▁▁"
    assert spark([0.0, None, 7.0]) == "▁ █"
    assert spark([*range(100)], width=4) == "▁▃▅█"  # 24, 49, 74, 99


def test_show_verifies_the_input_byte_by_byte(store, tmp_path):
    data = bytes(range(256))
    (tmp_path / "x.npy").write_bytes(data)
    id = store.put(run_of(input={"path": "x.npy", "sha256": hashlib.sha256(data).hexdigest()}))
    assert "is what the run read" in call("show", id, "--verify", "x.npy")
    assert facts("show", id, "--verify", "x.npy")["verified"] is True
    (tmp_path / "x.npy").write_bytes(data[:-1] + b"\0")
    assert f"x.npy is not what {id} read" in call("show", id, "--verify", "x.npy", code=1)
    assert facts("show", id, "--verify", "x.npy", code=1)["verified"] is False
    assert "no such file" in call("show", id, "--verify", "y.npy", code=3)
    bare = store.put(run_of(1, 1))
    assert "no hash of its input" in call("show", bare, "--verify", "x.npy", code=3)


def test_a_killed_attempt_is_counted_until_a_run_of_the_job_has_ended(store):
    script = (
        "import sys, os, signal; from gputsne import Run, Store\n"
        "run = Run(id=sys.argv[2], input={'path': 'x.npy'}, tags={'team': 'a'})\n"
        "Store(sys.argv[1]).begin(run); os.kill(os.getpid(), signal.SIGKILL)"
    )
    job = {"input": {"path": "x.npy"}, "tags": {"team": "a"}}
    store.put(run_of(4, 1, **job))
    killed = id_of(3, 2)
    subprocess.run([sys.executable, "-c", script, store.uri, killed], check=False)
    again = store.put(run_of(2, 3, **job))
    other = store.put(run_of(2, 4, input={"path": "y.npy"}))
    later = store.put(run_of(1, 5, **job))
    assert [facts("show", id)["killed"] for id in (again, other, later)] == [1, 0, 0]
    assert facts("show", killed)["status"] == "killed"
    assert facts("show", killed)["killed"] == 1
    assert "killed        1" in call("show", again)
    assert [t["id"] for t in facts("ls", "--status", "killed")["runs"]] == [killed]
    assert facts("summary", "--since", "30d")["killed"] == 1


def test_diff_tells_what_differs_and_nothing_else(store):
    a = store.put(run_of(1, 1, parameters={"perplexity": 30, "dof": 1}, versions={"numpy": "2.0"}))
    b = store.put(
        run_of(
            0, 2, parameters={"perplexity": 50, "dof": 1, "pca": 9}, versions={"numpy": "2.1"},
            metrics={"rnx": 0.5}, input={"data_sha256": "ab"}, seconds=3.0,
        )
    )  # fmt: skip
    told = facts("diff", a, b)
    assert told["parameters"] == {"perplexity": [30, 50], "pca": [None, 9]}
    assert told["versions"] == {"numpy": ["2.0", "2.1"]}
    assert told["data"] == {"data_sha256": [None, "ab"]}
    assert told["metrics"] == {"seconds": [None, 3.0], "rnx": [None, 0.5]}
    said = call("diff", a, b)
    assert "parameters: perplexity" in said
    assert "dof" not in said
    assert "are alike" in call("diff", a, a)


def test_verify_names_the_altered_file_with_exit_code_1(store):
    id = store.put(run_of(), files={"a": b"abc"})
    assert call("verify") == call("verify", id) == "sound\n"
    (Path(store.uri) / "runs" / id / "a").write_bytes(b"abd")
    for words in (["verify"], ["verify", id]):
        assert f"runs/{id}/a: altered" in call(*words, code=1)
    assert facts("verify", code=1)["problems"] == [{"file": f"runs/{id}/a", "what": "altered"}]


def test_promote_refuses_a_failed_check_and_rollback_is_one_write(store):
    first, second = store.put(run_of(1, 1)), store.put(run_of(0, 2))
    assert call("promote", first) == f"production is {first}\n"
    store.add_check(second, verdict("prod", "fail"))
    assert "check prod: FAIL" in call("promote", second, code=1)
    assert "--force with a reason" in call("promote", second, code=1)
    forced = facts("promote", second, "--force", "--reason", "ticket 7")
    assert forced["against"] == ["check prod: FAIL"]
    assert store.resolve("production") == second
    assert facts("rollback")["id"] == first
    assert store.resolve("production") == first
    assert [move.reason for move in store.history()] == [None, "ticket 7", None]


def test_prune_tells_first_and_then_removes(store):
    old, new = store.put(run_of(99, 1)), store.put(run_of(0, 2))
    words = ("prune", "--older-than", "30d", "--keep-newest", "0")
    assert call(*words, "--dry-run") == f"would remove  {old}\n"
    assert len(store.list()) == 2
    assert facts(*words)["removed"] == [old]
    assert [run.id for run in store.list()] == [new]
    assert call(*words) == "nothing to remove\n"


def test_a_summary_has_the_totals_of_the_time(store):
    store.put(priced(60, 1))  # before the time
    worst = store.put(priced(20, 2, versions={"gputsne": "1.0"}, metrics={"drift_map": 0.5}))
    store.put(
        priced(
            10,
            3,
            versions={"gputsne": "1.0"},
            metrics={"drift_map": 0.1, "drift_group_change": 0.2},
        )
    )
    store.put(priced(5, 4, status="failed", versions={"gputsne": "1.1"}))
    last = store.put(priced(1, 5, price=None, versions={"gputsne": "1.1"}))
    row = {"id": "drift", "metric": "drift_features", "value": 0.25, "status": "pass"}
    store.add_check(last, {"profile": "ci", "verdict": "PASS", "rows": [row]})
    told = facts("summary", "--since", "30d")
    assert (told["runs"], told["done"], told["killed"]) == (4, 3, 0)
    assert told["success_rate"] == 0.75
    assert told["status"] == {"done": 3, "failed": 1}
    assert told["seconds"] == 4 * 36
    assert told["cost"] == pytest.approx(0.3)  # three at 36 s of 10 per hour
    assert told["without_price"] == 1
    assert told["drift"]["drift_map"] == {"runs": 2, "mean": 0.3, "max": 0.5, "worst": worst}
    assert told["drift"]["drift_features"]["worst"] == last
    assert told["versions"] == {"gputsne": {"1.0": 2, "1.1": 2}}
    said = call("summary")
    assert "75.0%" in said
    assert "0.30, 1 without a price" in said
    assert "1.0 (2), 1.1 (2)" in said
    assert "\ndrift_group_change  0.2 on average" in said  # a long name keeps its distance
    assert "\ncost                0.30" in said
    assert facts("summary", "--since", "2d")["runs"] == 1
    assert facts("summary", "--since", "1m")["success_rate"] is None


def test_cost_adds_up_by_tag(store):
    store.put(priced(3, 1, tags={"team": "a"}))
    store.put(priced(2, 2, tags={"team": "a"}, seconds=72.0, replicas=2))
    store.put(priced(1, 3, tags={"team": "b"}, price=None))
    store.put(priced(0, 4, host="h1"))
    told = facts("cost", "--by", "tag.team")
    costs = {name: held["cost"] for name, held in told["costs"].items()}
    assert costs == pytest.approx({"a": 0.5, "b": 0.0, "-": 0.1})
    assert told["costs"]["b"]["without_price"] == 1
    assert told["total"] == pytest.approx(0.6)
    assert set(facts("cost", "--by", "host")["costs"]) == {"-", "h1"}
    assert len(facts("cost", "--by", "day")["costs"]) == 4
    assert facts("cost", "--since", "12h")["total"] == pytest.approx(0.1)
    assert call("cost").splitlines()[-1].split() == ["total", "4", "0.60"]


def test_a_bundle_holds_what_a_post_mortem_needs(store, tmp_path):
    first = store.put(run_of(2, 1, parameters={"perplexity": 30}))
    store.put(run_of(1, 2, parameters={"perplexity": 40}))  # was never production
    bad = store.put(priced(0, 3, parameters={"perplexity": 50}, kl_history=((50, 2.5), (100, 1.5))))
    for id in (first, bad):
        store.promote(id)
    store.rollback()
    row = {"id": "drift", "metric": "drift_map", "value": 0.9, "status": "fail"}
    store.add_check(bad, {"profile": "incident", "verdict": "FAIL", "rows": [row]})
    call("bundle", bad, "-o", "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(held) == {
        "run.json",
        "kl.csv",
        "diff.json",
        "cost.json",
        "checks.json",
        "drift.json",
    }
    assert Run.from_dict(json.loads(held["run.json"])) == store.get(bad).run
    assert held["kl.csv"] == "iteration,kl_divergence\n50,2.5\n100,1.5\n"
    told = json.loads(held["diff.json"])
    assert (told["previous"], told["parameters"]) == (first, {"perplexity": [30, 50]})
    assert json.loads(held["cost.json"])["cost"] == pytest.approx(0.1)
    assert json.loads(held["checks.json"])[0]["verdict"] == "FAIL"
    assert json.loads(held["drift.json"]) == {"drift_map": 0.9}
    alone = facts("bundle", first, "-o", "first.zip")["files"]
    assert alone == ["run.json", "kl.csv", "diff.json", "cost.json", "checks.json"]


@pytest.mark.parametrize("name", ["status", "since", "self", "tagged", "a b"])
def test_a_tag_may_have_the_name_of_an_option(store, name):
    id = store.put(Run(tags={name: "gold"}, started="2026-11-27T06:35:18.000Z", seconds=1.0))
    store.put(Run(tags={name: "tin"}))
    assert [run["id"] for run in facts("ls", "--tag", f"{name}=gold")["runs"]] == [id]
    for command in (("summary",), ("cost", "--by", "status")):
        call(*command, "--tag", f"{name}=gold")
