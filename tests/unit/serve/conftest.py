"""A store with one run, a folder of maps, and servers of both to ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import EDITOR_LINE, EMAIL, PNG, REPORT, SECRET, TILE, TILESET, VIEWER_LINE
from starlette.testclient import TestClient

import gputsne
from gputsne.data import write
from gputsne.provenance import Run
from gputsne.serve import Settings, Tokens, application


@pytest.fixture(scope="session")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


@pytest.fixture(scope="session")
def model(rows) -> Any:
    return gputsne.TSNE(perplexity=10, max_iter=60, random_state=0).fit(rows)


@pytest.fixture(scope="session")
def run_files(model, tmp_path_factory) -> dict[str, Path | bytes]:
    folder = tmp_path_factory.mktemp("files")
    model.save(folder / "model.npz")
    kept = {"email": np.array([EMAIL] * 60), "site": np.array(["north", "south"] * 30)}
    labels = np.array(["a", "b", "c"] * 20)
    ids = np.array([f"id-{i}" for i in range(60)])
    write(
        folder / "map.parquet", model.embedding_, ids=ids, labels=labels, label_name="kind",
        kept=kept,
    )  # fmt: skip
    files: dict[str, Path | bytes] = {
        name: folder / name for name in ("model.npz", "map.parquet")
    }  # fmt: skip
    return {**files, "thumb.png": PNG, "report.html": REPORT, "input.csv": EMAIL.encode()}


@pytest.fixture(scope="session")
def store(run_files, model, tmp_path_factory) -> gputsne.Store:
    found = gputsne.Store(tmp_path_factory.mktemp("store"))
    told = {
        **model.run_.to_dict(), "host": SECRET, "tags": {"owner": EMAIL},
        "input": {"path": f"/data/{EMAIL}.csv", "selection": {"labels": "kind"}},
    }  # fmt: skip
    id = found.put(Run.from_dict(told), files=run_files)
    found.promote(id)
    return found


@pytest.fixture(scope="session")
def id(store) -> str:
    return store.resolve("production")


@pytest.fixture
def tokens() -> Tokens:
    return Tokens.parse(f"{EDITOR_LINE}\n# a comment\n{VIEWER_LINE}")


@pytest.fixture
def folder(tmp_path, model) -> Path:
    """A folder of maps: tiles alone, a map with a record, and what is none of these."""
    root = tmp_path / "maps"
    tiles = root / "tiled" / "tiles" / "tiles" / "0" / "0"
    tiles.mkdir(parents=True)
    (tiles / "0.bin").write_bytes(TILE)
    (root / "tiled" / "tiles" / "tileset.json").write_text(json.dumps(TILESET))
    (root / "tiled" / "tiles" / "viewer.js").write_text("alert(1)")
    (root / "plain").mkdir()
    write(root / "plain" / "map.csv", model.embedding_)
    (root / "plain" / "run.json").write_text(json.dumps(model.run_.to_dict()))
    (root / "plain" / "secret.txt").write_text(EMAIL)
    (root / "notes").mkdir()
    (root / "notes" / "secret.txt").write_text(EMAIL)
    return root


Ask = Callable[..., TestClient]


@pytest.fixture
def ask(tmp_path) -> Iterator[Ask]:
    """Return a function that makes a server of something, and a client of it."""
    made: list[TestClient] = []

    def client(source: Any, *, tokens: Tokens | None = None, **settings: Any) -> TestClient:
        asked = Settings(cache=tmp_path / "cache", **settings)
        app = application(source, settings=asked, tokens=tokens)
        made.append(TestClient(app, base_url="http://localhost").__enter__())
        return made[-1]

    yield client
    for entered in made:
        entered.__exit__(None, None, None)


@pytest.fixture
def client(ask, store) -> TestClient:
    return ask(store)


@pytest.fixture
def guarded(ask, store, tokens) -> TestClient:
    return ask(store, tokens=tokens)
