"""Writes docs/images/dashboard-*.png: pictures of Grafana's dashboards, drawn from their own JSON.

    python tools/dashboard_pictures.py

Three made-up pipelines run every night for a month; what a scrape would have seen of them goes into
Prometheus, and every panel's own expressions are asked of it. Grafana is not part of it: the layout
is that of the JSON, the drawing matplotlib's. Each picture keeps what it shows as text, which
tests/unit/telemetry/test_pictures.py compares. Needs promtool and prometheus, and the extra ops.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np

from gputsne.judging.rules import read_rules
from gputsne.provenance import Run
from gputsne.telemetry import Board, begin, finish
from gputsne.telemetry.operations import Settings, files_of
from gputsne.telemetry.operations.grafana import DASHBOARDS
from gputsne.telemetry.operations.prometheus import recording

OUT = Path(__file__).resolve().parents[1] / "docs" / "images"
NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
DAYS, STEP = 32, timedelta(hours=1)  # that are scraped, and how often
SERVICES = (("events", "search"), ("products", "search"), ("photos", "maps"))  # model, owner
HIDDEN = ("__name__", "alertstate")  # labels that a table does not show
FAILED = {(1, 20), (1, 24)}  # pipeline and night
WAIT = 60.0  # seconds that Prometheus may take to start
KEY = "Shown"  # of the text in a picture
DOTS = 76  # per inch
SHADES = 128  # colours of a picture
COLOURS = ("#316aac", "#fe8328", "#0b865a", "#a9407a", "#7a6ac0", "#8a6d1a", "#3a9fb5", "#555555")
UNITS = {
    "percentunit": lambda v: f"{v:.1%}", "s": lambda v: f"{v:.3g} s",
    "bytes": lambda v: f"{v / 1e9:.2f} GB",
    "dateTimeFromNow": lambda v: f"{(NOW.timestamp() - v / 1000) / 3600:.0f} h ago",
}  # fmt: skip


def nightly(service: int, night: int) -> Run:
    """Return the run of a pipeline in one night; the third model drifts from its 20th night on."""
    model, owner = SERVICES[service]
    rng = np.random.default_rng([service, night])
    started = NOW - timedelta(days=DAYS - 1 - night, hours=6 - service)
    seconds = float((40, 120, 240)[service] * rng.uniform(0.9, 1.25))
    kl = float((1.1, 1.9, 2.6)[service] + 0.03 * rng.normal())
    drift = 0.02 + 0.01 * rng.random() + 0.012 * max(0, night - 20) * (service == 2)
    failed = (service, night) in FAILED
    share = {"prepare": 0.05, "neighbors": 0.25, "affinities": 0.05, "optimize": 0.6}
    curve = [(i * 50, kl + 3.0 * float(np.exp(-i / 5))) for i in range(1, 16)]
    return Run(
        id=f"{started:%Y%m%dT%H%M%SZ}-{service:04x}{night:04x}",
        status="failed" if failed else "done", error="a table is empty" if failed else None,
        started=started.isoformat(), ended=(started + timedelta(seconds=seconds)).isoformat(),
        seconds=seconds, timings={**{k: v * seconds for k, v in share.items()}, "total": seconds},
        tags={"model": model, "pipeline": "nightly", "owner": owner}, seed=0, n_iter=750,
        parameters={"perplexity": 30.0, "metric": "euclidean", "init": "pca"},
        input={"shape": [(20, 60, 110)[service] * 1000, 50], "data_sha256": f"{night:064x}"},
        kl_divergence=None if failed else kl, kl_history=() if failed else tuple(curve),
        neighbors_recall=0.98, pca_variance_ratio=0.83 - 0.01 * service,
        metrics={"knn_preservation": 0.4, "trustworthiness": 0.95, "drift_map": drift,
                 "drift_mmd": drift / 2, "seed_disparity": 0.05 + 0.02 * rng.random()},
        peak_memory_bytes=int(4e8 * (service + 1) * rng.uniform(0.98, 1.02)),
        price_per_hour=1.0, spending={"currency": "EUR", "predicted_cost": 0.03},
        versions={"gputsne": "0.1.0"},
    )  # fmt: skip


def scraped() -> Iterator[tuple[datetime, str]]:
    """Yield the lines of every scrape: of runs by their own board, of all else made up."""
    board = Board()
    runs = sorted(
        (nightly(i, night) for i in range(len(SERVICES)) for night in range(DAYS)),
        key=lambda run: str(run.ended),
    )
    for i, (model, owner) in enumerate(SERVICES):
        begin(board, Run(started=runs[i].started,
                         tags={"model": model, "pipeline": "nightly", "owner": owner}))  # fmt: skip
    moment, n = NOW - timedelta(days=DAYS), 0
    lines = ""
    while moment <= NOW:
        due = [run for run in runs[n:] if datetime.fromisoformat(str(run.ended)) <= moment]
        for run in due:
            service = finish(board, run, _checked(run))
            for a in range(4):
                for b in range(4):
                    value = 0.0 if a == b else 0.04 + 0.005 * abs(a - b)
                    board.set("gputsne_seed_disparity", service, value, a=a, b=b)
        if due or not lines:
            n += len(due)
            lines = board.text()
        yield moment, lines + _others(moment)
        moment += STEP


def _checked(run: Run) -> tuple[dict[str, Any], ...]:
    failed = float(run.metrics["drift_map"]) > 0.1
    row = {"id": "drift_map", "severity": "gate", "status": "fail" if failed else "pass"}
    return ({"profile": "prod", "rows": [row]},)


def _others(moment: datetime) -> str:
    """Return what a server, the pods and Prometheus itself would show."""
    n = int((moment - NOW + timedelta(days=DAYS)) / STEP)
    rng = np.random.default_rng([9, n])
    lines = [f'up{{job="gputsne-serve",instance="a"}} {int(n % 331 != 330)}']
    server = 'job="gputsne-serve"'
    for route, middle in (("tile", 0.03), ("run", 0.2)):
        for le in (0.01, 0.05, 0.1, 0.25, 1.0):
            count = 400 * n * (1 - np.exp(-le / middle))
            told = f'{{{server},route="{route}",le="{le}"}}'
            lines.append(f"gputsne_http_request_duration_seconds_bucket{told} {count:.0f}")
        told = f'{{{server},route="{route}",le="+Inf"}}'
        lines.append(f"gputsne_http_request_duration_seconds_bucket{told} {400 * n}")
    for le, share in ((0.5, 0.4), (1.0, 0.8), (1.5, 0.95), (2.0, 0.99), ("+Inf", 1.0)):
        told = f'{{{server},event="load",le="{le}"}}'
        lines.append(f"gputsne_rum_seconds_bucket{told} {100 * n * share:.0f}")
    for i, (model, _) in enumerate(SERVICES):
        pod = f'container="gputsne",pod="{model}-0"'
        lines.append(f"container_cpu_usage_seconds_total{{{pod}}} {n * (300 + 40 * i)}")
        held = 4e8 * (i + 1) * rng.uniform(0.9, 1.1)
        lines.append(f"container_memory_working_set_bytes{{{pod}}} {held:.0f}")
        reason = f'{{{pod},reason="OOMKilled"}}'
        killed = int(i == 2 and 740 < n < 745)
        lines.append(f"kube_pod_container_status_terminated_reason{reason} {killed}")
    if n > 24 * 30:  # the drift has lasted
        labels = 'alertname="GputsneDriftMap",alertstate="firing",severity="ticket"'
        lines.append(f'ALERTS{{{labels},model="photos",pipeline="nightly",owner="maps"}} 1')
    return "\n".join(lines) + "\n"


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """Start Prometheus with everything that was scraped; gives its address."""
    sample = re.compile(r"^([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)$")
    with (folder / "scraped.om").open("w", encoding="utf-8") as file:
        for moment, text in scraped():
            found = (sample.match(line) for line in text.splitlines() if line[:1] != "#")
            stamp = f"{moment.timestamp():.0f}"
            file.writelines(f"{held[1]} {held[2]} {stamp}\n" for held in found if held)
        file.write("# EOF\n")
    data = folder / "data"
    subprocess.run(
        [
            "promtool", "tsdb", "create-blocks-from", f"--max-block-duration={24 * DAYS}h",
            "openmetrics", folder / "scraped.om", data,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("{}\n")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    running = subprocess.Popen(
        [
            "prometheus", f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y",
            "--query.lookback-delta=90m", "--log.level=error",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + WAIT
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > end or running.poll() is not None:
                    raise
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def inlined(expr: str, rules: Mapping[str, list[tuple[str, Mapping[str, str]]]]) -> str:
    """Return PromQL with the names of recording rules replaced by what these record.

    A rule may use those before it, so the last is replaced first.
    """
    for name, rows in reversed(rules.items()):
        pattern = re.compile(rf'{re.escape(name)}(?![\w:])(?:\{{level="(\w+)"\}})?')
        while found := pattern.search(expr):
            level = found[1]
            parts = []
            for text, labels in rows:
                if level is None or labels.get("level") == level:
                    for label, value in labels.items():
                        text = f'label_replace({text}, "{label}", "{value}", "", "")'
                    parts.append(text)
            expr = f"{expr[: found.start()]}({' or '.join(parts)}){expr[found.end() :]}"
    return expr


class Asked:
    """Panels' data: their expressions asked of Prometheus."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address
        rules = {rule.id: rule for rule in read_rules()}
        self.rules: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        for group in recording(rules, settings)["groups"]:
            for row in group["rules"]:
                held = self.rules.setdefault(row["record"], [])
                held.append((row["expr"], row.get("labels") or {}))

    def _get(self, path: str, expr: str, **more: Any) -> list[dict[str, Any]]:
        expr = inlined(re.sub(r'"\$\w+"', '".*"', expr), self.rules).replace("[5m]", "[3h]")
        expr = expr.replace("[15m]", "[3h]")  # scrapes are an hour apart
        query = urlencode({"query": expr, **more})
        with urlopen(f"{self.address}/api/v1/{path}?{query}", timeout=WAIT) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    def panel(self, panel: Mapping[str, Any], days: int) -> list[tuple[str, Any, Any]]:
        """Return legend, times and values of each series; of tables and stats labels and value."""
        found = []
        for target in panel.get("targets", ()):
            if panel["type"] == "timeseries":
                start = (NOW - timedelta(days=days)).timestamp()
                step = 3600 if days == 1 else 4 * 3600
                told = self._get("query_range", target["expr"], start=start, end=NOW.timestamp(),
                                 step=step)  # fmt: skip
                for row in told:
                    times, values = zip(*row["values"], strict=True)
                    name = _legend(target["legendFormat"], row["metric"])
                    found.append((name, np.asarray(times), np.asarray(values, dtype=float)))
            else:
                for row in self._get("query", target["expr"], time=NOW.timestamp()):
                    name = _legend(target["legendFormat"], row["metric"])
                    found.append((name, row["metric"], float(row["value"][1])))
        return found


