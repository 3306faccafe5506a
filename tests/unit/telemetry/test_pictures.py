"""Pictures of the dashboards in the manual show what the dashboards' JSON asks for today."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from gputsne.telemetry.operations.grafana import DASHBOARDS

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 200_000
WITHOUT = {"Recent failures", "Where to read on", "Embedding by label"}  # of no data, or of text


@pytest.fixture(scope="module")
def tool():
    place = ROOT / "tools" / "dashboard_pictures.py"
    spec = importlib.util.spec_from_file_location("dashboard_pictures", place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kept(path: Path):
    with Image.open(path) as picture:
        return json.loads(picture.info["Shown"])


def test_the_pictures_show_the_panels_and_series_that_prometheus_gives(tool, program, tmp_path):
    for name in ("promtool", "prometheus"):
        program(name)
    found = tool.pictures(tmp_path)
    assert set(found) == set(DASHBOARDS)
    for name, told in found.items():
        assert kept(tmp_path / f"dashboard-{name}.png") == told
        # Drawn again by python tools/dashboard_pictures.py where they differ.
        assert kept(IMAGES / f"dashboard-{name}.png") == told
        empty = {panel["title"] for panel in told["panels"] if not panel["series"]}
        assert empty <= WITHOUT


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_manual_has_a_picture_of_each(name):
    path = IMAGES / f"dashboard-{name}.png"
    assert path.stat().st_size < MOST_BYTES
    titles = [panel.title for panel in DASHBOARDS[name][1]]
    assert [panel["title"] for panel in kept(path)["panels"]] == titles
    assert f"images/dashboard-{name}.png" in (ROOT / "docs" / "operate.md").read_text()
