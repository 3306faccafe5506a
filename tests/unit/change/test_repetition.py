"""Reproducibility of maps: against scipy, ids of every source, seeds, and what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes
from stores import run_of

import gputsne

DIGITS = gputsne.datasets.load_digits().X[:400]
RNG = np.random.default_rng(3)
MAPS = [RNG.normal(size=(60, 2)) for _ in range(4)]


def test_the_matrix_is_symmetric_and_that_of_scipy():
    found = gputsne.reproducibility(MAPS)
    assert (found.matrix == found.matrix.T).all()
    assert (np.diag(found.matrix) == 0).all()
    assert (found.shared == 60).all()
    for i, one in enumerate(MAPS):
        for j, two in enumerate(MAPS):
            assert found.matrix[i, j] == pytest.approx(procrustes(one, two)[2], abs=1e-12)


def test_the_same_seed_is_exactly_0_and_another_is_not():
    how = {"max_iter": 60, "perplexity": 20, "init": "random"}
    models = [gputsne.TSNE(random_state=seed, **how).fit(DIGITS) for seed in (0, 0, 1)]
    found = gputsne.reproducibility(models)
    assert found.matrix[0, 1] == 0.0
    assert found.matrix[0, 2] == found.matrix[1, 2] > 0.05
    assert found.evidence["seed_disparity"] == found.matrix[0, 2]
    verdict = gputsne.check(found.evidence, "diagnose")
    fired = {row.id for row in verdict.rows if row.status == "fail"}
    assert "not_reproducible" in fired


def test_the_evidence_is_the_largest_the_mean_and_the_pair():
    found = gputsne.reproducibility(dict(zip("abcd", MAPS, strict=True)))
    pairs = {(i, j): found.matrix[i, j] for i in range(4) for j in range(i + 1, 4)}
    worst = max(pairs, key=pairs.__getitem__)
    assert found.evidence["seed_disparity"] == max(pairs.values())
    assert found.evidence["seed_disparity_mean"] == pytest.approx(np.mean(list(pairs.values())))
    assert found.evidence["seed_disparity_pair"] == ", ".join("abcd"[i] for i in worst)
    assert found.to_dict()["matrix"] == found.matrix.tolist()


def test_rows_are_matched_by_id_wherever_the_ids_are(tmp_path):
    order = RNG.permutation(60)[:50]
    Y = MAPS[0]
    ids = [np.arange(60), order]
    assert gputsne.reproducibility([Y, Y[order]], ids=ids).evidence["seed_disparity"] == 0.0
    store = gputsne.Store(tmp_path)
    stored = []
    for number, rows in enumerate((np.arange(60), order)):
        lines = "\n".join(["id,x,y", *(f"r{i},{Y[i, 0]!r},{Y[i, 1]!r}" for i in rows)])
        lines = lines.replace("np.float64(", "").replace(")", "")
        files = {"map.csv": lines.encode()}
        stored.append(store.get(store.put(run_of(1, number), files=files)))
    found = gputsne.reproducibility(stored)
    assert found.evidence["seed_disparity"] == 0.0
    assert found.shared[0, 1] == 50
    assert found.names == tuple(run.id for run in stored)
    read = [run.read_map() for run in stored]
    assert gputsne.reproducibility(read).matrix[0, 1] == 0.0


def test_text_and_html_have_every_name_and_escape_it():
    found = gputsne.reproducibility({"a<b": MAPS[0], "c": MAPS[1], "d": MAPS[0]})
    head, *lines = str(found).splitlines()[1:]
    assert head.split() == ["a<b", "c", "d"]
    assert [line.split()[0] for line in lines] == ["a<b", "c", "d"]
    assert lines[0].split()[3] == "0"
    html = found._repr_html_()
    assert "<b" not in html.replace("<tbody", "")
    assert html.count("<td>") == 9


def test_a_run_that_comes_twice_has_two_names():
    class Kept:
        id, embedding_ = "night", MAPS[0]

    assert gputsne.reproducibility([Kept(), Kept()]).names == ("night (0)", "night (1)")


@pytest.mark.parametrize(
    ("runs", "ids", "error", "said"),
    [
        ([MAPS[0]], None, ValueError, "runs holds 1 maps"),
        ([MAPS[0], MAPS[1][:9]], None, ValueError, r"runs\[0\] and runs\[1\] have 60 and 9 rows"),
        ([MAPS[0], MAPS[1][:, :1]], None, ValueError, "2 and 1 axes"),
        ([MAPS[0], np.ones((60, 2))], None, ValueError, "in one place"),
        ([MAPS[0], MAPS[1] * np.nan], None, ValueError, r"runs\[1\]"),
        ({"a": MAPS[0], "b": "text"}, None, (TypeError, ValueError), r"runs\['b'\]"),
        ([gputsne.TSNE(), MAPS[0]], None, TypeError, "fit it first"),
        ([MAPS[0], MAPS[1]], [range(60)], ValueError, "ids has 1 entries for 2 maps"),
        ([MAPS[0], MAPS[1]], [range(60), None], ValueError, "ids of both"),
        ([MAPS[0], MAPS[1]], [range(60), range(59, 119)], ValueError, "share 1 rows"),
        ([MAPS[0], MAPS[1]], [range(60), [1] * 60], ValueError, "60 times"),
    ],
)  # fmt: skip
def test_what_can_not_be_compared_is_named(runs, ids, error, said):
    with pytest.raises(error, match=said):
        gputsne.reproducibility(runs, ids=ids)


def test_few_shared_rows_are_told():
    ids = [np.arange(60), np.arange(40, 100)]
    with pytest.warns(UserWarning, match="share 20 rows"):
        gputsne.reproducibility(MAPS[:2], ids=ids)
