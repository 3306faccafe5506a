"""A cluster of two processes: one is killed, tasks kill them, clients come and go."""

from __future__ import annotations

import os
import signal
import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, worker_client

import gputsne
from gputsne.dask import evaluate, knn, running, sample, transform
from gputsne.dask.pieces import pieces_of


def slowly(rows, parts):
    """Return a dask array whose blocks take a while to be read."""

    # A function in a function travels whole: workers can't import this file.
    def slow(rows):
        time.sleep(0.05)  # gives a worker's end some time to come
        return rows

    blocks = [
        da.from_delayed(dask.delayed(slow)(part), part.shape, part.dtype)
        for part in np.array_split(rows, parts)
    ]
    return da.concatenate(blocks)


def within(seconds, task):
    """Return what a task returns; Dask itself waits for ever where no worker is left."""
    found = []
    thread = threading.Thread(target=lambda: found.append(task()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"nothing came within {seconds} s"
    return found[0]


def one_is_killed(client, task):
    """Run a task, and end one worker in the middle of it as the kernel would."""
    pids = list(client.run(os.getpid).values())
    timer = threading.Timer(0.5, os.kill, (pids[0], signal.SIGKILL))
    timer.start()
    found = within(300, task)
    timer.join()
    client.wait_for_workers(2, timeout=60)
    now = set(client.run(os.getpid).values())
    assert pids[0] not in now  # it was killed, and a new one took its place
    return found


def test_a_killed_worker_loses_nothing(client, model, rows, placed):
    Y = transform(model, slowly(rows, 20))
    found = one_is_killed(client, Y.compute)
    assert found.tobytes() == placed.tobytes()
    assert Y.compute().tobytes() == placed.tobytes()  # the model is there again, too


def test_a_killed_worker_loses_no_neighbours_metrics_or_samples(client, rows):
    X = slowly(rows, 6)
    told = []

    def all_three():
        graph = knn(X, 5, exact=False, random_state=0, progress=lambda *now: told.append(now))
        return graph, evaluate(X, rows[:, :2], sample=16), sample(X, 20)

    graph, metrics, chosen = one_is_killed(client, all_three)
    known = gputsne.knn(rows, 5, exact=False, random_state=0)
    assert graph.indices.tobytes() == known.indices.tobytes()
    assert graph.distances.tobytes() == known.distances.tobytes()
    expected = gputsne.metrics.evaluate(rows, rows[:, :2], sample=16)
    np.testing.assert_array_equal(list(metrics.values()), list(expected.values()))
    assert chosen.sha256 == gputsne.sample(rows, 20).sha256
    assert told[-1][0] == told[-1][1] == len(told)


def test_a_block_that_ends_every_worker_is_named(client, rows):
    def deadly(block, first):  # ends the process that reads it, as one without memory is ended
        if len(block) and block[0, 0] == first:
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    X = da.from_array(rows, chunks=(300, 5)).map_blocks(deadly, float(rows[300, 0]), dtype="f4")
    with pytest.raises(RuntimeError, match=r"block 1 of X ended every worker that took it, 2 of"):
        sample(X, 5)
    client.wait_for_workers(2, timeout=60)


def test_a_task_that_raises_is_tried_again_and_then_named(client, rows, tmp_path):
    def once(block, path):
        if not path.exists():
            path.touch()
            raise OSError("the disk is away")
        return block

    def never(block):
        raise OSError("the disk is gone")

    X = da.from_array(rows, chunks=(900, 5))
    back = X.map_blocks(once, tmp_path / "tried", dtype="f4")
    assert sample(back, 5).sha256 == gputsne.sample(rows, 5).sha256
    with pytest.raises(OSError, match="the disk is gone") as caught:
        sample(X.map_blocks(never, dtype="f4"), 5, retries=1)
    assert caught.value.__notes__ == ["raised for block 0 of X"]


def test_a_value_that_is_wrong_is_not_tried_again(client, rows, tmp_path):
    def noted(block, path):
        with path.open("a") as file:
            file.write("x")
        return block

    bad = rows.copy()
    bad[10, 1] = np.nan
    read = tmp_path / "read"
    X = da.from_array(bad, chunks=(900, 5)).map_blocks(noted, read, dtype="f4", meta=bad[:0])
    with pytest.raises(ValueError, match="row 10, which is row 10 of block 0 of X"):
        knn(X, 5)
    assert read.read_text() == "x"


def test_the_model_is_sent_once_and_without_what_it_can_make_again(client, model, rows):
    Y, again = (transform(model, da.from_array(rows, chunks=(100, 5))) for _ in range(2))
    (key,) = {k for k in map(str, dict(Y.dask)) if "gputsne-model" in k}
    assert key in map(str, dict(again.dask))
    Y.compute()
    held = client.cluster.scheduler.tasks[key].nbytes
    arrays = model.fitted_map_.rows.nbytes + model.fitted_map_.Y.nbytes
    assert held < arrays + 10_000


def test_futures_belong_to_their_client(client, cluster, model, rows, placed):
    mine = [client.scatter(rows[:400]), client.scatter(rows[400:])]
    Y = transform(model, [rows[:1], *mine])
    assert Y.compute()[1:].tobytes() == placed.tobytes()
    assert sample([rows[:1], *mine], 3).rows.max() <= 900
    with (
        Client(cluster, set_as_default=False) as other,
        pytest.raises(ValueError, match="shard 1 of X is a future of another client"),
    ):
        transform(model, [rows[:1], *mine], client=other)
    with pytest.raises(ValueError, match="a list of futures alone"):
        transform(model, mine)


def test_two_clients_have_a_result_each(client, cluster, model, rows, placed):
    X = da.from_array(rows, chunks=(300, 5))
    with Client(cluster, set_as_default=False) as other:
        for mine in (client, other):
            Y = transform(model, X, client=mine)
            assert mine.compute(Y).result().tobytes() == placed.tobytes()


def test_a_client_that_is_closed_is_refused(cluster, rows, model):
    with Client(cluster, set_as_default=False) as other:
        X = da.from_array(rows, chunks=(300, 5))
        assert len(sample(X, 5, client=other)) == 5
    with pytest.raises(ValueError, match="is closed: connect a new one"):
        sample(X, 5, client=other)
    with pytest.raises(ValueError, match="is closed: connect a new one"):
        transform(model, X, client=other)


def test_a_result_of_a_cluster_is_not_computed_elsewhere(client, model, rows, placed):
    X = da.from_array(rows, chunks=(300, 5))
    with dask.config.set(scheduler="threads"):  # said before, the model stays here
        assert transform(model, X).compute().tobytes() == placed.tobytes()


def test_a_task_may_itself_use_the_cluster(client, model, rows):
    def nested(part):
        with worker_client():
            return gputsne.dask.sample(da.from_array(part, chunks=(300, 5)), 4).rows.tolist()

    assert client.submit(nested, rows).result() == gputsne.sample(rows, 4).rows.tolist()


def test_workers_tell_how_much_a_task_may_take(client):
    room = running.Runner.of(client).room()
    assert room == pytest.approx(running.SHARE * 2 * 2**30)


def test_shards_on_disk_are_opened_by_the_workers(client, rows, tmp_path):
    for i, part in enumerate(np.array_split(rows, 3)):
        np.save(tmp_path / f"{i}.npy", part)
    (tmp_path / "1.npy").touch()
    pieces = pieces_of(tmp_path)
    assert [piece.rows for piece in pieces.pieces] == [300, 300, 300]
    assert sample(tmp_path, 9).sha256 == gputsne.sample(rows, 9).sha256
    source = gputsne.data.open_source(tmp_path)
    os.truncate(tmp_path / "1.npy", 500)
    with pytest.raises(ValueError, match=r"1\.npy has changed since the source was opened"):
        sample(source, 9)


def test_threads_of_a_task_are_its_own(client, rows):
    """A worker has one thread, and FAISS, BLAS and scipy take no other."""

    def inside(_):
        from gputsne.base import threads
        from gputsne.dask import judging

        return judging._by_one_thread(threads.in_force), threads.resolve_n_jobs(None)

    assert client.submit(inside, 0).result() == (1, 1)
