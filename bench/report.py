"""The page of all results: one HTML file, plots and maps inside, nothing fetched.

``python -m bench report`` reads the JSON files of a folder and writes page.html.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
from pathlib import Path
from typing import Any

from bench.common import RESULTS, log

HERE = Path(__file__).resolve().parent
PAGE = "page.html"
PROVENANCE = (
    "machine",
    "versions",
    "package",
    "commit",
    "date",
    "threads",
    "quick",
    "backend",
)


def page(folder: Path) -> str:
    """Return the page of a folder's results."""
    try:
        from jinja2 import Environment, FileSystemLoader
    except ModuleNotFoundError:
        raise SystemExit("the page needs jinja2: pip install '.[bench]'") from None

    space = Environment(loader=FileSystemLoader(HERE), autoescape=True)
    space.filters["figure"] = figure
    comparisons, scalings, others = [], [], []
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "benchmark" not in record or "machine" not in record:
            continue  # a case with a format of its own
        kind = record.get("kind")
        if kind == "comparison":
            for name, engine in record["engines"].items():
                picture = folder / "pictures" / f"{path.stem}-{name}.png"
                engine["picture"] = inline(picture.read_bytes()) if picture.is_file() else None
            record["plot"] = plotted(quality_against_time(record), "seconds", "neighbours kept")
            comparisons.append(record)
        elif kind == "scaling":
            record["plot"] = plotted(growth(record), "rows", "seconds", log_y=True)
            scalings.append(record)
        else:
            own = {k: v for k, v in record.items() if k not in PROVENANCE}
            record["text"] = json.dumps(own, indent=1)
            others.append(record)
    template = space.get_template("page.html.j2")
    return template.render(comparisons=comparisons, scalings=scalings, others=others)


def figure(value: Any) -> str:
    """Return a number with three or four digits that matter; nothing for none."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def inline(data: bytes, kind: str = "png") -> str:
    """Return the address of a picture that is part of the page."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def quality_against_time(record: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (seconds, neighbours kept) of each engine, by its iterations; the default fit too."""
    found = {}
    for engine in record["engines"].values():
        points = [(p["seconds"], p["kept"]) for p in engine.get("curve", [])]
        if "seconds" in engine and "kept" in engine.get("quality", {}):
            points.append((engine["seconds"]["total"], engine["quality"]["kept"]))
        if points:
            found[engine["label"]] = sorted(points)
    return found


def growth(record: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Return (rows, seconds) of each engine."""
    return {
        engine["label"]: [(p["n"], p["seconds"]["total"]) for p in engine["sizes"]]
        for engine in record["engines"].values()
        if engine.get("sizes")
    }


def plotted(
    curves: dict[str, list[tuple[float, float]]], x: str, y: str, *, log_y: bool = False
) -> str | None:
    """Return a plot of curves, x on a logarithmic axis; None where there are none."""
    if not curves:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(7.5, 4.5), layout="constrained")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots()
    for label, points in curves.items():
        (line,) = axes.plot(*zip(*points, strict=True), marker="o", markersize=4)
        axes.annotate(
            label, points[-1], xytext=(6, 0), textcoords="offset points", color=line.get_color(),
            va="center", fontsize=9, parse_math=False,
        )  # fmt: skip
    axes.set(xlabel=x, ylabel=y, xscale="log", yscale="log" if log_y else "linear")
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    drawn = io.BytesIO()
    drawing.savefig(drawn, format="svg", metadata={"Date": None})
    return inline(drawn.getvalue(), "svg+xml")


def main(argv: list[str]) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench report", description="The page.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the JSON files")
    parser.add_argument("--out", type=Path, help="file to write [page.html in that folder]")
    asked = parser.parse_args(argv)
    out = asked.out or asked.results / PAGE
    out.write_text(page(asked.results), encoding="utf-8")
    log(f"written {out}")
