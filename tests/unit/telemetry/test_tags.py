"""Tags of a run are the same in record, metrics, bill, and on the pods of Kubernetes."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

import gputsne
from gputsne.accounts import bill
from gputsne.cli import main
from gputsne.provenance import Run
from gputsne.telemetry import Board, finish
from gputsne.telemetry.operations.cluster import Cluster

CLUSTER = Cluster(
    model="events", pipeline="nightly", owner="maps", team="search", cost_center="cc-42"
)


def info_of(text: str) -> dict[str, str]:
    (family,) = (f for f in text_string_to_metric_families(text) if f.name == "gputsne_run_info")
    (sample,) = family.samples
    return sample.labels


def test_a_tag_is_in_the_record_in_the_metrics_on_the_bill_and_on_the_pods(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).normal(size=(60, 4)))
    labels = CLUSTER.tags
    tags = [word for name in ("model", "pipeline", "owner", "team", "cost-center")
            for word in ("--tag", f"{name}={labels[name]}")]  # fmt: skip
    line = ["embed", "x.npy", "-o", "map.npy", "--max-iter", "250", "--perplexity", "5", "--store",
            "store", "--metrics-textfile", "maps.prom", "--price-per-hour", "1", *tags,
            "--tag", "feature-store=v7"]  # fmt: skip
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 0, done.output
    (run,) = gputsne.Store("store").list()
    assert run.tags["cost-center"] == "cc-42"
    told = info_of((tmp_path / "maps.prom").read_text())
    assert (told["team"], told["cost_centre"]) == ("search", "cc-42")
    assert told["feature_store"] == "v7"
    assert (told["model"], told["pipeline"], told["owner"]) == ("events", "nightly", "maps")
    (row,) = bill([run], (), ["tag.cost-center"]).lines
    assert row.keys == ("cc-42",)


@pytest.mark.parametrize("name", ["cost_centre", "cost-centre", "cost-center", "cost_center"])
def test_a_cost_centre_may_be_written_as_people_do(name):
    board = Board()
    finish(board, Run(tags={name: "x" * 100}))
    assert info_of(board.text())["cost_centre"] == "x" * 64  # and no longer, whatever a tag is
