"""The report: its numbers are those of metrics and inspect, its verdict is that of check."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import gputsne
from gputsne import inspect
from gputsne.base.errors import DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.judging import evidence_of

pytestmark = pytest.mark.usefixtures("without_pictures")


def test_numbers_are_those_of_metrics_and_inspect(data, made):
    want = gputsne.metrics.evaluate(data["X"], data["Y"], data["labels"])
    rows = {row["name"]: row["value"] for row in made.facts["quality"]["rows"]}
    assert rows == pytest.approx({name: want[name] for name in gputsne.metrics.METRICS})
    spaces = inspect.spaces({"input": data["X"], "map": data["Y"]}, data["labels"]).evidence
    told = made.evidence
    for name in ("silhouette", "davies_bouldin", "calinski_harabasz", "knn_accuracy_5fold"):
        assert told[f"map.{name}"] == pytest.approx(spaces[f"map.{name}"])
        # what a rule calls by the metric's bare name is the input's
        assert told[name] == told[f"input.{name}"] == pytest.approx(spaces[f"input.{name}"])
    assert told["pca.dimensions"] == 50
    assert told["map.neighbors_kept"] == pytest.approx(want["knn_preservation"])
    symptoms = inspect.symptoms(data["X"], data["Y"]).evidence
    assert {k: told[k] for k in symptoms} == pytest.approx(symptoms)
    sizes = inspect.footprint(*data["X"].shape)
    assert [row["gib"] for row in made.facts["operation"]["footprint"]] == [
        row["gib"] for row in sizes
    ]


@pytest.mark.parametrize("space", ["input", "pca", "map"])
def test_the_space_that_is_judged_is_named(data, space):
    found = gputsne.report(data["X"], data["Y"], data["labels"], space=space)
    assert found.facts["spaces"]["judged"] == space
    assert found.checklist["silhouette"].value == found.evidence[f"{space}.silhouette"]


def test_the_verdict_is_that_of_check_also_from_the_file(made, tmp_path):
    want = gputsne.check(made.evidence)
    assert made.checklist == want
    assert (made.verdict, made.exit_code, str(made)) == (want.verdict, want.exit_code, str(want))
    text = made.to_json(tmp_path / "report.json")
    held = json.loads((tmp_path / "report.json").read_text())
    assert held == json.loads(text) == made.to_dict()
    assert held["verdict"] == want.verdict
    assert held["checklist"] == want.to_dict()
    assert gputsne.check(evidence_of(held)).to_dict() == want.to_dict()


def test_answers_and_evidence_from_elsewhere_make_a_pass(data):
    asked = {"evidence": {"latency_ms": 8, "stability_5": 0.95, "budget_gb": 1}}
    waiting = gputsne.report(data["X"], data["Y"], data["labels"], **asked)
    assert (waiting.verdict, waiting.exit_code) == ("INCOMPLETE", 1)
    found = gputsne.report(data["X"], data["Y"], data["labels"], acks=["ann: looked"], **asked)
    assert (found.verdict, found.exit_code) == ("PASS", 0)
    worse = {"evidence": asked["evidence"] | {"latency_ms": 80}}
    assert gputsne.report(data["X"], data["Y"], data["labels"], acks=["ann: ok"], **worse).exit_code


@pytest.mark.parametrize(
    "given", ["X", "Y", "XY", "X labels", "Y labels", "X records"], ids=lambda text: text
)
def test_what_is_missing_is_told_and_never_a_pass(data, given, read_page):
    X, Y = (data[name] if name in given else None for name in "XY")
    labels, records = (data[name] if name in given else None for name in ("labels", "records"))
    found = gputsne.report(X, Y, labels, records, acks=["ann: looked"])
    assert found.verdict in ("FAIL", "INCOMPLETE")
    page = read_page(found.to_html())
    assert "n/a" in page.text
    if labels is None:
        assert "no labels were given" in page.text
        assert found.checklist["silhouette"].status == "n/a"
    if Y is None:
        assert "there is no map" in page.text
    json.loads(found.to_json())


def test_groups_without_labels_are_those_of_the_map(data):
    found = gputsne.report(data["X"], data["Y"])
    assert "HDBSCAN" in found.facts["groups"]["what"]
    sizes = [group["size"] for group in found.facts["groups"]["groups"]]
    assert len(sizes) == 3
    assert all(30 < size <= 40 for size in sizes)


def test_points_without_a_label_are_in_no_group(data):
    labels = [None if i < 20 else kind for i, kind in enumerate(data["labels"])]
    found = gputsne.report(data["X"], data["Y"], labels, data["records"])
    sizes = {group["name"]: group["size"] for group in found.facts["groups"]["groups"]}
    assert sizes == {"login": 20, "file": 40, "network": 40}
    assert found.evidence["unclustered_share"] == pytest.approx(20 / 120)


def test_records_run_from_the_most_typical_to_the_most_doubtful(data, made):
    typical = {row["cluster"]: row["row"] for row in inspect.representatives(
        data["X"], data["labels"])}  # fmt: skip
    edge = {row["cluster"]: row["row"] for row in inspect.boundary(data["X"], data["labels"])}
    for group in made.facts["groups"]["groups"]:
        members = group["members"]
        assert members[0]["row"] == typical[group["name"]]
        assert edge[group["name"]] in {member["row"] for member in members}
        for member in members:
            assert member["record"]["bytes"] == data["records"]["bytes"][member["row"]]


def test_spot_checks_are_those_of_inspect_with_places_on_the_map(data, made):
    want = inspect.spot_checks(data["X"], number=6, k=5, metric="euclidean")
    told = [row for check in made.facts["spot_checks"]["checks"] for row in check["neighbors"]]
    assert [row["row"] for row in told] == want.column("row").tolist()
    for check in made.facts["spot_checks"]["checks"]:
        far = np.linalg.norm(data["Y"] - data["Y"][check["query"]], axis=1)
        order = [i for i in np.argsort(far, kind="stable").tolist() if i != check["query"]]
        for row in check["neighbors"][1:]:
            assert row["place"] == order.index(row["row"]) + 1


def test_critical_fields_are_judged_others_are_told(data, made):
    assert "least_lift" not in made.evidence
    assert {row["field"] for row in made.facts["agreement"]["rows"]} == {"kind", "status", "bytes"}
    found = gputsne.report(
        data["X"], data["Y"], data["labels"], data["records"], critical=["status"]
    )
    want = inspect.violations(data["X"], data["records"], ["status"], metric="euclidean").evidence
    assert found.evidence["violation_rate"] == want["violation_rate"]
    assert found.checklist["neighbor_inspection"].status == "fail"
    assert found.facts["agreement"]["violations"]
    assert found.facts["agreement"]["rows"][0] == {
        **found.facts["agreement"]["rows"][0], "field": "status", "critical": True,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["dicts", "pandas", "polars", "arrow"])
def test_records_of_every_kind_tell_the_same(data, made, kind):
    columns = data["records"]
    if kind == "dicts":
        held = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    else:
        module = {"pandas": "pandas", "polars": "polars", "arrow": "pyarrow"}[kind]
        frames = pytest.importorskip(module)
        held = frames.table(columns) if kind == "arrow" else frames.DataFrame(columns)
    found = gputsne.report(
        data["X"], data["Y"], data["labels"], held, fields=["kind", "status", "bytes"]
    )
    for section in ("groups", "spot_checks", "agreement"):
        assert found.facts[section] == made.facts[section]


def test_fields_that_are_not_named_get_into_no_file(data, made):
    assert "example.org" not in made.to_html() + made.to_json()
    shown = gputsne.report(data["X"], data["Y"], data["labels"], data["records"])
    assert "user1" in shown.to_html()


def test_a_fit_tells_parameters_times_and_its_descent(data, read_page):
    model = gputsne.TSNE(perplexity=10, random_state=0, max_iter=300).fit(data["X"])
    found = gputsne.report(data["X"], model, data["labels"])
    fit, repeat = found.facts["operation"]["fit"], found.facts["repeat"]
    assert fit["seconds"] == pytest.approx(model.timings_["total"])
    assert fit["kl_divergence"] == pytest.approx(model.kl_divergence_)
    assert found.evidence["kl_iterations"] == 50
    assert found.evidence["perplexity_share"] == pytest.approx(10 / len(data["X"]))
    assert repeat["parameters"]["perplexity"] == 10
    assert repeat["versions"] == found.facts["repeat"]["versions"]
    assert "TSNE(max_iter=300, perplexity=10, random_state=0)" in repeat["command"]
    assert not hasattr(model, "palette_")  # a report leaves the model as it was
    again = gputsne.report(data["X"], model.embedding_, data["labels"], model=model)
    assert again.evidence == pytest.approx(found.evidence)
    assert "n/a" in read_page(found.to_html()).text  # peak memory of the fit


def test_the_call_of_the_page_makes_the_report_again(data, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(made.facts["repeat"]["command"], {k: v for k, v in data.items()})
    assert "What to do" in (tmp_path / "report.html").read_text()


def test_values_colour_the_map_and_are_no_classes(data):
    found = gputsne.report(data["X"], data["Y"], data["X"][:, 0])
    assert "values" in found.facts["spaces"]["missing"]
    assert found.checklist["knn_accuracy"].status == "n/a"


def test_distances_stand_for_data(data):
    D = np.linalg.norm(data["X"][:, None] - data["X"], axis=2)
    found = gputsne.report(D, data["Y"], data["labels"], metric="precomputed")
    assert found.facts["spaces"]["judged"] == "map"
    want = gputsne.metrics.evaluate(data["X"], data["Y"], data["labels"])
    assert found.evidence["trustworthiness"] == pytest.approx(want["trustworthiness"])


def test_other_distances_rank_the_neighbours(data):
    found = gputsne.report(data["X"], data["Y"], data["labels"], metric="cosine")
    assert found.facts["spot_checks"]["measure"] == "similarity"
    want = gputsne.metrics.evaluate(data["X"], data["Y"], metric="cosine")
    assert found.evidence["knn_preservation"] == want["knn_preservation"]


def test_samples_and_few_points(data):
    found = gputsne.report(data["X"], data["Y"], data["labels"], sample=30)
    want = gputsne.metrics.evaluate(data["X"], data["Y"], data["labels"], sample=30)
    assert found.evidence["continuity_se"] == pytest.approx(want["continuity_se"])
    assert found.evidence["rnx_se"] == pytest.approx(want["rnx_se"])
    few = gputsne.report(data["X"][:5], data["Y"][:5], ["a", "a", "a", "b", "b"])
    assert few.verdict == "FAIL" or few.checklist["silhouette"].value is not None
    assert "at least 8 points" in few.facts["symptoms"]["missing"]
    json.loads(few.to_json())


def test_what_sorts_distances_asks_fewer_points(data, monkeypatch):
    from gputsne.reporting import subject

    for name, value in (("SAMPLE", 60), ("LEAST_SAMPLE", 20), ("SORTED", 30 * len(data["X"]))):
        monkeypatch.setattr(subject, name, value)
    found = gputsne.report(data["X"], data["Y"])
    metrics = gputsne.metrics
    assert found.evidence["rnx"] == metrics.rnx(data["X"], data["Y"], sample=30)
    assert found.evidence["jaccard"] == metrics.jaccard(data["X"], data["Y"], sample=60)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"X": None, "Y": None}, "needs X, Y or both"),
        ({"Y": np.zeros((3, 2))}, "Y has 3 rows"),
        ({"labels": ["a"]}, "labels"),
        ({"records": [{"a": 1}]}, "records has 1 rows"),
        ({"fields": ["colour"]}, "no record has a field 'colour'"),
        ({"critical": ["colour"]}, "no record has a field 'colour'"),
        ({"fields": ["kind"], "critical": ["status"]}, "none of the fields that may be shown"),
        ({"records": None, "fields": ["kind"]}, "no effect without records"),
        ({"records": None, "critical": ["kind"]}, "no effect without records"),
        ({"profile": "go"}, "profile='go' must be one of"),
        ({"acks": ["ann"]}, "must say who and why"),
        ({"space": "umap"}, "space='umap' must be one of"),
        ({"space": "map", "Y": None}, "space='map' is not there"),
        ({"sample": 0}, "sample=0"),
        ({"k": 0}, "k=0"),
        ({"k": 120}, "k=120 needs at least"),
        ({"evidence": {"silhouette": "high"}}, "must be a number"),
    ],
)
def test_what_makes_no_sense_is_refused(data, change, said):
    with pytest.raises(ValueError, match=said):
        gputsne.report(**(data | change))


def test_a_model_without_a_map_is_refused(data):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError, match="call fit first"):
        gputsne.report(data["X"], gputsne.TSNE())


def test_the_file_is_replaced_whole_and_unwritable_ones_are_named(data, made, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("before")
    found = gputsne.report(data["X"], data["Y"], data["labels"], path=path, title="After")
    assert path.read_text() == found.to_html()
    with pytest.raises(OSError, match="nowhere"):
        made.to_html(tmp_path / "nowhere" / "report.html")


WITHOUT = """
import sys
sys.modules["{module}"] = None
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *more: None if name == "{module}" else find(name, *more)
import numpy as np, gputsne
X = np.random.default_rng(0).normal(size=(60, 3))
found = gputsne.report(X, X[:, :2] if "{module}" == "matplotlib" else None)
print(found.facts["figures_missing"], len(found.to_json()) > 1000)
try:
    print(len(found.to_html()) > 1000)
except gputsne.errors.DependencyMissing as error:
    print(error)
try:
    gputsne.report(X, X[:, :2], path="report.html")
except gputsne.errors.DependencyMissing as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("jinja2", ["there is no map to draw True",
                    f"an HTML page needs jinja2: {pip_install('report')}",
                    f"a report needs jinja2: {pip_install('report')}"]),
        ("matplotlib", [f"pictures need matplotlib: {pip_install('plot')} True", "True"]),
    ],
)  # fmt: skip
def test_optional_packages_are_missed_in_one_sentence(module, said, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(module=module)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.splitlines() == said
    assert issubclass(DependencyMissing, ImportError)
