"""The results of ``bench/gpu.py`` for reading: a page per card, with the wanted figures first."""

from __future__ import annotations

from typing import Any

from gputsne.planning import stages

Facts = dict[str, Any]
FFT_TIMES = ("own_milliseconds", "cufft_milliseconds", "spectrum_milliseconds")


def wanted(record: Facts) -> list[Facts]:
    """Return the figures that are wanted beside what was measured, seconds; None where nothing."""
    rows = []
    for goal in stages.FIT_GOALS:
        asked = {} if goal.pca is None else {"pca": goal.pca}
        runs = [
            one["fits"] for one in record.get("fits", [])
            if "fits" in one and one["asked"] == asked and (one["n"], one["d"]) == goal[:2]
            and one["device"] != "cpu"
        ]  # fmt: skip
        warm = [fit["seconds"] for run in runs for fit in run[1:]]
        first = runs[0][0]["seconds"] if runs else None
        rows.append(_row(stages.fit_name(goal), goal.seconds, warm) | {"first": first})
    place = stages.TRANSFORM_GOAL
    placed = [
        second for one in record.get("transform", []) for second in one.get("seconds", [])[1:]
        if (one["n"], one["m"]) == place[:2]
    ]  # fmt: skip
    rows.append(_row(stages.place_name(place), place.seconds, placed))
    for n, seconds in stages.ITERATION_GOALS.items():
        took = [
            1e-3 * call["milliseconds"] for one in record.get("kernels", [])
            for call in one.get("calls", [])
            if one["n"] == n and call["call"] == "iteration, replayed graphs"
            and "failed" not in call
        ]  # fmt: skip
        rows.append(_row(f"iteration, {n // 1_000_000}M", seconds, took))
    return rows


def _row(what: str, seconds: float, measured: list[float]) -> Facts:
    best = min(measured, default=None)
    return {
        "what": what,
        "wanted": seconds,
        "measured": best,
        "met": None if best is None else best <= seconds,
    }


def line(job: str, facts: Facts) -> str:
    """Return what a step says at the terminal."""
    names = ("n", "d", "pca", "m", "peer", "name", "folder", "device")
    what = ", ".join(f"{key} {facts[key]}" for key in names if facts.get(key) is not None)
    if "left_out" in facts:
        return f"{job}, {what}: left out, {facts['left_out']}"
    if "failed" in facts:
        return f"{job}, {what}: FAILED, {facts['failed']}"
    if "fits" in facts:
        found = [fit["seconds"] for fit in facts["fits"]]
    else:
        found = facts.get("seconds", [])
    told = ", ".join(f"{seconds:.3g} s" for seconds in found) or facts.get("said", "done")
    return f"{job}, {what}: {told} ({facts['process_seconds']:.0f} s of process)"


def page(record: Facts) -> str:
    """Return the results as Markdown."""
    lines = [
        f"# {record['card'] or 'No GPU'}",
        "",
        f"Commit {record['commit']}, {record['date']}.",
        "",
        "| warm, best of all runs | wanted, s | measured, s | met | first of a process, s |",
        "|---|--:|--:|---|--:|",
    ]
    for row in record["wanted"]:
        met = {None: "", True: "yes", False: "no"}[row["met"]]
        lines.append(
            f"| {row['what']} | {row['wanted']:g} | {_number(row['measured'])} | {met} | "
            f"{_number(row.get('first'))} |"
        )
    lines.append("")
    for parts in (_proved, _fits, _kernels, _others):
        lines += parts(record)
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _missing(facts: Facts) -> str:
    """Return why there are no figures, or an empty string."""
    return str(facts.get("failed") or facts.get("left_out") or "")


def _proved(record: Facts) -> list[str]:
    lines = []
    for one in record.get("prove", []):
        state = _missing(one) or f"{'passed' if one['passed'] else 'FAILED'}: {one['said']}"
        lines.append(f"- {one['folder']}: {state}")
    return [*lines, ""] if lines else []


def _fits(record: Facts) -> list[str]:
    if not record.get("fits"):
        return []
    lines = [
        "| fit | first of a process, s | warm, s | stages of the last, s | KL | meshes |",
        "|---|--:|--:|---|--:|--:|",
    ]
    for one in record["fits"]:
        what = f"{one['n']:,} x {one['d']}{', CPU' if one.get('device') == 'cpu' else ''}"
        if _missing(one):
            lines.append(f"| {what} | {_missing(one)} | | | | |")
            continue
        seconds = [fit["seconds"] for fit in one["fits"]]
        last = one["fits"][-1]
        told = ", ".join(f"{k} {v:.3g}" for k, v in last["stages"].items())
        warm = _number(min(seconds[1:], default=None))
        lines.append(
            f"| {what} | {seconds[0]:.3g} | {warm} | {told} | {last['kl_divergence']:.4g} "
            f"| {last['meshes']} |"
        )
    same = {None: "not compared", True: "the same", False: "DIFFERENT"}[record["same_bytes"]]
    return [*lines, "", f"Bytes of equal fits, in one process and in two: {same}.", ""]


def _kernels(record: Facts) -> list[str]:
    lines = []
    timed = [one for one in record.get("kernels", []) if one.get("calls")]
    if timed:
        lines += ["| call | points | ms | model ms | ratio | GB/s |", "|---|--:|--:|--:|--:|--:|"]
    for row in [row for one in timed for row in one["calls"]]:
        if "failed" in row:
            lines.append(f"| {row['call']} | {row['n']:,} | {row['failed']} | | | |")
            continue
        more = [row.get(key) for key in ("model_milliseconds", "ratio", "gigabytes_per_second")]
        cells = " | ".join(map(_number, more))
        lines.append(f"| {row['call']} | {row['n']:,} | {row['milliseconds']:.4g} | {cells} |")
    if timed:
        lines.append("")
    for one in record.get("kernels", []):
        if one.get("transforms"):
            lines += ["| FFT length | own ms | cuFFT ms | new spectrum ms |", "|--:|--:|--:|--:|"]
            for row in one["transforms"]:
                times = " | ".join(f"{row[k]:.4g}" for k in FFT_TIMES)
                lines.append(f"| {row['length']} | {times} |")
            lines.append("")
        elif _missing(one):
            lines += [f"- kernels, {one.get('n', 'FFT')}: {_missing(one)}", ""]
    return lines


def _others(record: Facts) -> list[str]:
    lines = []
    for one in record.get("peers", []):
        name = one.get("peer") or one["name"]
        if _missing(one):
            lines.append(f"- {name}: {_missing(one)}")
        else:
            took = ", ".join(f"{s:.3g} s" for s in one["seconds"])
            kl = f"KL {one['kl_divergence']:.4g} by our measure"
            lines.append(f"- {name} {one['version']}, {one['n']:,} x {one['d']}: {took}; {kl}")
    for part in ("transform", "neighbors"):
        for one in record.get(part, []):
            size = f"{one['m']:,} into {one['n']:,}" if "m" in one else f"{one['n']:,} x {one['d']}"
            told = _missing(one) or ", ".join(f"{s:.3g} s" for s in one["seconds"])
            rate = f"; {one['teraflops']:.3g} TFLOP/s of all pairs" if "teraflops" in one else ""
            lines.append(f"- {part}, {size}: {told}{rate}")
    return lines
