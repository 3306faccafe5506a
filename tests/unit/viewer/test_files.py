"""The viewer's script is built of the modules beside it, and has nothing that a policy forbids."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import gputsne.viewer
from gputsne.viewer import asset, bundle

PACKAGE = Path(gputsne.viewer.__file__).parent
SOURCES = PACKAGE / "src"


def test_the_script_is_that_of_the_modules():
    found = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.js")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    head = asset("viewer.js").splitlines()[0]
    assert found.hexdigest() in head, "run python tools/build_viewer.py"


def test_the_script_makes_no_code_of_text_and_asks_for_nothing_far():
    script = asset("viewer.js")
    for word in ("eval(", "new Function", "Function(", "importScripts", "innerHTML", "http://"):
        assert word not in script.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in script
    assert "</script" not in script.lower()
    assert "</style" not in asset("viewer.css").lower()
    assert "@import" not in asset("viewer.css")
    assert "url(" not in asset("viewer.css")


def test_it_exports_what_others_mount():
    names = re.findall(r"export\s*\{([^}]*)\}", asset("viewer.js"))
    assert names == ["mount,start,unpack"]


def test_files_are_small_and_their_licences_beside_them():
    files = bundle()
    assert set(files) == {"viewer.js", "viewer.css", "LICENCES.txt"}
    assert sum(map(len, files.values())) < 2_000_000
    assert "kdbush" in asset("LICENCES.txt")
    assert "Vladimir Agafonkin" in asset("LICENCES.txt")
    with pytest.raises(ValueError, match=r"name='\.\./page\.py' is none of viewer\.js"):
        asset("../page.py")


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("block", [0, 1], ids=["light", "dark"])
def test_texts_have_a_contrast_of_4_5_and_edges_of_3(block):
    """WCAG 2.2, 1.4.3 and 1.4.11."""
    blocks = re.findall(r"\{([^}]*--gts-paper[^}]*)\}", asset("viewer.css"))
    colours = dict(re.findall(r"--gts-([a-z-]+): (#[0-9a-f]{6})", blocks[block]))

    def contrast(first: str, second: str) -> float:
        low, high = sorted(_luminance(colours[name]) for name in (first, second))
        return (high + 0.05) / (low + 0.05)

    for paper in ("paper", "sheet", "hover"):
        for text in ("ink", "faint", "accent"):
            assert contrast(text, paper) >= 4.5, (text, paper)
    assert contrast("on-accent", "accent") >= 4.5
    assert contrast("edge", "paper") >= 3
    assert contrast("edge", "sheet") >= 3
