"""The case maps: one call judges maps that it makes or reads, and their pictures are small."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gputsne

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="bench/ is in the repository only"
)


def measure(tmp_path: Path, *words: str) -> dict[str, Any]:
    """Run the case with --quick; return the record it wrote."""
    from bench.cases import maps

    maps.main("maps", ["--quick", "--results", str(tmp_path), *words])
    return dict(json.loads((tmp_path / "maps.json").read_text(encoding="utf-8")))


def test_maps_are_made_judged_and_drawn(tmp_path: Path):
    record = measure(tmp_path, "--peers", "ours", "--pictures", str(tmp_path / "pictures"))
    assert set(record["values"]["gputsne"]) >= set(gputsne.metrics.METRICS)
    assert record["fits"]["gputsne"]["seconds"] > 0
    assert record["fits"]["gputsne"]["version"] == gputsne.__version__
    drawn = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in drawn] == [
        f"mnist-{what}-{theme}.webp" for what in ("maps", "rnx") for theme in ("dark", "light")
    ]
    assert max(path.stat().st_size for path in drawn) < 150_000


def test_maps_of_a_file_are_judged_as_they_are(tmp_path: Path):
    from bench.data import load

    X, y, _ = load("mnist", None, quick=True)
    file = tmp_path / "theirs.npz"
    np.savez(file, gputsne=X[:, :2], labels=y)
    record = measure(tmp_path, "--peers", "ours", "--maps", str(file))
    want = gputsne.metrics.evaluate(X, X[:, :2], y)
    for name in gputsne.metrics.METRICS:
        assert record["values"]["gputsne"][name] == pytest.approx(want[name], rel=1e-5)
    np.savez(file, gputsne=X[:3, :2])
    with pytest.raises(SystemExit, match="has 3 rows"):
        measure(tmp_path, "--peers", "ours", "--maps", str(file))


def test_a_peer_that_can_not_be_imported_says_so():
    from bench.cases.maps import probed
    from bench.processes import jobs

    asked = argparse.Namespace(threads=1, device=None, quick=True, limit=60, minutes=None)
    with jobs(asked) as run:
        assert "version" in probed("gputsne", run)
        run.limit = 0.0
        assert "took more than 0 s" in probed("gputsne", run)["failed"]
