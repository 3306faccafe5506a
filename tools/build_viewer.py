"""Build the viewer's script: gputsne/viewer/assets/viewer.js of the modules in gputsne/viewer/src.

    python tools/build_viewer.py

needs node 20 or later with npm, and the npm registry: esbuild and kdbush come in the versions of
tools/viewer/package-lock.json, whose hashes npm compares. The script's first line has the hash of
the modules it was built of, and tests/unit/viewer/test_files.py compares it: whoever changes one
builds again. Names stay as they are, so that a page or a widget can append a line that calls
``mount``; white space and comments go.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES, ASSETS = ROOT / "gputsne/viewer/src", ROOT / "gputsne/viewer/assets"
PINNED = ROOT / "tools/viewer"
TARGET = "es2022"  # Chromium 94, Firefox 93, Safari 16.4, and later


def main() -> None:
    """Build the script and copy the licences."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PINNED / name, work)
        shutil.copytree(SOURCES, work / "src")
        run(["npm", "ci", "--no-audit", "--no-fund"], work)
        told = run([
            "node_modules/.bin/esbuild", "src/index.js", "--bundle", "--format=esm",
            f"--target={TARGET}", "--minify-whitespace", "--minify-syntax", "--charset=ascii",
            "--legal-comments=none",
        ], work)  # fmt: skip
        kdbush = work / "node_modules/kdbush"
        version = json.loads((kdbush / "package.json").read_text())["version"]
        head = f"/* gputsne's viewer, with kdbush {version}; see LICENCES.txt. Of {digest()} */\n"
        (ASSETS / "viewer.js").write_text(head + told, encoding="utf-8")
        own = (ROOT / "LICENSE").read_text(encoding="utf-8")
        theirs = (kdbush / "LICENSE").read_text(encoding="utf-8")
        (ASSETS / "LICENCES.txt").write_text(
            f"viewer.js and viewer.css are part of gputsne:\n\n{own}\n"
            f"viewer.js has kdbush {version} in it (https://github.com/mourner/kdbush):\n\n{theirs}",
            encoding="utf-8",
        )


def digest() -> str:
    """Return the hash of the modules."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.glob("*.js")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def run(command: list[str], where: Path) -> str:
    """Run a command and return what it says."""
    return subprocess.run(command, cwd=where, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
