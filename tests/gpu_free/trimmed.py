"""A copy of csrc cut down to what a case runs: the rest takes most of the time to compile.

Functions that the case does not call leave the .cu file, and of the map's axes two stay compiled.
Where that were wrong the case would meet the functions without a bug, or be refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

# Definitions at the left margin that are no templates and not static: what launch.hpp declares.
FUNCTION = re.compile(
    r"^(?:void|bool|Index) (\w+)\([^{};]*\) \{\n.*?^\}\n", re.DOTALL | re.MULTILINE
)
AXES = re.compile(r"  case [13]:\n    return f\(std::integral_constant<int, [13]>\(\)\);\n")


def trim(csrc: Path, source: str, called: Collection[str], known: Collection[str]) -> None:
    """Cut down one .cu file of a copy of csrc.

    Of the functions ``known`` to the module those that are ``called`` stay, and all others.
    """
    path = csrc / "cuda" / source
    text = path.read_text()
    assert set(called) & {found[1] for found in FUNCTION.finditer(text)}, f"none is in {source}"
    gone = set(known) - set(called)
    path.write_text(FUNCTION.sub(lambda found: "" if found[1] in gone else found[0], text))
    path = csrc / "kernels" / "arguments.hpp"
    text, count = AXES.subn("", path.read_text())
    assert count == 2, "by_axes has changed: cut it down again"
    path.write_text(text)
