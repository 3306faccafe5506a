"""How extras are installed is said alike by README, docs and messages, and each of them exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gputsne.base.extras import pip_install
from gputsne.data import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LISTED = PROJECT["optional-dependencies"]
OF_DEVELOPERS = {"test", "release", "all"}
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.ipynb")),
]
# Where gputsne comes from elsewhere than a clone: a job of a user's own, and who publishes it.
OF_AN_INDEX = {"ci.md", "release.md"}
NAMED = re.compile(r"'(gputsne|\.)\[([\w,]+)\]'")
DISTRIBUTIONS = {
    "prometheus_client": "prometheus-client", "yaml": "pyyaml", "mlflow": "mlflow-skinny",
}  # fmt: skip


def test_there_are_pages_that_say_it():
    assert sum(bool(NAMED.search(page.read_text(encoding="utf-8"))) for page in PAGES) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_install_from_a_clone(page: Path):
    for source, extras in NAMED.findall(page.read_text(encoding="utf-8")):
        assert source == "." or page.name in OF_AN_INDEX or page.parent.name == "api"
        assert set(extras.split(",")) <= set(LISTED)


def test_the_readme_lists_every_extra_of_users():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {name for _, extras in NAMED.findall(readme) for name in extras.split(",")}
    assert named >= set(LISTED) - OF_DEVELOPERS


def test_messages_say_it_in_one_way():
    own = ROOT / "gputsne" / "base" / "extras.py"
    others = [p for p in (ROOT / "gputsne").rglob("*.py") if p != own]
    assert [p for p in others if "gputsne[" in p.read_text(encoding="utf-8")] == []
    assert NAMED.findall(pip_install("io")) == [("gputsne", "io"), (".", "io")]


@pytest.mark.parametrize(("package", "extra"), EXTRAS.items())
def test_the_extra_that_is_named_brings_the_package(package: str, extra: str):
    brought = {re.match(r"[\w-]+", requirement)[0] for requirement in LISTED[extra]}
    assert DISTRIBUTIONS.get(package, package) in brought
