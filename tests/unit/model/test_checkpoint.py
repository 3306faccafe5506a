"""What a checkpoint is refused for: other data, parameters, versions, devices, and damage."""

from __future__ import annotations

import os

import numpy as np
import pytest
from interrupted import QUICK, X, interrupted, pressed, same

from gputsne import TSNE
from gputsne.backends import explain
from gputsne.base.errors import FitInterrupted
from gputsne.callbacks import Checkpoint
from gputsne.model import checkpoint as files
from gputsne.model import keeping

DEVICES = [name for name, ready, _ in explain() if ready and name != "cuda"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.ckpt"


@pytest.fixture(autouse=True)
def copied_at_once(monkeypatch):
    """Small fits take less time than passes between two copies."""
    monkeypatch.setattr(keeping, "COPY_EVERY", 0.0)
    monkeypatch.setattr(keeping, "SHARE", 0.0)


@pytest.fixture
def whole():
    return TSNE(**QUICK).fit(X)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"perplexity": 12.0}, "begun with perplexity=10.0, and this fit has perplexity=12.0"),
        ({"max_iter": 200, "dof": 2.0}, "begun with max_iter=300, dof=1.0, and this fit has"),
        ({"init": X[:, 20:22]}, "init='pca', and this fit has init='array "),
        ({"random_state": np.random.default_rng(0)}, "random_state='Generator'"),
        ({"stop": "auto"}, "stop='auto'"),
    ],
)
def test_other_parameters(path, change, told):
    interrupted(path)
    with pytest.raises(ValueError, match=told) as caught:
        TSNE(callbacks=Checkpoint(path, resume=True), **QUICK | change).fit(X)
    assert str(path) in str(caught.value)
    assert "or remove it to begin anew" in str(caught.value)


@pytest.mark.parametrize(
    "other",
    [X[::-1], X + np.float32(1e-3), X[:299], X[:, :-1]],
    ids=["order", "values", "rows", "columns"],
)
def test_other_data(path, other):
    interrupted(path)
    with pytest.raises(ValueError, match="was begun with other data: X differs in values, order"):
        TSNE(callbacks=Checkpoint(path, resume=True), **QUICK).fit(other)


def test_names_of_columns_and_sparse_data(path):
    pandas = pytest.importorskip("pandas")
    from scipy import sparse

    for one, other in (
        (pandas.DataFrame(X[:, :2], columns=["a", "b"]), pandas.DataFrame(X[:, :2])),
        (sparse.csr_matrix(X), sparse.csr_matrix(X * (X != 3))),
    ):
        settings = QUICK | {"pca": 2}
        with pytest.raises(FitInterrupted):
            TSNE(callbacks=[pressed(150), Checkpoint(path)], **settings).fit(one)
        with pytest.raises(ValueError, match="other data"):
            TSNE(callbacks=Checkpoint(path, resume=True), **settings).fit(other)
        same(
            TSNE(callbacks=Checkpoint(path, resume=True), **settings).fit(one),
            TSNE(**settings).fit(one),
        )


def test_distances_and_p_as_x(path, whole):
    from scipy.spatial.distance import pdist, squareform

    D = squareform(pdist(X[:200].astype(np.float64)))
    P = {"affinity": "precomputed", "perplexity": 30.0}
    for given, how in ((D, {"metric": "precomputed"}), (whole.affinities_, P)):
        settings = QUICK | how | {"init": "random"}
        with pytest.raises(FitInterrupted):
            TSNE(callbacks=[pressed(150), Checkpoint(path)], **settings).fit(given)
        kept = Checkpoint(path, resume=True)
        same(TSNE(callbacks=kept, **settings).fit(given), TSNE(**settings).fit(given))


@pytest.mark.parametrize("name", ["gputsne", "numpy", "scipy"])
def test_another_version(path, name, monkeypatch):
    interrupted(path)
    here = keeping.fingerprint.versions()
    monkeypatch.setattr(keeping.fingerprint, "versions", lambda: here | {name: "99.1"})
    told = f"was written with {name} {here[name]}, and this is {name} 99.1"
    for go_on in (
        lambda: TSNE.resume(path),
        lambda: TSNE(callbacks=Checkpoint(path, resume=True), **QUICK).fit(X),
    ):
        with pytest.raises(ValueError, match=told):
            go_on()


@pytest.mark.skipif(len(DEVICES) < 2, reason="one backend")
def test_another_device(path):
    interrupted(path, device="cpu")
    with pytest.raises(ValueError, match="begun on device='cpu', and this fit runs on 'numpy'"):
        TSNE(callbacks=Checkpoint(path, resume=True), device="numpy", **QUICK).fit(X)


def test_files_that_are_none(path, whole, tmp_path):
    with pytest.raises(FileNotFoundError):
        TSNE.resume(path)
    whole.save(path, affinities=True)
    with pytest.raises(ValueError, match="is a finished model, no checkpoint"):
        TSNE.resume(path)
    for content in (b"", b"PK", b"PK\x03\x04 and more", b"rows of text\n" * 99):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"no fit can go on from .*or remove it to begin"):
            TSNE.resume(path)
    path.unlink()
    interrupted(path)
    other = tmp_path / "other.ckpt"
    interrupted(other, 100)
    Checkpoint(other).state_path.replace(Checkpoint(path).state_path)
    with pytest.raises(ValueError, match=r"is of another run than .*remove it to go on"):
        TSNE.resume(path)


