"""Comparisons of engines: a failure doesn't stop the others, what is done is kept; the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gputsne

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="bench/ is in the repository only"
)


FETCHING = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A comparison with processes that measure nothing: engines do what they are told."""
    from bench import processes
    from bench.cases.compare import main

    monkeypatch.setattr(processes, "WORKER", Path(__file__).with_name("pretending.py"))
    monkeypatch.delenv("GPUTSNE_DATA", raising=False)

    def run(*words: str, case: str = "digits", **engines: str) -> dict[str, Any]:
        told = ",".join(f"{name}={does}" for name, does in engines.items()) or "nobody=works"
        monkeypatch.setenv("GPUTSNE_TEST_ENGINES", told)
        main(case, ["--quick", "--results", str(tmp_path), *words])
        return record(tmp_path, case)

    return run


def record(folder: Path, case: str = "digits") -> dict[str, Any]:
    return dict(json.loads((folder / f"{case}.json").read_text(encoding="utf-8")))


def test_engines_that_fail_say_how_and_the_others_go_on(
    compare: Any, capsys: Any, monkeypatch: Any
):
    from bench.cases.work import Work

    real = Work.fitted

    def fitted(self: Any, name: str, **more: Any) -> dict[str, Any]:
        self.run.limit = 1.0 if name == "pacmap" else 600.0
        return real(self, name, **more)

    monkeypatch.setattr(Work, "fitted", fitted)
    names = "sklearn,umap,openTSNE,pacmap,h2pack,ours"
    found = compare(
        "--peers", names,
        umap="crash", openTSNE="absent", pacmap="hang", h2pack="fail", sklearn="silent",
    )  # fmt: skip
    engines = found["engines"]
    assert list(engines) == ["sklearn", "umap", "openTSNE", "pacmap", "h2pack", "gputsne"]
    assert engines["umap"]["failed"] == "was ended by SIGSEGV: about to fit"
    assert engines["openTSNE"]["left_out"] == "nobody installed it"
    assert engines["pacmap"]["failed"] == "took more than 1 s"
    assert engines["h2pack"]["failed"] == "failed with status 1: no such metric"
    assert engines["sklearn"]["failed"] == "fit ended without a result: about to fit"
    ours = engines["gputsne"]
    assert ours["seconds"] == {"neighbors": 1.0, "optimize": 2.0, "total": 3.0}
    assert ours["quality"] == {"kept": 0.5, "kl": 2.0}
    assert ours["curve"] == [{"iterations": 30, "seconds": 3.0, "kept": 0.4}]
    assert found["complete"] is True
    # whoever is left out is printed, with the reason
    assert "openTSNE is left out: nobody installed it" in capsys.readouterr().out


def test_an_interrupt_ends_the_job_and_keeps_what_is_done(compare: Any, tmp_path: Path):
    with pytest.raises(SystemExit) as ended:
        compare("--peers", "ours,umap,sklearn", umap="interrupt")
    assert ended.value.code == 130
    found = record(tmp_path)
    assert (found["complete"], found["ended"]) == (False, "interrupted")
    assert found["engines"]["gputsne"]["quality"]["kl"] == 2.0
    assert "seconds" not in found["engines"]["sklearn"]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not [line for line in running.splitlines() if "pretending.py" in line]


def test_the_budget_ends_a_job_and_keeps_what_is_done(compare: Any, monkeypatch: Any):
    from bench.cases.work import Work

    real = Work.fitted

    def fitted(self: Any, name: str, **more: Any) -> dict[str, Any]:
        if name == "umap":
            self.run.ends = time.monotonic()  # as if all the minutes were over
        return real(self, name, **more)

    monkeypatch.setattr(Work, "fitted", fitted)
    found = compare("--peers", "ours,umap", "--minutes", "90", umap="hang")
    assert (found["complete"], found["ended"]) == (False, "after 90 minutes, as was asked")
    assert found["engines"]["gputsne"]["seconds"]["total"] == 3.0
    assert "failed" not in found["engines"]["umap"]


