"""Trackers against the real packages, offline: what they hold after fits, and what fails there."""

from __future__ import annotations

import copy
import importlib.util
import itertools
import json
import os
import pickle
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.base import clone

from gputsne import TSNE
from gputsne.base import deadline
from gputsne.base.errors import DeadlineExceeded, DependencyMissing, FitInterrupted
from gputsne.callbacks import MLflow, Tracker, Trackio, Wandb

X = np.random.default_rng(0).normal(size=(90, 4)).astype("f4")
QUICK = {"max_iter": 300, "perplexity": 5.0, "random_state": 0}


class Kept(Tracker):
    """A service of this process."""

    def __init__(self, fails=(), **how):
        super().__init__(**how)
        self.fails, self.events, self._numbers = fails, [], itertools.count()

    def _note(self, what, *told):
        self.events.append((what, *told))
        if what in self.fails:
            raise ConnectionError("server gone")

    def _begin(self, parameters):
        self._note("begin", parameters)
        number = next(self._numbers)
        return f"h{number}", f"id{number}"

    def _log(self, handle, values, iteration):
        self._note("log", handle, values, iteration)

    def _finish(self, handle, run, values, files):
        self._note("finish", handle, run, values, {k: p.suffix for k, p in files.items()})

    def _close(self, handle, status):
        self._note("close", handle, status)

    def of(self, what):
        return [told for name, *told in self.events if name == what]


def test_order_of_events_and_what_is_told():
    kept = Kept(measure=lambda model: {"rows": len(model.embedding_)})
    model = TSNE(**QUICK, callbacks=kept).fit(X)
    assert [e[0] for e in kept.events] == ["begin", *["log"] * 6, "finish", "close"]
    assert kept.of("begin")[0][0]["perplexity"] == 5.0
    logged = [(i, v["kl_divergence"]) for _, v, i in kept.of("log")]
    assert logged == [(i, kl) for i, kl in model.kl_history_]
    _, run, values, files = kept.of("finish")[0]
    assert run.id == model.run_.id
    assert values["kl_divergence"] == model.kl_divergence_
    assert values["seconds/optimize"] == model.timings_["optimize"]
    assert values["rows"] == 90
    assert files == {"record": ".json", "map": ".parquet", "picture": ".png"}
    assert kept.of("close") == [["h0", "done"]]


def test_optimize_is_a_run_of_its_own():
    kept = Kept(thumbnail=False)
    model = TSNE(**QUICK, callbacks=kept).fit(X)
    model.optimize(50)
    assert kept.ids == ["id0", "id1"]
    first, second = (told[1] for told in kept.of("finish"))
    assert second.previous == first.id
    assert kept.of("log")[-1][2] == 350


@pytest.mark.parametrize("fails", ["begin", "log", "finish", "close"])
def test_a_service_that_fails_costs_a_warning_and_nothing_else(fails):
    expected = TSNE(**QUICK).fit(X).embedding_
    kept, seen = Kept((fails,), thumbnail=False), []
    with pytest.warns(UserWarning, match="Kept .*ConnectionError: server gone") as told:
        model = TSNE(**QUICK, callbacks=[kept, seen.append]).fit(X)
    assert len(told) == 1
    assert told[0].filename == __file__
    np.testing.assert_array_equal(model.embedding_, expected)
    assert len(seen) == 6
    assert len(kept.of(fails)) == 1
    assert len(kept.of("close")) == (fails != "begin")  # what was begun is ended


def test_a_measure_that_fails_takes_nothing_along():
    kept = Kept(measure=lambda model: {"share": 1 / 0}, thumbnail=False)
    with pytest.warns(UserWarning, match="measure failed: ZeroDivisionError"):
        TSNE(**QUICK, callbacks=kept).fit(X)
    assert len(kept.of("finish")) == 1


def test_how_fits_end():
    def interrupt(progress):
        raise KeyboardInterrupt

    kept = Kept(thumbnail=False, measure=lambda model: pytest.fail("of a fit that was cut short"))
    with pytest.raises(FitInterrupted):
        TSNE(**QUICK, callbacks=[kept, interrupt]).fit(X)
    with pytest.raises(DeadlineExceeded), deadline.limit(0.0):
        TSNE(**QUICK, callbacks=kept).fit(X)
    with pytest.raises(ZeroDivisionError):
        TSNE(**QUICK, callbacks=[kept, lambda progress: 1 / 0]).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        TSNE(**QUICK, callbacks=kept).fit(np.full((90, 4), np.nan))
    statuses = [status for _, status in kept.of("close")]
    assert statuses == ["interrupted", "deadline", "failed", "bad input"]
    maps = ["map" in files for *_, files in kept.of("finish")]
    assert maps == [True, False, True, False]


