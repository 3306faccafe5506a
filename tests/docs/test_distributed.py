"""The recipes for Spark and Ray of docs/dask.md run where these are installed, to the byte.

What they call is run with pandas alone by test_operating_blocks.py; here the ``py`` blocks, which
need them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gputsne

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dask.md"
BLOCKS = re.findall(r"^```(python|py)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
RECIPE = next(text for kind, text in BLOCKS if kind == "python" and "def place(" in text)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run the page's function of batches on a table of its kind."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 8)) + 5 * rng.integers(0, 3, (600, 1))
    index = [f"id-{i:04}" for i in range(600)]
    made: dict[str, object] = {
        "__name__": "__main__",
        "table": pd.DataFrame(rows, columns=[f"x{i}" for i in range(8)], index=index),
    }
    # a worker's folder is its own
    text = RECIPE.replace('"map.gputsne"', repr(str(tmp_path / "map.gputsne")))
    exec(compile(text, str(PAGE), "exec"), made)
    return made


def expected(names: dict[str, object], folder: Path) -> pd.DataFrame:
    places = gputsne.load(folder / "map.gputsne").transform(names["table"])
    frame = pd.DataFrame(places, columns=["x", "y"])
    return frame.assign(id=names["table"].index)[["id", "x", "y"]]


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    found = found.sort_values("id").reset_index(drop=True)
    assert found["id"].tolist() == wanted["id"].tolist()
    for axis in ("x", "y"):
        assert found[axis].to_numpy(np.float32).tobytes() == wanted[axis].to_numpy().tobytes()


def test_the_function_of_batches_needs_pandas_alone(names, tmp_path):
    batch = names["batch"]
    parts = [batch[:0], batch[:250], batch[250:]]  # an empty partition, too
    found = pd.concat(names["place"](parts), ignore_index=True)
    same(found, expected(names, tmp_path))


@pytest.mark.parametrize("engine", ["pyspark", "ray"])
@pytest.mark.filterwarnings("default")  # what these two warn of is theirs
def test_recipes_run_where_their_engine_is(engine, names, tmp_path, monkeypatch):
    pytest.importorskip(engine, reason=f"{engine} is not installed: its recipe can't run here")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)  # its workers take the first of the path
    imports = (f"import {engine}\n", f"from {engine}.")
    (text,) = [b for kind, b in BLOCKS if kind == "py" and any(i in b for i in imports)]
    text = text.replace('"map.gputsne"', repr(str(tmp_path / "map.gputsne")))
    exec(compile(text, str(PAGE), "exec"), names)
    same(names["result"], expected(names, tmp_path))
