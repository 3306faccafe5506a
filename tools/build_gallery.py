"""Make the pictures of docs/gallery.md: its own blocks, run twice, on light and on dark paper.

``python tools/build_gallery.py`` writes docs/images/NAME-light.webp and NAME-dark.webp for every
NAME.png that a block writes. With umap-learn installed the figure beside other methods has UMAP.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH, WIDE = 900, 1200  # pixels: of one panel, and of several
SEVERAL = ("by-norm", "perplexities", "beside", "columns")
QUALITY = 82  # of webp: no difference to be seen on dots and letters


def main() -> None:
    """Run the blocks on light and on dark paper, and keep their pictures."""
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    for theme in ("light", "dark"):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            names: dict[str, object] = {"__name__": "__main__"}
            for block in blocks:
                exec(block.replace('theme = "light"', f'theme = "{theme}"'), names)
            for png in sorted(Path(folder).glob("*.png")):
                small(png, DOCS / "images" / f"{png.stem}-{theme}.webp")
            os.chdir(DOCS)


def small(png: Path, webp: Path) -> None:
    """Write a picture as webp, averaged to the width it is shown at on a dense screen."""
    from PIL import Image

    with Image.open(png) as image:
        width = min(image.width, WIDE if png.stem in SEVERAL else WIDTH)
        size = (width, round(width * image.height / image.width))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(
            webp, quality=QUALITY, method=6
        )
    print(f"{webp.name}: {webp.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