def test_what_is_refused_before_it_begins_is_no_run():
    kept = Kept()
    with pytest.raises(ValueError, match="perplexity"):
        TSNE(perplexity=-1, callbacks=kept).fit(X)
    assert kept.events == []
    model = TSNE(**QUICK, callbacks=kept).fit(X)
    model.run_  # noqa: B018 - of the fit
    with pytest.raises(ValueError, match="n_iter"):
        model.optimize(0)
    assert len(kept.ids) == 1


def test_fits_at_once_with_one_tracker():
    kept = Kept(thumbnail=False)
    models = [TSNE(**{**QUICK, "random_state": seed}, callbacks=kept) for seed in range(4)]
    threads = [threading.Thread(target=model.fit, args=(X,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept.ids) == 4
    told = {run.id: handle for handle, run, *_ in kept.of("finish")}
    for model in models:
        handle = told[model.run_.id]
        logged = [(i, v["kl_divergence"]) for h, v, i in kept.of("log") if h == handle]
        assert logged == [tuple(pair) for pair in model.kl_history_.tolist()]


def test_a_fit_inside_a_callback_is_a_run_of_its_own():
    kept = Kept(thumbnail=False)

    def inner(progress):
        if progress.iteration == 100:
            TSNE(**{**QUICK, "max_iter": 250}, callbacks=kept).fit(X[:50])

    TSNE(**QUICK, callbacks=[inner, kept]).fit(X)
    assert [len([1 for h, *_ in kept.of("log") if h == name]) for name in ("h0", "h1")] == [6, 5]
    assert [handle for handle, _ in kept.of("close")] == ["h1", "h0"]


@pytest.mark.parametrize("copied", [clone, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_have_the_settings_and_none_of_the_runs(copied, tmp_path):
    tracker = MLflow("e", uri=f"sqlite:///{tmp_path}/m.db", tags={"a": "b"}, thumbnail=False)
    tracker.ids.append("earlier")
    other = copied(TSNE(**QUICK, callbacks=tracker)).callbacks
    assert other is not tracker
    assert (other.uri, other.tags, other.ids) == (tracker.uri, {"a": "b"}, [])


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """A database with mlflow's tables, which take it ten seconds: to be copied."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "runs.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.mark.slow
def test_mlflow_in_sqlite(tmp_path, empty_database):
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{shutil.copy(empty_database, tmp_path)}"
    tracker = MLflow(
        "maps", uri=uri, artifacts=str(tmp_path / "files"), name="night", tags={"owner": "ana"},
        measure=lambda model: {"quality": 0.5}, labels=np.arange(90) % 3,
    )  # fmt: skip
    model = TSNE(**QUICK, callbacks=tracker).fit(X)
    client = MlflowClient(tracking_uri=uri)
    held = client.get_run(tracker.ids[0])
    assert held.info.status == "FINISHED"
    assert held.info.run_name == "night"
    assert held.data.params["perplexity"] == "5.0"
    assert held.data.tags["owner"] == "ana"
    assert held.data.tags["gputsne.run"] == model.run_.id
    assert held.data.metrics["quality"] == 0.5
    assert held.data.metrics["seconds/optimize"] == model.timings_["optimize"]
    curve = client.get_metric_history(tracker.ids[0], "kl_divergence")
    assert {(m.step, m.value) for m in curve} == {
        tuple(pair) for pair in model.kl_history_.tolist()
    }
    folder = tmp_path / "files" / tracker.ids[0] / "artifacts"
    assert json.loads((folder / "run.json").read_text())["id"] == model.run_.id
    assert (folder / "map.png").read_bytes()[:4] == b"\x89PNG"
    from pyarrow import parquet

    table = parquet.read_table(folder / "embedding.parquet").to_pandas()
    np.testing.assert_array_equal(table[["x", "y"]].to_numpy(), model.embedding_)
    # a second fit with the same tracker is a second run, in the same experiment
    model.fit(X)
    assert len(set(tracker.ids)) == 2
    assert client.get_run(tracker.ids[1]).info.experiment_id == held.info.experiment_id


def test_mlflow_whose_server_is_gone(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = MLflow(uri="http://127.0.0.1:9")  # the discard port, where nobody listens
    with pytest.warns(UserWarning, match="MLflow did not begin a run"):
        model = TSNE(**QUICK, callbacks=tracker).fit(X)
    assert model.embedding_.shape == (90, 2)
    assert tracker.ids == []


@pytest.mark.slow
def test_mlflow_whose_database_breaks_in_the_midst_of_a_fit(tmp_path, empty_database):
    path = shutil.copy(empty_database, tmp_path)
    tracker = MLflow(uri=f"sqlite:///{path}", artifacts=str(tmp_path / "files"), thumbnail=False)

    def breaks(progress):
        if progress.iteration == 100:
            with sqlite3.connect(path) as database:
                database.execute("DROP TABLE metrics")

    with pytest.warns(UserWarning, match="MLflow logged nothing"):
        model = TSNE(**QUICK, callbacks=[breaks, tracker]).fit(X)
    assert model.n_iter_ == 300


@pytest.mark.slow
def test_wandb_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    import wandb

    patient = {"settings": wandb.Settings(init_timeout=300)}  # a busy machine starts it slowly
    tracker = Wandb(
        "maps", mode="offline", dir=tmp_path, name="night", tags={"owner": "ana"}, options=patient
    )
    model = TSNE(**QUICK, callbacks=tracker).fit(X)
    held = wandb_records(tmp_path)
    told = next(r.run for r in held if r.WhichOneof("record_type") == "run")
    assert (told.run_id, told.project, told.display_name) == (tracker.ids[0], "maps", "night")
    assert list(told.tags) == ["owner=ana"]
    config = {u.key: json.loads(u.value_json) for u in told.config.update if u.key}
    assert config["perplexity"] == 5.0
    rows = [
        {i.key or i.nested_key[0]: json.loads(i.value_json) for i in r.history.item}
        for r in held if r.WhichOneof("record_type") == "history"
    ]  # fmt: skip
    curve = [(r["_step"], r["kl_divergence"]) for r in rows if "kl_divergence" in r]
    assert curve == [(i, pytest.approx(kl)) for i, kl in model.kl_history_]
    assert any("map" in row for row in rows)
    summary = {
        u.key or u.nested_key[0]: json.loads(u.value_json)
        for r in held if r.WhichOneof("record_type") == "summary" for u in r.summary.update
    }  # fmt: skip
    assert summary["gputsne_run"] == model.run_.id
    (artifact,) = [
        r.request.log_artifact.artifact for r in held if r.request.HasField("log_artifact")
    ] or [r.artifact for r in held if r.WhichOneof("record_type") == "artifact"]
    assert artifact.type == "embedding"
    assert {e.path for e in artifact.manifest.contents} == {"run.json", "embedding.parquet"}
    ends = [r.exit for r in held if r.WhichOneof("record_type") == "exit"]
    assert [e.exit_code for e in ends] == [0]


def wandb_records(folder):
    """Return the records of an offline run, once the process that writes them has ended."""
    until, found = time.monotonic() + 120, []
    while not any(r.WhichOneof("record_type") == "exit" for r in found):
        assert time.monotonic() < until, [r.WhichOneof("record_type") for r in found]
        time.sleep(0.1)
        found = [record for path in folder.rglob("run-*.wandb") for record in in_log(path)]
    return found


def in_log(path):
    """Return the records of a file: protobufs in leveldb's log format."""
    from wandb.proto import wandb_internal_pb2

    data, at, part, found = path.read_bytes(), 7, b"", []  # after a head of 7 bytes
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # no record begins so near the end of a block
            at += 32768 - at % 32768
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        part += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            found.append(record)
            part = b""
    return found


@pytest.mark.slow
def test_trackio_in_a_folder(tmp_path):
    """In a process of its own: trackio reads its folder's name when it is imported."""
    code = """
import numpy as np
from gputsne import TSNE
from gputsne.callbacks import Trackio

X = np.random.default_rng(0).normal(size=(90, 4)).astype("f4")
tracker = Trackio("maps", name="night", tags={"owner": "ana"})
model = TSNE(max_iter=300, perplexity=5.0, random_state=0, callbacks=tracker).fit(X)
import json
import trackio

run = trackio.Api().runs("maps")
print("FOUND", json.dumps([model.run_.id, tracker.ids, [r.name for r in run], [r.id for r in run]]))
from trackio.sqlite_storage import SQLiteStorage

rows = SQLiteStorage.get_logs("maps", "night", run_id=tracker.ids[0])
print("ROWS", json.dumps(rows, default=str))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "TRACKIO_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.split("ROWS ")[1].splitlines()[0])
    assert [r["step"] for r in rows if "kl_divergence" in r][:6] == [50, 100, 150, 200, 250, 300]


def test_nothing_is_imported_unless_asked():
    code = (
        "import sys, gputsne.callbacks as c; c.MLflow(); c.Wandb(); c.Trackio();"
        "print([m for m in ('mlflow', 'wandb', 'trackio', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("tracker", "extra"), [(MLflow, "mlflow"), (Wandb, "wandb"), (Trackio, "trackio")]
)
def test_a_missing_package_is_told_with_its_extra(tracker, extra, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == extra else find(name, *a)
    )
    with pytest.raises(
        DependencyMissing, match=rf"needs {extra}: pip install 'gputsne\[{extra}\]'"
    ):
        tracker()


def test_measure_must_be_a_function():
    with pytest.raises(TypeError, match=r"measure=\{'a': 1\} must be a function"):
        Kept(measure={"a": 1})
