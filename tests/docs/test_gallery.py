"""The gallery's pictures are there, made by its blocks, described in words, and small."""

from __future__ import annotations

import json
import re
from pathlib import Path

import gputsne

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "gallery.md").read_text(encoding="utf-8")
PICTURE = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="images/([\w-]+)-dark\.webp">'
    r'<img src="images/([\w-]+)-light\.webp" alt="([^"]+)" width="\d+"></picture>'
)
MEASURED = {"mnist-maps", "mnist-rnx"}  # made by python -m bench maps
LARGEST, ALL = 150_000, 1_600_000  # bytes


def test_every_picture_is_there_on_light_and_dark_paper_and_small():
    found = PICTURE.findall(TEXT)
    assert len(found) == TEXT.count("<picture>") == TEXT.count("<img")
    for dark, light, said in found:
        assert dark == light
        assert len(said) > 20  # for those who can't see it
        for paper in ("light", "dark"):
            path = DOCS / "images" / f"{dark}-{paper}.webp"
            assert path.read_bytes()[8:12] == b"WEBP"
            assert path.stat().st_size < LARGEST
    kept = {path.stem for path in (DOCS / "images").glob("*.webp")}
    assert kept == {f"{name}-{paper}" for name, _, _ in found for paper in ("light", "dark")}
    assert sum(path.stat().st_size for path in (DOCS / "images").glob("*")) < ALL


def test_every_picture_is_made_by_a_block():
    made = set(re.findall(r'path="([\w-]+)\.png"', TEXT))
    assert made == {name for name, _, _ in PICTURE.findall(TEXT)} - MEASURED


def test_every_figure_is_in_the_gallery():
    figures = set(gputsne.plotting.__all__) - {"colour_of", "palette", "plot"}
    shown = set(re.findall(r"plotting\.(\w+)[(`]", TEXT))
    assert figures <= shown
    assert "gputsne.plot(" in TEXT


def test_the_table_of_engines_has_the_figures_of_the_results():
    record = json.loads((DOCS.parent / "bench/results/maps.json").read_text(encoding="utf-8"))
    values = record["values"]
    lines = re.findall(r"^\| [^|]+ \(`(\w+)`\) \| (.+) \|$", TEXT, re.MULTILINE)
    assert len(lines) > 5
    for metric, cells in lines:
        for name, cell in zip(values, cells.split(" | "), strict=True):
            told = [f"{values[name][metric]:.3f}"]
            if f"{metric}_se" in values[name]:
                told.append(f"{values[name][f'{metric}_se']:.3f}")
            assert cell.split(" ± ") == told
    for name in values:
        assert f"{name} {record['fits'][name]['version']}" in TEXT
    seconds = record["seconds"]
    assert f"{seconds['processors']:.0f} seconds of processor time" in TEXT
    assert f"the clock\nshowed {seconds['total']:.0f}." in TEXT