@pytest.mark.parametrize("which", ["path", "state_path"])
def test_damage(path, which, whole):
    """Cut off or changed anywhere: refused by name, or to the same bytes."""
    interrupted(path)
    intact = {p: p.read_bytes() for p in path.parent.iterdir()}
    target = getattr(Checkpoint(path), which)
    size, rng = len(intact[target]), np.random.default_rng(0)
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        target.write_bytes(intact[target][: int(share * size)])
        with pytest.raises(ValueError, match=target.name):
            TSNE.resume(path)
    told = []
    for _ in range(30):
        spoilt = bytearray(intact[target])
        spoilt[rng.integers(size)] ^= 1 << rng.integers(8)
        target.write_bytes(bytes(spoilt))
        try:
            model = TSNE.resume(path, keep=True)
        except ValueError as error:
            told.append(str(error))
        else:  # a bit that nobody reads, such as a date
            same(model, whole)
        for name, content in intact.items():
            name.write_bytes(content)
    assert told
    assert all(target.name in said for said in told)


@pytest.mark.parametrize(
    "change",
    [
        {"order": np.zeros(300, np.int32)},
        {"order": np.arange(299, dtype=np.int32)},
        {"state.Y": np.zeros((299, 2), np.float32)},
        {"state.gains": np.full((300, 2), np.nan, np.float32)},
        {"pace": {"interval": -1, "evaluations": 0, "seen": None, "summed": False}},
        {"pace": {"interval": 1, "evaluations": 0, "seen": [1.0], "summed": False}},
        {"pace": {}},
        {"iteration": -4},
        {"mesh": {"h": 0.0}},
    ],
)
def test_a_state_that_no_run_has(path, change):
    interrupted(path)
    target = Checkpoint(path).state_path
    meta, arrays = files.storage.read(target)
    for name, value in change.items():
        (arrays if isinstance(value, np.ndarray) else meta)[name] = value
    files.storage.write(target, meta, arrays)
    with pytest.raises(ValueError, match=r"no fit can go on from .*run\.ckpt\.state"):
        TSNE.resume(path)


def test_what_stood_stands_when_writing_is_cut_off(path, whole, monkeypatch):
    interrupted(path)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    real, calls = np.lib.format.write_array, []

    def cut(*args, **kwargs):
        calls.append(args)
        if len(calls) % 3 == 0:
            raise KeyboardInterrupt
        real(*args, **kwargs)

    monkeypatch.setattr(np.lib.format, "write_array", cut)
    with pytest.raises(KeyboardInterrupt):
        TSNE.resume(path, minutes=1e-9)
    assert calls
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    monkeypatch.undo()
    same(TSNE.resume(path), whole)


@pytest.mark.parametrize("what", ["begin", "write"])
def test_a_full_disk_ends_no_fit(path, what, whole, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(files, what, full)
    with pytest.warns(UserWarning, match="no checkpoint was written: .*No space left on device"):
        model = TSNE(callbacks=Checkpoint(path, minutes=1e-9), **QUICK).fit(X)
    same(model, whole)


def test_what_can_be_no_checkpoint(path, tmp_path):
    for wrong in (0, -1.0, float("nan"), float("inf"), "ten", True):
        with pytest.raises((TypeError, ValueError), match="minutes="):
            Checkpoint(path, wrong)
    with pytest.raises(TypeError, match="resume='yes' must be True or False"):
        Checkpoint(path, resume="yes")
    with pytest.raises(ValueError, match="is a device or a pipe"):
        Checkpoint("/dev/null")
    with pytest.raises(TypeError, match="path=3"):
        Checkpoint(3)
    with pytest.raises(FileNotFoundError, match="folder"):
        TSNE(callbacks=Checkpoint(tmp_path / "no" / "run"), **QUICK).fit(X)
    with pytest.raises(ValueError, match="callbacks holds 2 checkpoints"):
        TSNE(callbacks=[Checkpoint(path), Checkpoint(path)], **QUICK).fit(X)
    with pytest.raises(ValueError, match=r"metric=.* is a function, which a file can't hold"):
        TSNE(callbacks=Checkpoint(path), metric=lambda a, b: abs(a - b).sum(), **QUICK).fit(X)
    with pytest.raises(ValueError, match="callbacks_every=20 has no effect with no callbacks"):
        TSNE(callbacks=Checkpoint(path), callbacks_every=20, **QUICK).fit(X)
    assert not list(tmp_path.iterdir())


def test_an_estimator_with_one_can_be_cloned(path):
    from sklearn.base import clone

    model = clone(TSNE(callbacks=Checkpoint(path, 5, keep=True)))
    assert repr(model.callbacks) == f"Checkpoint({str(path)!r}, minutes=5, resume=False, keep=True)"


def test_a_callback_may_change_the_working_directory(tmp_path, whole, monkeypatch):
    """Both files lie where the path led when the checkpoint was made."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)

    def leave(progress):
        os.chdir(elsewhere)
        pressed(150)(progress)

    with pytest.raises(FitInterrupted):
        TSNE(callbacks=[leave, Checkpoint("run.ckpt")], **QUICK).fit(X)
    assert list(elsewhere.iterdir()) == []
    assert {file.name for file in tmp_path.glob("run*")} == {"run.ckpt", "run.ckpt.state"}
    same(TSNE.resume(tmp_path / "run.ckpt"), whole)


def test_a_link_leads_to_both_files(tmp_path, path, whole):
    """The map so far is gone on from, and nothing of a finished fit stays."""
    interrupted(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert Checkpoint(link).state_path == Checkpoint(path).state_path
    same(TSNE.resume(link), whole)
    assert not path.exists()
    assert not Checkpoint(path).state_path.exists()
