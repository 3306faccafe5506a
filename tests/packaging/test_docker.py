"""The images keep what they promise, as far as it can be read: stages, users, pins, files, locks.

Nothing is built here: that needs a daemon.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gputsne.telemetry.operations.kubernetes.pods import USER

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
IMAGES = sorted(DOCKER.glob("*.Dockerfile"))
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+\.\d+-[\w-]+@sha256:[0-9a-f]{64}")
SECRET = re.compile(r"(?i)password|secret|token|api_?key|private_?key")
# What each image is for; gputsne/telemetry writes manifests that need all of it.
EXTRAS = {
    "cpu": ("plot", "io", "report", "serve", "ops"),
    "cuda": ("plot", "io", "report", "serve", "ops", "cuda13"),
    "lambda": ("serve",),
}
DIGEST = f"sha256:{'a1' * 32}"


def instructions(text: str) -> list[tuple[str, str]]:
    """Return (instruction, its text) with continued lines joined and comments gone."""
    lines = [x for x in text.splitlines() if not x.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(x.split(maxsplit=1)) for x in joined.splitlines() if x.strip()]


def of_image(path: Path) -> list[tuple[str, str]]:
    return instructions(path.read_text(encoding="utf-8"))


def unpinned(told: list[tuple[str, str]]) -> list[str]:
    """Return the bases that are neither a stage of the file nor pinned by their digest."""
    values = dict(text.split("=", 1) for word, text in told if word == "ARG" and "=" in text)
    stages, found = set(), []
    for base, *alias in (text.split() for word, text in told if word == "FROM"):
        named = re.sub(r"\$\{(\w+)\}", lambda m: values.get(m[1], ""), base)
        if named not in stages and not PINNED.fullmatch(named):
            found.append(base)
        stages |= set(alias[1:])
    return found


def last_stage(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return told[len(told) - 1 - [word for word, _ in told][::-1].index("FROM") :]


def by_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", IMAGES, ids=by_name)
def test_every_base_is_pinned_by_its_digest(path: Path):
    told = of_image(path)
    assert unpinned(told) == []
    (base,) = [text for word, text in told if word == "ARG"]
    assert base == next(text for word, text in of_image(IMAGES[0]) if word == "ARG")
    assert "latest" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12.11-slim",
        "FROM python",
        "ARG BASE=python:3.12.11-slim-bookworm\nFROM ${BASE} AS build\nFROM build",
        "ARG BASE\nFROM ${BASE}",
        f"FROM python:latest@{DIGEST}",
    ],
)
def test_a_base_without_a_digest_is_seen(text: str):
    assert len(unpinned(instructions(text))) == 1


@pytest.mark.parametrize("path", IMAGES, ids=by_name)
def test_an_image_runs_as_nobody_special_and_has_no_compiler(path: Path):
    told = of_image(path)
    stages = [text.partition(" AS ")[2] for word, text in told if word == "FROM"]
    assert stages == ["build", "installed", "materials", ""]
    last = last_stage(told)
    assert ("FROM", "installed") in last
    assert [text for word, text in last if word == "USER"] == [f"{USER}:{USER}"]
    assert [word for word, _ in last].index("USER") > [w for w, _ in last].index("RUN")
    assert any(f"--uid {USER}" in text for _, text in last)
    names = [text.split(" AS ")[-1] for word, text in told if word == "FROM"]
    installed = told[told.index(("FROM", f"${{BASE}} AS {names[1]}")) :]
    assert "g++" not in " ".join(text for _, text in installed)
    entry = next(text for word, text in last if word == "ENTRYPOINT")
    assert entry == ('["python", "-m", "awslambdaric"]' if "lambda" in path.name else '["gputsne"]')
    assert ("HEALTHCHECK", "NONE") in last  # a batch job is not asked; of a server, probes are
    env = " ".join(text for word, text in last if word == "ENV")
    assert "MPLCONFIGDIR=/tmp/" in env
    assert "XDG_CACHE_HOME=/tmp/" in env


@pytest.mark.parametrize("path", IMAGES, ids=by_name)
def test_an_image_holds_no_secrets_and_only_files_that_are_named(path: Path):
    for word, text in of_image(path):
        if word in ("ENV", "ARG", "LABEL"):
            assert not SECRET.search(text)
        if word in ("COPY", "ADD"):
            assert word == "COPY"  # ADD may fetch and unpack
            names = text.split()
            kept = [name for name in names[:-1] if not name.startswith("--")]
            assert all(
                name != "." and ((ROOT / name).exists() or "--from=" in names[0]) for name in kept
            )
        for source in re.findall(r"type=bind,source=([\w./-]+)", text):
            assert (ROOT / source).exists()


def test_the_builder_is_sent_what_images_need_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        name
        for path in IMAGES
        for word, text in of_image(path)
        if word == "COPY" and "--from=" not in text
        for name in text.split()[:-1]
    }
    assert {name.split("/")[0] for name in copied} | {"docker"} == sent


@pytest.mark.parametrize("path", IMAGES, ids=by_name)
def test_a_linter_of_dockerfiles_finds_nothing(path: Path):
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or "hadolint"
    # DL3008: Debian takes older versions of a package from its mirrors, so they can't be pinned.
    line = [program, "--no-color", "--ignore", "DL3008", str(path)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", EXTRAS)
def test_what_is_installed_is_locked_with_hashes_and_is_what_the_project_asks_for(kind: str):
    text = (DOCKER / f"{kind}-requirements.txt").read_text(encoding="utf-8")
    entries = text.replace("\\\n", " ").splitlines()
    pins = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)==(\S+)", entry).groups()
        pins[name] = version
        assert "--hash=sha256:" in entry
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = list(project["dependencies"])
    for extra in EXTRAS[kind]:
        asked += project["optional-dependencies"][extra]
    for need in map(Requirement, asked):
        assert need.specifier.contains(pins[need.name]), need
    told = " ".join(text for _, text in of_image(DOCKER / f"{kind}.Dockerfile"))
    assert f"docker/{kind}-requirements.txt" in told
    assert "--require-hashes" in told
    texts = [text for _, text in of_image(DOCKER / f"{kind}.Dockerfile")]
    for command in (c for text in texts for c in re.findall(r"pip install ([^&]*)", text)):
        named = [word for word in command.split() if word[0] not in "-/"]
        assert all("==" in word for word in named)
        assert named or "--require-hashes" in command or "--no-index" in command


def test_cuda_packages_are_pinned_to_one_release():
    text = " ".join(t for _, t in of_image(DOCKER / "cuda.Dockerfile"))
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


# docker/build.sh, with a program in docker's place that notes what it was asked.

FAKE = f"""#!/bin/sh
printf '%s\\n' "$@" > "$NOTED"
while [ $# -gt 0 ]; do
  [ "$1" = --metadata-file ] && printf '{{\\n  "containerimage.digest": "{DIGEST}"\\n}}\\n' > "$2"
  shift
done
"""


def built(tmp_path: Path, *line: str, **env: str) -> tuple[subprocess.CompletedProcess[str], str]:
    fake = tmp_path / "docker"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    noted = tmp_path / "noted"
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", **env}
    env["NOTED"] = str(noted)
    done = subprocess.run([DOCKER / "build.sh", *line], env=env, capture_output=True, text=True)
    return done, noted.read_text() if noted.exists() else ""


def test_an_image_is_built_with_its_bill_of_materials_and_named_by_its_digest(tmp_path: Path):
    done, asked = built(tmp_path, "registry.example:5000/gputsne:0.1.0", "cuda")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'image = "registry.example:5000/gputsne@{DIGEST}"\n'
    words = asked.splitlines()
    assert words[:4] == ["buildx", "build", "--file", "docker/cuda.Dockerfile"]
    assert {"--sbom=true", "--provenance=mode=max", "--push"} <= set(words)
    assert not any(word.startswith("BASE=") for word in words)
    _, asked = built(tmp_path, "registry.example/gputsne:0.1.0", BASE=f"mirror/python@{DIGEST}")
    assert f"BASE=mirror/python@{DIGEST}" in asked
    assert "docker/cpu.Dockerfile" in asked


def test_lambda_gets_an_image_without_attestations(tmp_path: Path):
    _, asked = built(tmp_path, "registry.example/gputsne-lambda:0.1.0", "lambda")
    assert {"--sbom=false", "--provenance=false"} <= set(asked.splitlines())


@pytest.mark.parametrize(
    "line",
    [(), ("registry.example/gputsne",), ("registry.example/gputsne:latest",),
     (f"gputsne@{DIGEST}",), ("gputsne:1", "tpu")],
)  # fmt: skip
def test_an_image_without_a_name_of_its_own_is_not_built(tmp_path: Path, line: tuple[str, ...]):
    done, asked = built(tmp_path, *line)
    assert done.returncode != 0
    assert done.stderr
    assert asked == ""


def test_the_handler_of_the_function_answers_callers_with_a_token(tmp_path: Path):
    code = """
import json, handler
rows = [[i, i % 3] for i in range(40)]
print(json.dumps([handler.handler({"rows": rows, **more}, None)["statusCode"]
                  for more in ({}, {"token": "gts_x"}, {"token": "gts_x"})]))
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(DOCKER), *sys.path])}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "GPUTSNE_TOKENS is empty" in done.stderr
    digest = sha256(b"gts_x").hexdigest()
    env |= {"GPUTSNE_TOKENS": f"editor {digest}", "GPUTSNE_CALLS": "1"}
    done = subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [401, 200, 429]  # one call per hour was allowed
