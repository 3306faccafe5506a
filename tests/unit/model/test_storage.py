"""A file gives back what was kept; what is wrong with one that doesn't is said plainly."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gputsne.model import storage


def model() -> tuple[dict, dict]:
    rng = np.random.default_rng(3)
    meta = {
        "params": {"perplexity": 30.0, "pca": None, "max_step": float("inf"), "scale": False},
        "version": "0.1.0",
        "names": ["a", "ä", ""],
        "kl": float("nan"),
        "numpy": np.float32(0.5),
    }
    arrays = {
        "embedding": rng.normal(size=(40, 2)).astype(np.float32),
        "affinities.indptr": np.arange(41, dtype=np.int64),
        "flags": np.array([True, False]),
        "text": np.array(["one", "zwölf"]),
        "none": np.empty((0, 3), np.float32),
        "scalar": np.array(2.5),
        "turned": np.arange(12.0).reshape(3, 4).T,
    }
    return meta, arrays


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "map.gputsne"
    storage.write(path, *model())
    return path


def rewritten(path: Path, change) -> Path:
    """Write the file again with other members: a whole zip with valid checksums."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def edited(path: Path, **changes) -> Path:
    def change(members):
        members["model.json"] = json.dumps({**json.loads(members["model.json"]), **changes})

    return rewritten(path, change)


def test_what_was_kept_comes_back(path: Path):
    meta, arrays = storage.read(path)
    wanted_meta, wanted = model()
    assert np.isnan(meta.pop("kl"))
    del wanted_meta["kl"]
    assert meta == wanted_meta
    assert list(arrays) == list(wanted)
    for name, array in wanted.items():
        got = arrays[name]
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        assert np.array_equal(got, array)
        assert got.flags.c_contiguous
        assert got.flags.writeable


def test_numpy_reads_the_arrays_without_pickle(path: Path):
    with np.load(path, allow_pickle=False) as file:
        assert np.array_equal(file["embedding"], model()[1]["embedding"])


def test_equal_models_make_equal_files(path: Path, tmp_path: Path):
    storage.write(tmp_path / "again", *model())
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_arrays_of_the_other_byte_order_arrive_in_ours(tmp_path: Path):
    other = np.arange(5, dtype=np.float64).astype(np.dtype("f8").newbyteorder("S"))
    storage.write(tmp_path / "m", {}, {"a": other})
    got = storage.read(tmp_path / "m")[1]["a"]
    assert got.dtype == np.float64
    assert np.array_equal(got, np.arange(5))


@pytest.mark.parametrize(
    ("meta", "arrays", "error", "words"),
    [
        ({"f": len}, {}, TypeError, r"meta\['f'\] is of type builtin_function"),
        ({"p": {"q": [1, {2}]}}, {}, TypeError, r"meta\['p'\]\['q'\]\[1\] is of type set"),
        ({"a": np.ones(2)}, {}, TypeError, "put it into arrays"),
        ({"a": {1: 2}}, {}, TypeError, r"meta\['a'\]"),
        ({}, {"a": np.array([{}], dtype=object)}, TypeError, r"arrays\['a'\] has dtype object"),
        ({}, {"../a": np.ones(2)}, ValueError, r"arrays\['../a'\]"),
    ],
)
def test_what_can_not_be_kept_is_named_and_the_old_file_stands(
    path: Path, meta, arrays, error, words
):
    before = path.read_bytes()
    with pytest.raises(error, match=words):
        storage.write(path, meta, arrays)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch):
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):
        storage.write(path, *model())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_file_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        storage.read(tmp_path / "nothing")


@pytest.mark.parametrize("data", [b"", b"P", b"hello, world", pickle.dumps({"a": 1})])
def test_another_kind_of_file_is_told_apart(tmp_path: Path, data: bytes):
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(ValueError, match="is no model of gputsne"):
        storage.read(tmp_path / "f")


def test_an_npz_of_somebody_else_is_told_apart(tmp_path: Path):
    np.savez(tmp_path / "f.npz", a=np.ones(3))
    with pytest.raises(ValueError, match=r"no model of gputsne: it has no model\.json"):
        storage.read(tmp_path / "f.npz")


def test_json_of_something_else_is_told_apart(path: Path):
    with pytest.raises(ValueError, match="no model of gputsne"):
        storage.read(edited(path, format="other"))


def test_a_newer_format_asks_for_an_upgrade(path: Path):
    with pytest.raises(ValueError, match=r"is of format 2, .* reads up to 1: upgrade it"):
        storage.read(edited(path, version=2))


@pytest.mark.parametrize("version", [0, None, "1", 1.5, [1]])
def test_a_version_that_never_was_is_damage(path: Path, version):
    with pytest.raises(ValueError, match="damaged"):
        storage.read(edited(path, version=version))


def npy(array) -> bytes:
    from io import BytesIO

    out = BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def lies(members):
    """Claim an array of 2**60 bytes."""
    members["embedding.npy"] = members["embedding.npy"].replace(b"(40, 2)", b"(1<<59,2)")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("embedding.npy"),
        lambda m: m.update({"more.npy": npy(np.ones(2))}),
        lambda m: m.update({"embedding.npy": npy(np.ones((40, 2)))}),
        lambda m: m.update({"embedding.npy": npy(np.ones((2, 40), np.float32))}),
        lambda m: m.update({"embedding.npy": m["embedding.npy"][:-8]}),
        lambda m: m.update({"embedding.npy": m["embedding.npy"] + b"more"}),
        lambda m: m.update({"embedding.npy": b"\x93NUMPY"}),
        lambda m: m.update({"model.json": b"{"}),
        lambda m: m.update({"model.json": b"\xff\xfe"}),
        lambda m: m.update({"model.json": b"[" * 100_000}),
        lies,
    ],
)
def test_parts_that_do_not_agree_are_damage(path: Path, change):
    with pytest.raises(ValueError, match="damaged or cut short"):
        storage.read(rewritten(path, change))


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_a_pickle_inside_is_never_opened(path: Path):
    bomb = np.empty((40, 2), dtype=object)
    bomb[:] = Bomb()

    def change(members):
        members["embedding.npy"] = npy(bomb)
        head = json.loads(members["model.json"])
        head["arrays"]["embedding"]["dtype"] = "|O"
        members["model.json"] = json.dumps(head)

    with pytest.raises(ValueError, match="damaged"):
        storage.read(rewritten(path, change))


def test_a_packed_member_is_refused_before_it_grows(path: Path):
    with zipfile.ZipFile(path) as file:
        head = file.read("model.json")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model.json", head + b" " * 10_000_000)
    with pytest.raises(ValueError, match="packed"):
        storage.read(path)
