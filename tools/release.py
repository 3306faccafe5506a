"""Builds the distributions of a release and checks each as whoever installs it meets it.

    python tools/release.py --out dist                      each of Python 3.11 to 3.13 found here
    python tools/release.py --out dist --python python3.12  only these

One sdist; from it one wheel per Python, made manylinux by auditwheel (libgomp goes in). Then twine
reads the metadata, each wheel is looked into, installed in an empty environment and made to embed
digits with its compiled kernels. Nothing is uploaded: docs/release.md has the steps after this one.
Needs the packages of the extra "release". CUDA kernels go in where nvcc is found: they link the
CUDA runtime statically, so that such a wheel installs and works where there is no GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")  # as pyproject.toml's classifiers have them
LARGEST = 60 << 20  # bytes; the index takes files of up to 100 MB
TRIAL = """
import gputsne
assert gputsne.__version__ == {version!r}, gputsne.__version__
model = gputsne.TSNE(device="cpu", max_iter=300, random_state=0)
X = gputsne.datasets.load_digits().X
kept = gputsne.metrics.knn_preservation(X, model.fit_transform(X))
assert kept > 0.4, kept  # 10 nearest neighbours kept; chance is 0.006
print("digits embedded by", model.device_, "- neighbours kept", round(kept, 3))
"""


class Failed(RuntimeError):
    """A distribution is not fit to be released; the message says which and why."""


@dataclass(frozen=True)
class Python:
    """An interpreter to build for: its command, and its version as "3.12"."""

    command: str
    version: str


def run(*command: str, cwd: Path | None = None, **environ: str) -> str:
    """Run a command; return what it printed, or raise Failed with it."""
    # Without PYTHONPATH and the like: what is tried must be the wheel, not a checkout beside it.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env={**kept, **environ}, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def interpreters(commands: list[str]) -> tuple[list[Python], list[str]]:
    """Return the interpreters to build for, and the versions of PYTHONS that are missing."""
    found: dict[str, Python] = {}
    for command in commands or [f"python{version}" for version in PYTHONS]:
        path = shutil.which(command)
        try:
            said = run(path or command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        except (Failed, OSError) as error:
            if commands:
                raise Failed(f"--python {command}: {error}") from None
            continue
        found.setdefault(said.strip(), Python(path or command, said.strip()))
    return list(found.values()), [v for v in PYTHONS if v not in found]


def fresh(python: Python, folder: Path, *packages: str) -> str:
    """Make an environment with these packages; return its interpreter."""
    if python.version == "{}.{}".format(*sys.version_info):
        venv.create(folder, with_pip=True, symlinks=True)
    else:
        run(python.command, "-m", "venv", str(folder))
    inside = str(folder / "bin" / "python")
    run(inside, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages)
    return inside


def sources(out: Path) -> Path:
    """Build the sdist into ``out`` and return it."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", str(out), str(ROOT))
    (path,) = out.glob("gputsne-*.tar.gz")
    return path


def wheel(sdist: Path, python: Python, out: Path, work: Path) -> Path:
    """Build a wheel from the sdist, make it manylinux, and return it."""
    raw = work / f"raw-{python.version}"
    inside = fresh(python, work / f"build-{python.version}", "pip>=24")
    run(inside, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(raw), str(sdist),
        GPUTSNE_NATIVE="on")  # fmt: skip
    (built,) = raw.glob("*.whl")
    before = set(out.glob("*.whl"))
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(out), str(built))
    (made,) = set(out.glob("*.whl")) - before
    return made


def check(path: Path, python: Python, work: Path) -> str:
    """Look into a wheel, install it in an empty environment and embed digits; return a line."""
    tag = "cp" + python.version.replace(".", "")
    if not re.search(rf"-{tag}-{tag}-(\w+\.)*manylinux_\w+\.whl$", path.name):
        raise Failed(f"{path.name} is no manylinux wheel for {tag}")
    if path.stat().st_size > LARGEST:
        raise Failed(f"{path.name} has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if not any(re.fullmatch(r"gputsne/_native\.\S+\.so", name) for name in names):
        raise Failed(f"{path.name} has no compiled kernels")
    stray = [n for n in names if not re.match(r"gputsne(\.libs)?/|gputsne-[^/]+\.dist-info/", n)]
    if stray:
        raise Failed(f"{path.name} holds {', '.join(stray[:3])}")
    version = path.name.split("-")[1]
    inside = fresh(python, work / f"try-{python.version}", str(path))
    said = run(inside, "-c", TRIAL.format(version=version), cwd=work).strip()
    kernels = [n for n in names if re.fullmatch(r"gputsne/_cuda\.\S+\.so", n)]
    cuda = "with" if kernels else "without"
    return f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {cuda} CUDA kernels; {said}"


def release(out: Path, commands: list[str]) -> None:
    """Build everything into ``out``, check it, and write SHA256SUMS beside it."""
    pythons, missing = interpreters(commands)
    if not pythons:
        raise Failed(f"none of {', '.join(PYTHONS)} was found; name one with --python")
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise Failed(f"{out} is not empty: a release is built into an empty folder")
    with tempfile.TemporaryDirectory() as folder:
        sdist = sources(out)
        for python in pythons:
            made = wheel(sdist, python, out, Path(folder))
            print(check(made, python, Path(folder)), flush=True)
    files = sorted(out.glob("gputsne-*"))
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, files))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]
    (out / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    print(f"{len(files)} files and SHA256SUMS in {out}")
    if missing and not commands:
        print(f"not built, no such interpreter here: Python {', '.join(missing)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="an empty folder")
    parser.add_argument("--python", action="append", default=[], help="an interpreter; repeatable")
    given = parser.parse_args()
    try:
        release(given.out.resolve(), given.python)
    except Failed as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main()