def _legend(text: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda m: labels.get(m[1], ""), text).strip()


def shown(name: str, told: Mapping[str, Any], asked: Asked) -> tuple[dict[str, Any], list[Any]]:
    """Return what a picture shows, as plain values, and the data of its panels."""
    days = 30 if told["time"]["from"] == "now-30d" else 1
    data = [asked.panel(panel, days) for panel in told["panels"]]
    panels = [
        {
            "title": panel["title"], "type": panel["type"],
            "place": [panel["gridPos"][k] for k in "xywh"],
            "series": sorted({legend for legend, *_ in held}),
        }
        for panel, held in zip(told["panels"], data, strict=True)
    ]  # fmt: skip
    return {"dashboard": name, "title": told["title"], "panels": panels}, data


def draw(path: Path, told: Mapping[str, Any], what: Mapping[str, Any], data: list[Any]) -> None:
    """Draw a dashboard: each panel where its JSON places it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in told["panels"])
    height = rows * 0.28 + 0.6
    figure = plt.figure(figsize=(13.0, height), dpi=DOTS, facecolor="white")
    figure.text(0.012, 1 - 0.25 / height, told["title"], size=14, weight="bold", va="center")
    links = "   ".join(link["title"] for link in told["links"])
    figure.text(0.988, 1 - 0.25 / height, links, size=9, ha="right", va="center", color="#316aac")
    for panel, held in zip(told["panels"], data, strict=True):
        x, y, w, h = (panel["gridPos"][k] for k in "xywh")
        left, top = x / 24 + 0.045, 1 - (0.5 + 0.28 * y + 0.3) / height
        size = (left, top - 0.28 * (h - 2.4) / height, w / 24 - 0.07, 0.28 * (h - 2.4) / height)
        axes = figure.add_axes(size)
        axes.set_title(panel["title"], size=10, loc="left")
        _panel(axes, panel, held)
    figure.savefig(path)
    plt.close(figure)
    _keep(path, json.dumps(what))


def _keep(path: Path, what: str) -> None:
    """Write a picture again in as many colours as it needs, and say in it what it shows."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text(KEY, what)
    with Image.open(path) as drawn:
        few = drawn.convert("RGB").quantize(
            SHADES, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
    few.save(path, optimize=True, pnginfo=told)


def _panel(axes: Any, panel: Mapping[str, Any], held: list[tuple[str, Any, Any]]) -> None:
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    read = UNITS.get(unit, lambda v: f"{v:.4g}")
    if panel["type"] == "timeseries":
        for i, (legend, times, values) in enumerate(held):
            when = [datetime.fromtimestamp(t, UTC) for t in times]
            label = legend if i < len(COLOURS) else None
            axes.plot(when, values, color=COLOURS[i % len(COLOURS)], lw=1.2, label=label)
        axes.tick_params(labelsize=7)
        axes.margins(y=0.45)  # room for the legend
        axes.yaxis.set_major_formatter(lambda v, _: read(v))
        axes.xaxis.set_major_locator(_locator())
        axes.xaxis.set_major_formatter(_formatter(held))
        axes.grid(alpha=0.25)
        if held:
            axes.legend(fontsize=6.5, loc="upper left", ncols=2, framealpha=0.7)
        return
    axes.axis("off")
    if panel["type"] == "text":
        content = re.sub(r"<[^>]*alt=\"([^\"]*)\"[^>]*>", r"\1 (picture of gputsne serve)",
                         panel["options"]["content"])  # fmt: skip
        content = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", content)
        axes.text(0.5, 0.5, content, ha="center", va="center", size=11, color="#316aac")
    elif panel.get("transformations"):
        _matrix(axes, held)
    elif panel["type"] == "stat":
        for i, (legend, _, value) in enumerate(held[:8]):
            x, y = (i % 4) / 4 + 0.125, 0.7 - 0.5 * (i // 4)
            axes.text(x, y, read(value), ha="center", size=13, weight="bold", color=COLOURS[0])
            axes.text(x, y - 0.16, legend, ha="center", size=7, color="#555555")
    else:
        rows = [
            ", ".join(f"{k}={v[:12]}" for k, v in sorted(labels.items()) if k not in HIDDEN)
            for _, labels, _ in held[:4]
        ]
        text = "\n".join("\n   ".join(textwrap.wrap(row, 96)) for row in rows) or "none"
        axes.text(0, 0.97, text, va="top", size=7, family="monospace")


def _matrix(axes: Any, held: list[tuple[str, Any, Any]]) -> None:
    names = sorted({labels["a"] for _, labels, _ in held})
    table = np.full((len(names), len(names)), np.nan)
    for _, labels, value in held:
        table[names.index(labels["a"]), names.index(labels["b"])] = value
    axes.axis("on")
    axes.imshow(table, cmap="RdYlGn_r", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, size=7)
    axes.set_yticks(range(len(names)), names, size=7)
    for (i, j), value in np.ndenumerate(table):
        axes.text(j, i, f"{value:.3g}", ha="center", va="center", size=7)


def _locator() -> Any:
    from matplotlib.dates import AutoDateLocator

    return AutoDateLocator(maxticks=7)


def _formatter(held: list[tuple[str, Any, Any]]) -> Any:
    from matplotlib.dates import DateFormatter

    span = max((times[-1] - times[0] for _, times, _ in held), default=0.0)
    return DateFormatter("%d %b" if span > 2 * 86400 else "%H:%M", tz=UTC)


def pictures(out: Path) -> dict[str, dict[str, Any]]:
    """Draw every dashboard into a folder; return what each shows."""
    settings = Settings()
    files = files_of(settings)
    found = {}
    with (
        tempfile.TemporaryDirectory(prefix="gputsne-") as folder,
        prometheus(Path(folder)) as address,
    ):
        asked = Asked(address, settings)
        for name in DASHBOARDS:
            told = json.loads(files[f"grafana/{name}.json"])
            found[name], data = shown(name, told, asked)
            draw(out / f"dashboard-{name}.png", told, found[name], data)
    return found


if __name__ == "__main__":
    for program in ("promtool", "prometheus"):
        if shutil.which(program) is None:
            raise SystemExit(f"no {program}: apt-get install prometheus")
    for name in pictures(OUT):
        print(f"{OUT / f'dashboard-{name}.png'}")
