"""What a fit's record says is what the fit did: times, KL, memory, versions; for every thread."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import numpy as np
import pytest

import gputsne
from tests import oracle

X = gputsne.datasets.load_digits().X
SOME = X[:300]
QUICK = {"max_iter": 60, "early_exaggeration_iter": 20, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return gputsne.TSNE(random_state=0, max_iter=300).fit(X)


def test_the_five_stages_are_the_whole_time(model):
    timings = dict(model.run_.timings)
    total = timings.pop("total")
    assert set(timings) == {"prepare", "neighbors", "affinities", "initial", "optimize"}
    assert abs(sum(timings.values()) - total) <= 0.05 * total
    assert total <= model.run_.seconds


def test_the_curve_ends_at_the_divergence_of_the_map(model):
    run = model.run_
    assert run.kl_history[-1] == (model.n_iter_, model.kl_divergence_)
    assert run.kl_divergence == model.kl_divergence_
    small = gputsne.TSNE(**QUICK).fit(SOME)
    P = small.affinities_.to_csr().toarray().astype(np.float64)
    want = oracle.kl(P, small.embedding_.astype(np.float64))
    assert abs(small.run_.kl_history[-1][1] - want) < 1e-4


def test_a_thousand_iterations_leave_a_curve_of_twenty():
    run = gputsne.TSNE(max_iter=1000, random_state=0).fit(SOME).run_
    assert [iteration for iteration, _ in run.kl_history] == list(range(50, 1001, 50))


def test_the_hash_of_the_map_is_that_of_its_bytes(model):
    want = hashlib.sha256(model.embedding_.astype("<f4").tobytes()).hexdigest()
    assert model.run_.map_sha256 == want
    assert model.run_.map == model.embedding_.shape
    again = gputsne.TSNE(**model.get_params()).fit(X).run_
    assert again.map_sha256 == want
    assert again.id != model.run_.id


def test_the_record_is_of_the_map_as_it_was_fitted():
    model = gputsne.TSNE(**QUICK).fit(SOME)
    want = hashlib.sha256(model.embedding_.tobytes()).hexdigest()
    model.embedding_[:] = 0.0  # the user's own
    assert model.run_.map_sha256 == want


FITS = """
import json, numpy as np, gputsne
from gputsne.provenance.machine import peak_memory
held = np.ones(40_000_000)  # 320 MB
model = gputsne.TSNE(max_iter=5, early_exaggeration_iter=1).fit(held[:3000].reshape(300, 10)
                     + np.random.default_rng(0).normal(size=(300, 10)))
print(model.run_.peak_memory_bytes)
"""


# What /usr/bin/time -v does: a small process starts the fit and asks the system what it has taken.
TIMED = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
told = int(child.stdout.read())
print(told, 1024 * os.wait4(child.pid, 0)[2].ru_maxrss)
"""


def test_peak_memory_is_what_the_system_says_of_the_process():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TIMED, FITS], capture_output=True, check=True
    )
    told, system = map(int, ended.stdout.split())
    assert told > 320e6
    assert abs(told - system) <= 0.2 * system


def test_a_host_has_no_memory_of_a_device(model):
    assert model.run_.peak_device_bytes is None


def test_versions_are_those_of_everything_that_took_part(model):
    versions = model.run_.versions
    assert versions["numpy"] == metadata.version("numpy")
    assert versions["scikit-learn"] == metadata.version("scikit-learn")
    code = (
        "import pyarrow, numpy as np, gputsne;"
        "X = np.random.default_rng(0).normal(size=(50, 3));"
        "print(gputsne.TSNE(perplexity=5, max_iter=1).fit(X).run_.versions['pyarrow'])"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, check=True, text=True
    )
    assert told.stdout.strip() == metadata.version("pyarrow")


def test_many_threads_read_one_record():
    model = gputsne.TSNE(**QUICK).fit(SOME)
    begin = threading.Barrier(8)

    def read(_: int) -> gputsne.Run:
        begin.wait()
        return model.run_

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(read, range(8)))
    assert all(run == runs[0] for run in runs)


def test_a_forked_process_has_the_record():
    model = gputsne.TSNE(**QUICK).fit(SOME)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, json.dumps(model.run_.to_dict()["map_sha256"]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        assert json.loads(told.read()) == model.run_.map_sha256
    os.waitpid(child, 0)


def test_parameters_of_every_kind_are_told():
    class Callback:
        def __call__(self, progress):
            return False

        def __reduce__(self):
            raise TypeError("not to be pickled")

    rng = np.random.default_rng(0)
    init = rng.normal(0.0, 1e-4, (300, 2)).astype(np.float32)
    init[:, 0] *= 1e-2 / init[:, 0].std()
    model = gputsne.TSNE(
        **{**QUICK, "random_state": rng}, init=init, callbacks=[Callback(), lambda progress: None],
        callbacks_every=10, metric=lambda a, b: float(np.abs(a - b).sum()), metric_params=None,
    ).fit(SOME[:, :5])  # fmt: skip
    run = model.run_
    told = run.parameters
    assert gputsne.Run.from_dict(json.loads(json.dumps(run.to_dict(), allow_nan=False))) == run
    assert "callbacks" not in told
    assert "0x" not in told["metric"] + told["random_state"]
    assert pickle.loads(pickle.dumps(run)) == run
    assert run.to_dict()["parameters"]["init"] == init.tolist()


def test_a_large_array_among_the_parameters_is_told_by_its_hash():
    init = np.random.default_rng(0).normal(0.0, 1e-2, (len(X), 2)).astype(np.float32)
    told = gputsne.TSNE(**QUICK, init=init).fit(X).run_.parameters["init"]
    assert told == {
        "shape": (len(X), 2), "dtype": "float32",
        "sha256": hashlib.sha256(init.tobytes()).hexdigest(),
    }  # fmt: skip


def test_a_sample_is_told_with_its_hash():
    drawn = gputsne.sample(X, 300, random_state=1)
    run = gputsne.TSNE(**QUICK).fit(X[drawn.rows]).run_
    told = run.with_sample(drawn, of=len(X))
    assert told.sample["sha256"] == drawn.sha256
    assert (told.sample["rows"], told.sample["of"]) == (300, len(X))
    assert told.sample["method"] == "random"
    assert told.sample["coverage"]
    assert gputsne.Run.from_dict(told.to_dict()) == told
    for bad, of in ((gputsne.sample(X, 200), len(X)), (drawn, 299)):
        with pytest.raises(ValueError, match="a sample of"):
            run.with_sample(bad, of=of)