def test_repeats_give_medians_and_the_iterations_alone_their_own(compare: Any, monkeypatch: Any):
    from bench.cases import compare as module

    turns = iter([3.0, 9.0, 4.0])
    real = module.Comparison.fitted

    def fitted(self: Any, name: str, **more: Any) -> dict[str, Any]:
        run = real(self, name, **more)
        if "iterations" not in more:  # a whole fit
            run["seconds"]["total"] = next(turns)
        return run

    monkeypatch.setattr(module.Comparison, "fitted", fitted)
    monkeypatch.setattr(module, "QUICK_REPEATS", 3)
    ours = compare("--peers", "ours", "--no-curve")["engines"]["gputsne"]
    assert ours["seconds"]["total"] == 4.0
    assert ours["spread"] == [3.0, 9.0]
    assert [len(ours["runs"]), len(ours["same_start"]["runs"])] == [3, 3]
    assert ours["same_start"]["seconds"] == 2.0
    assert "curve" not in ours


def test_large_data_leave_slow_engines_out_unless_named(compare: Any, monkeypatch: Any):
    from dataclasses import replace

    from bench import peers

    monkeypatch.setitem(peers.PEERS, "sklearn", replace(peers.PEERS["sklearn"], largest=100))
    told = {name: "absent" for name in peers.PEERS if name != "sklearn"}
    monkeypatch.setattr("bench.cases.work.PEERS", peers.PEERS)
    found = compare("--no-curve", **told)["engines"]["sklearn"]
    assert found["left_out"] == "not tried on more than 100 rows unless named"
    found = compare("--no-curve", "--peers", "sklearn")["engines"]["sklearn"]
    assert found["quality"]["kept"] == 0.5


def test_scaling_gives_an_engine_up_where_it_fails(compare: Any, tmp_path: Path, monkeypatch: Any):
    from bench.cases import scaling

    monkeypatch.setenv("GPUTSNE_TEST_ENGINES", "umap=crash")
    monkeypatch.setattr(scaling, "GROWTH_FROM", 100)
    scaling.main(
        "scaling",
        ["--quick", "--results", str(tmp_path), "--peers", "ours,umap", "--sizes", "300", "100"],
    )
    engines = record(tmp_path, "scaling")["engines"]
    assert [point["n"] for point in engines["gputsne"]["sizes"]] == [100, 300]
    assert engines["gputsne"]["exponent"] == pytest.approx(0, abs=1e-9)  # 3 s at both
    assert engines["umap"]["failed"].startswith("at 100 rows: was ended by SIGSEGV")


@pytest.mark.parametrize("power", [0.9, 1.0, 1.5, 2.0])
def test_scaling_tells_how_time_and_memory_grow(power: float):
    from bench.cases.scaling import Scaling

    sizes = [10_000 * 2**i for i in range(5)]
    engine: dict[str, Any] = {
        "sizes": [
            {"n": n, "seconds": {"total": 3 * n**1.1}, "peak_bytes": 2e8 + 4 * n**power}
            for n in (100, *sizes)
        ]
    }
    Scaling.grow(None, engine)  # type: ignore[arg-type]  # of no case
    assert engine["exponent"] == pytest.approx(1.1)
    assert engine["memory_exponent"] == pytest.approx(power)  # whatever a process has anyway


def test_the_page_is_one_file_that_fetches_nothing_and_escapes_what_it_is_told(
    compare: Any, tmp_path: Path
):
    from bench import report

    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    hostile = tmp_path / "<script src=x>$^{.npz"
    np.savez(hostile, X=rows, y=np.repeat(["<img src=//evil>", "$\\frac", "_hidden"], 20))
    compare("--peers", "ours,umap,openTSNE", "--data", str(hostile), umap="absent")
    report.main(["--results", str(tmp_path)])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script src=x&gt;" in text
    assert "&lt;b&gt;1.0&lt;/b&gt;" in text  # the version that an engine gave
    assert "nobody installed it" in text
    tags = Tags()
    tags.feed(text)
    sources = [value for name, value in tags.attributes if name in FETCHING]
    assert len(sources) == 3  # two maps and the plot
    assert all(value.startswith(("data:image/png;", "data:image/svg+xml;")) for value in sources)
    assert not tags.names & {"script", "iframe", "object", "embed", "link", "base", "form", "svg"}
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_page_of_the_results_has_every_case():
    from bench import report

    text = report.page(ROOT / "bench" / "results")
    for name in ("mnist", "million", "transform", "determinism", "crossing"):
        assert f"<h2>{name}" in text
    assert "openTSNE 1.0.4" in text


def test_peers_are_named_as_people_write_them():
    from bench.peers import PEERS, named

    assert named("Ours, opentsne,UMAP,umap") == ["gputsne", "openTSNE", "umap"]
    assert named(None) == named("all") == list(PEERS)
    for wrong in ("t-sne", "", ","):
        with pytest.raises(SystemExit, match="known are gputsne, short, pca, openTSNE"):
            named(wrong)


