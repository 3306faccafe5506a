"""Tile sets for tests: a table to make them of, and reading them back by their format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from gputsne.viewer.container import unpack

N = 40_000


def clouds():
    """A map of four clouds, and a table of its rows with personal data in it."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, N)
    middles = np.array([[0, 0], [20, 0], [0, 20], [25, 25]])
    frame = pd.DataFrame({
        "kind": np.array(["ant", "bee", "cat", "dog"])[kinds],
        "size": rng.lognormal(size=N),
        "email": [f"someone{i}@example.org" for i in range(N)],
        "name": [f"Row {i}" for i in range(N)],
    })  # fmt: skip
    Y = (middles[kinds] + rng.normal(size=(N, 2))).astype(np.float32)
    return Y, frame


def read(out: Path):
    """Return (tileset, {key: (header, columns)})."""
    tileset = json.loads((out / "tileset.json").read_text("utf-8"))
    home = out / tileset["path"]
    paths = sorted(home.rglob("*.bin"))
    return tileset, {
        str(p.relative_to(home).with_suffix("")): unpack(p.read_bytes()) for p in paths
    }


def joined(tiles, name: str):
    parts = [columns[name] for _, columns in tiles.values()]
    if isinstance(parts[0], list):
        return np.array([text for part in parts for text in part], dtype=object)
    return np.concatenate(parts)


def places(tiles):
    """Return map coordinates of all rows, and the most that rounding may have moved each."""
    points, off = [], []
    for header, columns in tiles.values():
        x0, y0, side = header["square"]
        units = np.stack([columns["x"], columns["y"]], axis=1).astype(np.float64)
        points.append([x0, y0] + units * (side / 65535))
        off.append(np.full(len(units), side / 65535 / 2))
    return np.concatenate(points), np.concatenate(off)


def everything(out: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file())


def digest(out: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        found.update(str(path.relative_to(out)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()
