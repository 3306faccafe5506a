"""Maps of the same rows by several engines, judged by one call of ``metrics.compare``: its time.

The maps are made first, one fit of each engine by its own defaults, or read from the file that a
comparison wrote to ``--out``. The call is timed in a process of its own, libraries and data loaded
before the clock starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bench.cases.work import parsed, parser_of
from bench.common import finish, log, target
from bench.data import load
from bench.peers import PEERS
from bench.processes import JobFailed, Jobs, jobs

MAKERS = "gputsne,openTSNE,umap"
WIDTH = 1100  # pixels of a picture of the docs


def main(name: str, argv: list[str]) -> None:
    parser = parser_of(name, __doc__.splitlines()[0])
    parser.set_defaults(peers=MAKERS)
    parser.add_argument("--maps", type=Path, help="maps.npz of a comparison's --out, with its rows")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the maps")
    asked = parsed(parser, name, argv)
    X, y, told = load("mnist", asked.data, quick=asked.quick)
    facts: dict[str, Any] = {"data": told, "n": len(X), "d": X.shape[1]}
    with jobs(asked) as run:
        maps, fits = (read if asked.maps else made)(asked, run, X)
        np.savez(run.folder / "maps.npz", **maps)
        log(f"one call for {', '.join(maps)}; {asked.threads} threads")
        found = run("compare", X=X, y=y, maps=run.folder / "maps.npz")
    facts |= {"fits": fits, **found}
    facts["targets"] = {"seconds": target(found["seconds"]["total"], 120.0, most=True)}
    finish(name, asked, facts)
    if asked.pictures is not None:
        draw(X, y, maps, asked.pictures)


Made = tuple[dict[str, np.ndarray], dict[str, Any]]


def made(asked: Any, run: Jobs, X: np.ndarray) -> Made:
    """Fit every engine once; return the maps by label, and what each fit took or why it is not."""
    maps: dict[str, np.ndarray] = {}
    fits: dict[str, Any] = {}
    for peer in asked.peers:
        label, Y = PEERS[peer].label, run.folder / f"{peer}.npy"
        fits[label] = probed(peer, run)
        if "version" not in fits[label]:
            continue
        more = {"iterations": PEERS[peer].quick} if asked.quick else {}
        told = {"perplexity": asked.perplexity, "seed": asked.seed, **more}
        try:
            fit = run("fit", peer=peer, X=X, Y=Y, **told)
        except JobFailed as failed:
            fits[label] = {"failed": str(failed)}
            continue
        fits[label]["seconds"] = fit["seconds"]["total"]
        maps[label] = np.load(Y)
    return maps, fits


def read(asked: Any, run: Jobs, X: np.ndarray) -> Made:
    """Return the maps of a file by label; how long their fits took is in that comparison's JSON."""
    with np.load(asked.maps, allow_pickle=False) as archive:
        held = {name: archive[name] for name in asked.peers if name in archive}
    for name, Y in held.items():
        if len(Y) != len(X):
            raise SystemExit(
                f"{asked.maps}: the map {name} has {len(Y):,} rows, the data {len(X):,}"
            )
    fits = {PEERS[name].label: probed(name, run) for name in held}
    return {PEERS[name].label: Y for name, Y in held.items()}, fits


def probed(peer: str, run: Jobs) -> dict[str, Any]:
    """Return the version of an engine, or why it can't run here."""
    try:
        found = run("probe", peer=peer)
    except JobFailed as failed:
        return {"failed": str(failed)}
    told = {key: found[key] for key in ("version", "left_out") if key in found}
    if "left_out" in told:
        log(f"{PEERS[peer].label} is left out: {told['left_out']}")
    return told


def draw(X: np.ndarray, y: np.ndarray, maps: dict[str, np.ndarray], folder: Path) -> None:
    """Draw the maps side by side and their R_NX, on light and dark paper, as small webp files."""
    from gputsne import plotting

    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("light", "dark"):
        for name, figure in (
            ("mnist-maps", plotting.panels(maps, y, annotate=True, theme=theme)),
            ("mnist-rnx", plotting.rnx_curves(X, maps, theme=theme)),
        ):
            small(figure, folder / f"{name}-{theme}.webp")


def small(figure: Any, path: Path) -> None:
    """Write a figure as webp: drawn large and averaged, so that no point falls between pixels."""
    import io

    from PIL import Image

    from gputsne.plotting.static import encoded

    with Image.open(io.BytesIO(encoded(figure, "png", 300))) as image:
        size = (WIDTH, round(WIDTH * image.height / image.width))
        image.convert("RGB").resize(size, Image.Resampling.BOX).save(path, quality=80, method=6)
    log(f"written {path}: {path.stat().st_size:,} bytes")
