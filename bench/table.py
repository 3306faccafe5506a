"""The figures in the README: those of bench/results, as two markdown tables.

``python bench/table.py`` prints them, ``--write`` puts them between the README's two comments; a
test holds the two together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: bench/table.py -->", "<!-- end of figures -->"


def table(results: Path) -> str:
    """Return the README's figures; what was not measured is left out."""
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in results.glob("*.json")}
    parts = []
    if "mnist" in found:
        parts.append("\n".join(against_peer(found["mnist"])))
    alone = [line for name, lines in ALONE.items() if name in found for line in lines(found[name])]
    if alone:
        parts.append("\n".join(["| gputsne alone | |", "|---|--:|", *alone]))
    if not parts:
        return "Not measured yet: [bench](bench/README.md) says how."
    return "\n\n".join([*parts, source(found)])


def against_peer(r: dict[str, Any]) -> Iterator[str]:
    """Yield the rows of mnist.json."""
    s, maps, runs = r["seconds"], r["maps"], r["runs"]
    peer = runs["opentsne_fit"][0]["version"]
    yield f"| MNIST, {r['n']:,} x {r['d']}, {r['threads']} threads | gputsne | openTSNE {peer} | |"
    yield "|---|--:|--:|--:|"
    for text, job, stage in (
        (f"{r['max_iter']} iterations from one P and one start", "optimise", "optimize"),
        ("neighbours", "fit", "neighbors"),
        ("whole fit", "fit", "total"),
    ):
        ours, theirs = s[f"gputsne_{job}"][stage], s[f"opentsne_{job}"][stage]
        yield f"| {text} | {ours:.1f} s | {theirs:.1f} s | {theirs / ours:.1f} x |"
    for text, key in (
        ("KL divergence after those iterations", "kl_common_P_and_start"),
        ("10 nearest neighbours kept in the map", "preservation_k10"),
    ):
        yield f"| {text} | {maps['gputsne'][key]:.4f} | {maps['opentsne'][key]:.4f} | |"
    recalls = [runs[f"{name}_fit"][-1]["recall"] for name in ("gputsne", "opentsne")]
    yield f"| recall of the neighbour search | {recalls[0]:.3f} | {recalls[1]:.3f} | |"
    peaks = [runs[f"{name}_fit"][-1]["peak_bytes"] / 1e9 for name in ("gputsne", "opentsne")]
    yield f"| peak memory of the process | {peaks[0]:.2f} GB | {peaks[1]:.2f} GB | |"


def million(r: dict[str, Any]) -> Iterator[str]:
    """Yield the rows of million.json."""
    s, threads = r["seconds"], r["threads"]
    yield f"| {r['n']:,} x {r['d']}, {threads} threads: whole fit | {s['total'] / 60:.1f} min |"
    yield f"| of that neighbours (recall {r['recall']:.3f}) | {s['neighbors']:.0f} s |"
    yield f"| of that {r['max_iter']} iterations | {s['optimize']:.0f} s |"
    yield f"| peak memory of the process | {r['peak_bytes'] / 1e9:.1f} GB |"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--write", action="store_true", help="into README.md")
    asked = parser.parse_args()
    text = table(asked.results)
    if not asked.write:
        print(text)
        return
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
