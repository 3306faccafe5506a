"""A job without a command line: several inputs, kept columns, failures that take nothing along."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from gputsne import TSNE, metrics
from gputsne.data import BadInput, Selection
from gputsne.provenance import facts as of_runs
from gputsne.provenance import run as record
from gputsne.runs.job import Job, Request, View
from gputsne.runs.reading import read_points
from gputsne.runs.streams import Source

SHORT = {"max_iter": 20, "early_exaggeration_iter": 10, "perplexity": 3.0, "random_state": 0}
X = np.random.default_rng(0).normal(size=(40, 3)).round(4)
KINDS = [f"k{i % 3}" for i in range(40)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table("x.csv", range(40))


def table(path: str, rows, order=(0, 1, 2)) -> None:
    head = ["name", *(f"c{j}" for j in order), "kind", "year"]
    lines = [
        ",".join([f"p{i}", *(str(X[i, j]) for j in order), KINDS[i], str(2000 + i)]) for i in rows
    ]
    Path(path).write_text("\n".join([",".join(head), *lines]) + "\n")


def points(*paths: str, keep=(), hover=(), **chosen):
    sources = [Source(Path(p), p) for p in paths]
    return read_points(sources, Selection(**chosen), keep=keep, hover=hover)


def request(**more) -> Request:
    given = {"sources": (Path("x.csv"),), "output": Path("map.csv"), "parameters": SHORT}
    return Request(**(given | more))


def test_several_inputs_are_one_table_and_columns_are_found_by_name():
    table("a.csv", range(15))
    table("b.csv", range(15, 40), order=(2, 0, 1))
    whole = points("x.csv", labels="kind", ids="name")
    parts = points("a.csv", "b.csv", labels="kind", ids="name")
    np.testing.assert_array_equal(parts.table.X, whole.table.X)
    assert parts.table.names == whole.table.names == ("c0", "c1", "c2", "year")
    assert parts.table.labels.tolist() == KINDS
    assert parts.table.ids.tolist() == whole.table.ids.tolist()


def test_several_inputs_may_have_one_file_of_labels():
    np.save("a.npy", X[:15])
    np.save("b.npy", X[15:])
    Path("kinds.txt").write_text("\n".join(KINDS))
    assert points("a.npy", "b.npy", labels="kinds.txt").table.labels.tolist() == KINDS


def test_inputs_of_another_width_are_refused():
    np.save("a.npy", X)
    np.save("b.npy", X[:, :2])
    with pytest.raises(BadInput, match=r"b\.npy has 2 features, a\.npy has 3: several inputs"):
        points("a.npy", "b.npy")


def test_kept_columns_are_no_features_unless_named_as_such():
    some = points("x.csv", keep=["year", "kind", "name"], hover=["kind"])
    assert some.table.names == ("c0", "c1", "c2")
    assert list(some.kept) == ["year", "kind", "name"]
    assert some.kept["year"].tolist() == list(range(2000, 2040))
    assert some.hover["kind"].tolist() == some.kept["kind"].tolist() == KINDS
    said = "year is kept or shown, so no feature; to have both, name the features by --columns"
    assert some.notes == (f"x.csv: {said}",)  # of text that is kept, nothing was left out
    both = points("x.csv", keep=["year"], columns=("c1", "year"))
    assert both.table.names == ("c1", "year")
    assert list(points("x.csv", keep=["k*", "na*"]).kept) == ["kind", "name"]
    with pytest.raises(BadInput, match="no column 'nope'"):
        points("x.csv", keep=["nope"])
    with pytest.raises(BadInput, match=r"no column matches 'z\*'; there are: c0"):
        points("x.csv", keep=["z*"])


def test_kept_columns_of_several_inputs_follow_their_rows():
    table("a.csv", range(15))
    table("b.csv", range(15, 40), order=(2, 0, 1))
    some = points("a.csv", "b.csv", keep=["year", "kind"])
    assert some.kept["year"].tolist() == list(range(2000, 2040))
    assert some.kept["kind"].tolist() == KINDS
    assert some.table.names == ("c0", "c1", "c2")


def test_kept_arrays_of_an_npz():
    np.savez("x.npz", X=X, kind=np.array(KINDS), year=np.arange(40))
    some = points("x.npz", keep=["kind", "year"], labels="kind")
    assert some.kept["kind"].tolist() == KINDS
    assert some.kept["year"].tolist() == list(range(40))
    assert some.label_name == "kind"


def test_a_job_writes_what_the_estimator_makes_and_columns_keep_their_names():
    some = Selection(labels="kind", ids="name")
    report = Job(request(selection=some, keep=("year",), output=Path("map.parquet"))).run()
    assert (report.outcome.exit_code, report.written) == (0, ("map.parquet",))
    found = parquet.read_table("map.parquet")
    assert found.column_names == ["id", "x", "y", "kind", "year"]
    Y = TSNE(**SHORT).fit_transform(X)
    np.testing.assert_array_equal(np.column_stack([found["x"], found["y"]]), Y)
    assert found["kind"].to_pylist() == KINDS


def test_a_job_runs_in_any_thread_and_its_deadline_too():
    reports = {}
    endless = request(parameters={**SHORT, "max_iter": 10**8}, seconds=0.5, output=Path("cut.csv"))
    jobs = {"whole": Job(request()), "cut": Job(endless)}
    threads = [
        threading.Thread(target=lambda name=name: reports.update({name: jobs[name].run()}))
        for name in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports["whole"].outcome.exit_code == 0
    assert reports["cut"].outcome.exit_code == 5
    assert "deadline of 0.5 s passed" in reports["cut"].outcome.message


def test_scores_are_those_of_the_metrics():
    job = Job(request(score=True, selection=Selection(columns=("c0", "c1", "c2"))))
    facts = job.run().facts
    assert facts["metrics"] == {
        "knn_preservation": metrics.knn_preservation(X, job.map, k=10),
        "trustworthiness": metrics.trustworthiness(X, job.map, k=10),
    }


def test_a_map_that_cannot_be_scored_is_written():
    table("few.csv", range(8))
    few = {**SHORT, "perplexity": 2.0}
    report = Job(request(sources=(Path("few.csv"),), parameters=few, score=True)).run()
    assert report.outcome.exit_code == 1
    assert report.outcome.message.startswith("the map was not scored: ")
    assert report.written == ("map.csv",)


def test_a_record_that_cannot_be_written_is_told_and_nothing_is_raised():
    report = Job(request(run_record=Path("no/run.json"))).run()
    assert (report.outcome.exit_code, report.written) == (1, ("map.csv",))
    assert report.outcome.message.startswith("no run record was written: no/run.json: No such")
    missing = Job(request(sources=(Path("no.csv"),), run_record=Path("no/run.json"))).run()
    assert missing.outcome.exit_code == 3
    assert "no.csv: no such file; no run record was written" in missing.outcome.message


def test_the_model_knows_the_columns_of_the_file():
    job = Job(request(model=Path("m.npz"), keep=("year",)))
    assert job.run().outcome.exit_code == 0
    assert list(TSNE.load("m.npz").feature_names_in_) == ["c0", "c1", "c2"]


def failing(path: Path, *args: object) -> None:
    raise MemoryError("Unable to allocate 5.02 GiB")


def drawing(path: Path, *args: object) -> None:
    path.write_text("drawn")


def test_a_plot_that_fails_takes_nothing_along():
    views = (View(Path("bad.png"), failing), View(Path("good.png"), drawing))
    report = Job(request(views=views, model=Path("m.npz"), run_record=Path("run.json"))).run()
    assert report.outcome.exit_code == 1
    assert report.outcome.message == (
        "bad.png was not drawn: Unable to allocate 5.02 GiB; written: map.csv, m.npz, good.png"
    )
    assert TSNE.load("m.npz").n_iter_ == 20
    told = json.loads(Path("run.json").read_text())
    assert told["status"] == "failed"
    assert told["output"]["written"] == ["map.csv", "m.npz", "good.png"]


def test_a_map_that_cannot_be_written_leaves_the_model():
    Path("folder.csv").mkdir()
    report = Job(request(output=Path("folder.csv"), model=Path("m.npz"))).run()
    assert report.outcome.exit_code == 1
    assert report.written == ("m.npz",)


def test_what_cannot_be_drawn_is_known_before_the_fit():
    def refuse(points: object) -> None:
        raise ValueError("palette='blue' is no scale")

    job = Job(request(views=(View(Path("a.png"), drawing, refuse),)))
    report = job.run()
    assert (report.outcome.exit_code, job.model) == (3, None)


@pytest.mark.parametrize(("room", "place"), [(of_runs, "sha256_file"), (record, "replacing")])
def test_a_record_survives_an_interrupt_while_it_is_hashed_or_written(monkeypatch, room, place):
    calls = []
    real = getattr(room, place)

    def interrupt_once(path: Path):
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(path)

    monkeypatch.setattr(room, place, interrupt_once)
    Job(request(run_record=Path("run.json"))).run()
    assert json.loads(Path("run.json").read_text())["input"]["sha256"] is None
    assert calls


def test_several_inputs_in_the_record():
    table("y.csv", range(5))
    report = Job(request(sources=(Path("x.csv"), Path("y.csv")))).run()
    assert report.facts["input"]["path"] == "x.csv"
    assert report.facts["input"]["shape"] == [45, 4]
    assert [other["path"] for other in report.facts["further_inputs"]] == ["y.csv"]


def test_names_that_are_there_twice_go_by_their_order(tmp_path):
    for name, head in (("a.csv", "x,x,y"), ("b.csv", "x,x,y"), ("c.csv", "y,x,x")):
        (tmp_path / name).write_text(f"{head}\n1,2,3\n4,5,7\n")
    a, b, c = [Source(tmp_path / name, name) for name in ("a.csv", "b.csv", "c.csv")]
    assert read_points([a, b], Selection()).table.X.tolist() == [[1, 2, 3], [4, 5, 7]] * 2
    with pytest.raises(BadInput, match=r"^c.csv has other columns than a.csv"):
        read_points([a, c], Selection())
