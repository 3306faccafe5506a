"""References hold: equations and sections that the code cites, links, and the map of csrc."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MATH = (ROOT / "docs" / "math.md").read_text(encoding="utf-8")
CODE = sorted(
    p
    for top in ("csrc", "gputsne", "tests", "bench")
    for p in (ROOT / top).rglob("*")
    if p.suffix in (".py", ".pyi", ".hpp", ".cpp", ".cu", ".cuh") and p != Path(__file__).resolve()
)
DOCUMENTS = [
    p
    for pattern in ("*.md", "docs/*.md", "docs/api/*.md", "csrc/*.md", "bench/*.md")
    for p in sorted(ROOT.glob(pattern))
]
# docs/math.md (2), or docs/math.md, "Mesh" and "Self term"; a comment may break the line inside
EQUATION = re.compile(r"docs/math\.md \((\d+)\)")
SECTION = re.compile(r'docs/math\.md, "([^"]+)"(?: and "([^"]+)")?')
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)|<img [^>]*src=\"(?!https?:)([^\"]+)\"")


def cited(pattern: re.Pattern[str]) -> set[str]:
    """Return what the code cites of docs/math.md, over the comments' line breaks."""
    texts = (re.sub(r"\s*\n\s*(//|#)?\s*", " ", p.read_text(encoding="utf-8")) for p in CODE)
    return {
        group for text in texts for m in pattern.finditer(text) for group in m.groups() if group
    }


def test_cited_equations_exist():
    numbered = re.findall(r"^ {4}.*? {4,}\((\d+)\)$", MATH, re.MULTILINE)
    assert numbered == [str(i + 1) for i in range(len(numbered))]  # each once, in order
    assert {"1", "2", "3", "5"} <= cited(EQUATION) <= set(numbered)


def test_cited_sections_exist():
    headings = set(re.findall(r"^#+ (.+)$", MATH, re.MULTILINE))
    assert {"Mesh", "Self term", "Transform"} <= cited(SECTION) <= headings


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(document: Path):
    prose = re.sub(r"^ {4}.*$|^```.*?^```$", "", document.read_text("utf-8"), flags=re.M | re.S)
    links = [a or b for a, b in LINK.findall(prose)]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_map_of_csrc_is_complete():
    told = set(
        re.findall(r"^\| `((?:kernels|cpu|cuda)/[^`]+)`", read("csrc/README.md"), re.MULTILINE)
    )
    there = {str(p.relative_to(ROOT / "csrc")) for p in (ROOT / "csrc").glob("*/*") if p.is_file()}
    assert told == there
    twins = set(re.findall(r"`(backends/\w+/\w+\.py)`", read("csrc/README.md")))
    assert twins
    assert all((ROOT / "gputsne" / twin).is_file() for twin in twins)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
