"""The images keep what they promise, as far as it can be read: stages, users, pins, files.

Nothing is built here: that needs a daemon.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return (instruction, its text) with continued lines joined and comments gone."""
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(x.split(maxsplit=1)) for x in joined.splitlines() if x.strip()]


@pytest.mark.parametrize("path", IMAGES, ids=lambda p: p.name)
def test_an_image_has_two_stages_and_runs_as_nobody_special(path: Path):
    told = instructions(path)
    bases = [text for word, text in told if word == "FROM"]
    assert len(bases) == 2
    assert bases[0].endswith(" AS build")
    assert all(re.match(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)
    last = told[len(told) - 1 - [w for w, _ in told][::-1].index("FROM") :]
    assert [text for word, text in last if word == "USER"] == ["gputsne"]
    assert "g++" not in " ".join(text for _, text in last)
    assert ("ENTRYPOINT", '["gputsne"]') in last


@pytest.mark.parametrize("path", IMAGES, ids=lambda p: p.name)
def test_what_an_image_copies_and_installs_exists(path: Path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word, text in instructions(path):
        if word == "COPY":
            assert all((ROOT / name).exists() for name in text.split()[:-1])
        for extras in re.findall(r"gputsne-\*\.whl\)\[([^\]]+)\]", text):
            assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_cuda_packages_are_pinned_to_one_release():
    text = " ".join(t for _, t in instructions(ROOT / "docker" / "cuda.Dockerfile"))
    pins = dict(re.findall(r"(nvidia-[\w-]+)==([\d.]+)", text))
    assert {"nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-runtime", "nvidia-cuda-cccl"} <= set(
        pins
    )
    assert {v.rsplit(".", 1)[0] for v in pins.values()} == {"13.0"}
    assert not re.search(
        r"nvidia-[\w-]+(?!==)[\w-](?=\s)", re.sub(r"nvidia-[\w-]+==[\d.]+", "", text)
    )
    assert "GPUTSNE_CUDA=on" in text
    assert "NVIDIA_DRIVER_CAPABILITIES" in text


def test_the_extras_name_the_cupy_of_their_cuda():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for cuda in ("12", "13"):
        assert any(
            need.startswith(f"cupy-cuda{cuda}x[ctk]")
            for need in project["optional-dependencies"][f"cuda{cuda}"]
        )
