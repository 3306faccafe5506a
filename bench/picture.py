"""The maps of mnist.py side by side, and the README's own picture.

``python bench/picture.py OUT/maps.npz docs/images/mnist.png`` draws the README's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

LIMIT = 300_000  # bytes a README's picture may have
WIDTH = 840  # pixels
COLOURS = 128  # of the picture's palette: no difference to be seen, a third of the size


def beside(
    maps: dict[str, np.ndarray], labels: np.ndarray, titles: dict[str, str], path: Path
) -> None:
    """Draw maps side by side, in the same colours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    import gputsne

    figure = Figure(figsize=(9.0 * len(maps), 9.0), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (name, Y) in zip(
        figure.subplots(1, len(maps), squeeze=False)[0], maps.items(), strict=True
    ):
        gputsne.plot(Y, labels, ax=axes, title=titles[name], caption="")
    figure.savefig(path, dpi=110)


def single(Y: np.ndarray, labels: np.ndarray, path: Path) -> int:
    """Draw one map as a small png; return its size in bytes."""
    from PIL import Image

    import gputsne

    gputsne.plot(Y, labels, path=path, title="MNIST, 70,000 digits", caption="", dpi=300)
    with Image.open(path) as image:  # drawn large and averaged: no point falls between pixels
        size = (WIDTH, round(WIDTH * image.height / image.width))
        small = image.convert("RGB").resize(size, Image.Resampling.BOX)
    few = small.quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", type=Path, help="maps.npz that mnist.py --out wrote")
    parser.add_argument("picture", type=Path, help="png to write")
    asked = parser.parse_args()
    with np.load(asked.maps, allow_pickle=False) as archive:
        Y, labels = archive["gputsne"], archive["labels"]
    asked.picture.parent.mkdir(parents=True, exist_ok=True)
    size = single(Y, labels, asked.picture)
    print(f"{asked.picture}: {size:,} bytes")
    if size > LIMIT:
        raise SystemExit(f"that is more than the {LIMIT:,} bytes a README's picture may have")


if __name__ == "__main__":
    main()
