"""Pictures of maps: small ones for the page of results, and the README's own.

``python bench/picture.py OUT/maps.npz docs/images/mnist.png`` draws the README's, from the file
that ``python -m bench mnist --out OUT`` wrote.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

LIMIT = 300_000  # bytes a README's picture may have
WIDTH = 840  # pixels
SMALL_COLOURS = 64  # of the palette of a small picture
COLOURS = 128  # of the picture's palette: no difference to be seen, a third of the size


def small(Y: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw one map for the page of results: some 20 kB, no words."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    codes = np.unique(labels, return_inverse=True)[1]
    figure = Figure(figsize=(3.0, 3.0))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    size = float(np.clip(4000 / len(Y), 0.05, 6.0))
    axes.scatter(*Y[:, :2].T, c=codes % 20, s=size, cmap="tab20", linewidths=0, rasterized=True)
    axes.set_aspect("equal", adjustable="datalim")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    few = Image.open(drawn).convert("RGB").quantize(SMALL_COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


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
    parser.add_argument("maps", type=Path, help="maps.npz that the case mnist wrote to --out")
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
