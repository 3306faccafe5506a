"""MNIST, 70,000 x 50, against openTSNE on the same array: time, and quality of the map.

Whole fits, then both optimisers from one P and one initial map, judged by one float64 divergence
over all pairs. Ours runs before and after the peer, so that both see the machine in every state.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from common import FIT, data, finish, jobs, log, median_of, options, target
from jobs import read_affinities
from judge import divergence
from picture import beside

STAGES = ("neighbors", "affinities", "initial", "optimize", "total")


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for the maps and their picture")
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours [3]")
    parser.add_argument("--peer-repeats", type=int, default=1, help="runs of openTSNE [1]")
    asked = parser.parse_args()
    peer = find_spec("openTSNE") is not None
    if not peer and not asked.quick:
        raise SystemExit("openTSNE is missing: pip install '.[bench]'")
    if asked.quick:
        asked.repeats = asked.peer_repeats = 1
    common = FIT
    if asked.quick:
        common = common | {"max_iter": 20, "early_exaggeration_iter": 10}
    X, labels, name = data(asked)
    log(f"{name}; {asked.threads} threads")
    with jobs(asked) as run:
        facts = measure(run, X, common, asked.repeats, asked.peer_repeats if peer else 0)
        facts["maps"] = judge(run.folder, X, common, peer)
        if asked.out is not None:
            save(run.folder, asked.out, labels, facts, peer)
    facts = {"data": name, "n": len(X), "d": X.shape[1], **common, **facts}
    finish("mnist", asked, facts | summary(facts, peer))


def measure(run: Any, X: np.ndarray, common: dict[str, Any], repeats: int, peers: int):
    """Return every run of every job, ours and the peer's in turn."""
    folder = run.folder
    steps = {k: v for k, v in common.items() if k != "perplexity"}
    done: dict[str, list[dict[str, Any]]] = {
        "gputsne_fit": [],
        "gputsne_optimise": [],
        "opentsne_fit": [],
        "opentsne_optimise": [],
    }
    Y0 = np.empty(0)
    for i in range(max(repeats, peers)):
        if i < repeats:
            given = {"Y": folder / "gputsne_fit.npy", "made_P": folder / "P.npz"}
            done["gputsne_fit"].append(run("gputsne_fit", X=X, **given, **common))
            if i == 0:
                Y0 = first_map(X)
            arrays = {"P": folder / "P.npz", "Y0": Y0}
            out = folder / "gputsne_optimise.npy"
            done["gputsne_optimise"].append(run("gputsne_optimise", **arrays, Y=out, **steps))
        if i < peers:
            out = folder / "opentsne_fit.npy"
            done["opentsne_fit"].append(run("opentsne_fit", X=X, Y=out, **common))
            out = folder / "opentsne_optimise.npy"
            done["opentsne_optimise"].append(run("opentsne_optimise", **arrays, Y=out, **steps))
    return {"runs": done}


def first_map(X: np.ndarray) -> np.ndarray:
    """Return the initial map that both optimisers start from: two principal components, sd 1e-4."""
    from sklearn.decomposition import PCA

    Y = PCA(2, svd_solver="covariance_eigh").fit_transform(X.astype(np.float64))
    return (Y / Y[:, 0].std() * 1e-4).astype(np.float32)


def judge(folder: Path, X: np.ndarray, common: dict[str, Any], peer: bool) -> dict[str, Any]:
    """Return the quality of the last map of every job; KL always on our P, the common one."""
    from gputsne.metrics import knn_preservation

    P, found = read_affinities(folder / "P.npz"), {}
    sample = None  # all points: the two maps differ by less than a sample's error
    for name in ("gputsne", "opentsne") if peer else ("gputsne",):
        whole = np.load(folder / f"{name}_fit.npy")
        same = np.load(folder / f"{name}_optimise.npy")
        found[name] = {
            "kl_common_P_and_start": divergence(P, same),
            "kl_whole_fit_on_common_P": divergence(P, whole),
            "preservation_k10": knn_preservation(X, whole, k=10, sample=sample),
        }
        log(f"{name}: {found[name]}")
    how = "float64, all pairs, on gputsne's P; preservation of all points"
    return found | {"how": how, "sample": sample}


def summary(facts: dict[str, Any], peer: bool) -> dict[str, Any]:
    """Return medians by job and stage, and the ratios that were hoped for."""
    runs = facts["runs"]
    seconds = {
        job: {
            s: median_of(done, lambda r, s=s: r["seconds"][s])
            for s in STAGES
            if s in done[0]["seconds"]
        }
        for job, done in runs.items()
        if done
    }
    told: dict[str, Any] = {"seconds": seconds}
    if not peer:
        return told
    ours, theirs = facts["maps"]["gputsne"], facts["maps"]["opentsne"]
    kl = ours["kl_common_P_and_start"] / theirs["kl_common_P_and_start"]
    told["targets"] = {
        "optimise_ratio": target(
            seconds["opentsne_optimise"]["optimize"] / seconds["gputsne_optimise"]["optimize"],
            6.0,
            most=False,
        ),
        "fit_ratio": target(
            seconds["opentsne_fit"]["total"] / seconds["gputsne_fit"]["total"], 7.0, most=False
        ),
        "kl_ratio": target(kl, 1.005, most=True),
        "preservation_gain": target(
            ours["preservation_k10"] - theirs["preservation_k10"], 0.0, most=False
        ),
    }
    return told


def save(folder: Path, out: Path, labels: np.ndarray, facts: dict[str, Any], peer: bool) -> None:
    """Write the maps of the whole fits and a picture with both."""
    out.mkdir(parents=True, exist_ok=True)
    names = {"gputsne": "gputsne"} | ({"opentsne": "openTSNE"} if peer else {})
    maps = {title: np.load(folder / f"{name}_fit.npy") for name, title in names.items()}
    np.savez_compressed(out / "maps.npz", labels=labels, **maps)
    told = {
        title: f"{title}: {median_of(facts['runs'][f'{name}_fit'], total):.1f} s, "
        f"KL {facts['maps'][name]['kl_whole_fit_on_common_P']:.3f}"
        for name, title in names.items()
    }
    beside(maps, labels, told, out / "maps.png")
    log(f"written {out / 'maps.npz'} and maps.png")


def total(run: dict[str, Any]) -> float:
    return float(run["seconds"]["total"])


if __name__ == "__main__":
    main()
