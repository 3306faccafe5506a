"""The figures in the README: those of bench/results, as two markdown tables.

``python -m bench table`` prints them, ``--write`` puts them between the README's two comments; a
test holds the two together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: bench/table.py -->", "<!-- end of figures -->"


OURS = "gputsne"
Engine = dict[str, Any]  # of a comparison's record


def table(results: Path) -> str:
    """Return the README's figures; what was not measured is left out."""
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in results.glob("*.json")}
    parts = []
    if "mnist" in found:
        parts.append("\n".join(against_peers(found["mnist"])))
    alone = [line for name, lines in ALONE.items() if name in found for line in lines(found[name])]
    if alone:
        parts.append("\n".join(["| gputsne alone | |", "|---|--:|", *alone]))
    if not parts:
        return "Not measured yet: [bench](bench/README.md) says how."
    return "\n\n".join([*parts, source(found)])


def against_peers(r: dict[str, Any]) -> Iterator[str]:
    """Yield the rows of mnist.json, a column per engine that has figures; ours is the first."""
    measured = [e for e in r["engines"].values() if "seconds" in e]
    names = [
        e["label"] if e["label"].startswith(OURS) else f"{e['label']} {e['version']}"
        for e in measured
    ]
    what = f"MNIST, {r['n']:,} x {r['d']}, {r['threads']} threads"
    yield f"| {' | '.join([what, *names])} |"
    yield f"|---|{'--:|' * len(measured)}"
    for text, read in ROWS:
        cells = [read(engine) for engine in measured]
        if any(cells):
            yield f"| {' | '.join([text, *cells])} |"


def seconds_of(stage: str) -> Callable[[Engine], str]:
    """Return a reader of the seconds of a stage."""
    return lambda engine: told(engine["seconds"].get(stage), "{:.1f} s")


def quality_of(key: str) -> Callable[[Engine], str]:
    """Return a reader of a measure of the map."""
    return lambda engine: told(engine.get("quality", {}).get(key), "{:.4f}")


def same_start(key: str, form: str) -> Callable[[Engine], str]:
    """Return a reader of the iterations alone."""
    return lambda engine: told(engine.get("same_start", {}).get(key), form)


def told(value: float | None, form: str) -> str:
    """Return a figure, or nothing for none."""
    return "" if value is None else form.format(value)


# what a row says, and where an engine has it; a row that no engine has a figure for is left out
ROWS: tuple[tuple[str, Callable[[Engine], str]], ...] = (
    ("whole fit", seconds_of("total")),
    ("of that neighbours", seconds_of("neighbors")),
    ("recall of the neighbour search", lambda e: told(e["runs"][0].get("recall"), "{:.3f}")),
    ("10 nearest neighbours kept in the map", quality_of("kept")),
    ("nearest classes kept (KNC)", quality_of("knc")),
    ("rank correlation of distances (CPD)", quality_of("cpd")),
    ("KL divergence on one P", quality_of("kl")),
    ("iterations from one P and one start", same_start("seconds", "{:.1f} s")),
    ("KL divergence after those iterations", same_start("kl", "{:.4f}")),
    ("peak memory of the process", lambda e: told(e["peak_bytes"] / 1e9, "{:.2f} GB")),
)


def million(r: dict[str, Any]) -> Iterator[str]:
    """Yield the rows of million.json: ours."""
    ours = r["engines"].get(OURS, {})
    if "seconds" not in ours:
        return
    s, run, threads = ours["seconds"], ours["runs"][0], r["threads"]
    yield f"| {r['n']:,} x {r['d']}, {threads} threads: whole fit | {s['total'] / 60:.1f} min |"
    yield f"| of that neighbours (recall {run['recall']:.3f}) | {s['neighbors']:.0f} s |"
    yield f"| of that {run['iterations']} iterations | {s['optimize']:.0f} s |"
    yield f"| peak memory of the process | {ours['peak_bytes'] / 1e9:.1f} GB |"


def transform(r: dict[str, Any]) -> Iterator[str]:
    """Yield the rows of transform.json."""
    seconds, moved = r["seconds"]["total"], r["training_rows_moved"]["median"]
    yield f"| {r['new_rows']:,} new rows into a map of {r['n']:,} | {seconds:.1f} s |"
    yield f"| fitted rows placed again: median move | {moved:.2%} of the map's diameter |"


def determinism(r: dict[str, Any]) -> Iterator[str]:
    """Yield the row of determinism.json."""
    threads = " and ".join(str(t) for t in sorted({run["threads"] for run in r["runs"]}))
    answer = "yes" if r["equal"] else "no"
    yield f"| same bytes with {threads} threads, and in two processes | {answer} |"


ALONE = {"million": million, "transform": transform, "determinism": determinism}


def source(found: dict[str, Any]) -> str:
    """Return one line that says where the figures come from."""
    shown = [found[name] for name in ("mnist", *ALONE) if name in found]
    machines = sorted({f"{r['machine']['cpu']}, {r['machine']['processors']} cores" for r in shown})
    versions = sorted({r["versions"]["gputsne"] for r in shown})
    dates = sorted(r["date"][:10] for r in shown)
    days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return (
        f"{'; '.join(machines)}; gputsne {', '.join(versions)}, {days}"
        "; all figures, versions and commits: [bench/results](bench/results)."
    )


def main(argv: list[str]) -> None:
    """Print or write the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench table", description="The figures.")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--write", action="store_true", help="into README.md")
    asked = parser.parse_args(argv)
    text = table(asked.results)
    if not asked.write:
        print(text)
        return
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