def test_a_peer_that_is_not_there_says_what_to_install():
    from dataclasses import replace

    from bench.peers import PEERS

    peer = PEERS["umap"]
    missing = replace(peer, module="no_such_library", package="no-such")
    assert missing.missing() == "no-such is not installed (pip install no-such)"
    missing = replace(peer, module="json.no_such_part")
    assert missing.missing() == "umap-learn needs json.no_such_part, which is not installed"
    assert PEERS["gputsne"].missing() == ""


def test_memory_of_a_stage_is_the_most_that_was_seen_in_it():
    from bench.clock import stage_peaks

    samples = [(0.0, 5), (1.0, 9), (2.0, 7), (3.0, 8)]
    marks = [("a", 0.0, 1.5), ("b", 1.6, 2.5), ("a", 2.9, 3.1), ("c", 8.0, 9.0)]
    assert stage_peaks(marks, samples) == {"a": 9, "b": 7}


def test_data_too_large_for_all_pairs_are_judged_nearly_alike(tmp_path: Path, monkeypatch: Any):
    from bench import jobs

    data = gputsne.datasets.load_digits()
    X, y = data.X[:500], data.labels[:500]
    files = {"P_file": tmp_path / "P.npz", "Y0_file": tmp_path / "Y0.npy"}
    told = {"X": X, "threads": 1, "seed": 0, "perplexity": 20.0, **files}
    found = []
    for limit in (1000, 10):
        monkeypatch.setattr(jobs, "ALL_PAIRS", limit)
        assert jobs.affinities(dict(told))["recall"] == 1.0
        P, Y = jobs.read_affinities(files["P_file"]), 1e4 * np.load(files["Y0_file"])
        found.append(jobs.quality({"X": X, "y": y, "map": Y, "P": P, "threads": 1}))
    assert [one.pop("kl_by") for one in found] == ["all pairs, float64", "Z by mesh, within 1e-3"]
    assert found[1]["kl"] == pytest.approx(found[0]["kl"], abs=2e-3)
    assert {k: v for k, v in found[0].items() if k != "kl"}.items() <= found[1].items()
    assert set(found[0]) == {"kl", "kept", "knc", "cpd", "accuracy"}
    broken = {"X": X, "y": y, "map": np.full((500, 2), np.nan), "threads": 1}
    assert jobs.quality(broken) == {"failed": "the map has values that are not finite"}


def test_a_real_comparison(tmp_path: Path):
    """Real processes: they measure the package that is installed, and KL is the engine's."""
    peer = find_spec("openTSNE") is not None
    words = ["--peers", "ours,openTSNE", "--no-curve", "--results", str(tmp_path)]
    command = [sys.executable, "-m", "bench", "digits", "--quick", *words]
    # PYTHONSAFEPATH, which tests set, would hide the clone
    told = {k: v for k, v in os.environ.items() if k not in ("GPUTSNE_DATA", "PYTHONSAFEPATH")}
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = record(tmp_path)
    ours = found["engines"]["gputsne"]
    path = Path(gputsne.__file__).parent
    assert path.parts[-1:] == Path(found["package"]["path"]).parts[-1:]
    assert (found["package"]["path"] == "gputsne") == path.is_relative_to(ROOT)
    assert not Path(found["package"]["path"]).is_absolute()
    assert found["versions"]["gputsne"]
    assert found["machine"]["processors"] >= 1
    assert set(ours["seconds"]) >= {"neighbors", "affinities", "initial", "optimize", "total"}
    assert set(ours["quality"]) >= {"kl", "kept", "knc", "cpd", "accuracy"}
    # the engine's KL, of P from its own search, and the judge's, of P from all pairs: the same P
    # on 600 rows, where the search is exact
    assert ours["quality"]["kl"] == pytest.approx(ours["runs"][0]["kl_reported"], abs=2e-3)
    # a stage between two samples has none
    peaks = ours["runs"][0]["stage_peak_bytes"]
    assert peaks.keys() <= ours["seconds"].keys()
    assert all(0 < peak <= ours["peak_bytes"] for peak in peaks.values())
    theirs = found["engines"]["openTSNE"]
    assert ("left_out" in theirs) is not peer
    if peer:
        assert theirs["runs"][0]["recall"] > 0.9
        assert theirs["same_start"]["kl"] == pytest.approx(ours["same_start"]["kl"], rel=0.05)
    assert (tmp_path / "pictures" / "digits-gputsne.png").stat().st_size > 1000
