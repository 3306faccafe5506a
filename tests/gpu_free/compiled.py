"""What nvcc makes of the kernels: PTX, code and figures for every architecture, in one pass.

Those that gputsne was installed with, or others in build/gpu_free, by the hash of what they are
made of. Run as a program, prints the table that registers.txt keeps:
``python tests/gpu_free/compiled.py > tests/gpu_free/registers.txt``.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gpu_free.cubins import joined
from gpu_free.locks import locked

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
USED = re.compile(
    r"Compiling entry function '(\w+)' for 'sm_(\d+)'.*?(\d+) bytes stack frame, (\d+) bytes spill "
    r"stores, (\d+) bytes spill loads.*?Used (\d+) registers",
    re.DOTALL,
)


@cache
def recipe() -> ModuleType:
    """Return csrc/cuda/nvcc.py, which has the flags that are shipped."""
    spec = importlib.util.spec_from_file_location("nvcc", ROOT / "csrc" / "cuda" / "nvcc.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Figures:
    """What ptxas says of a kernel."""

    registers: int
    stack: int
    spilled: int


@dataclass(frozen=True)
class Compiled:
    """The outcome for one .cu file: folder of NAME.compute_ARCH*.{ptx,cubin} and ptxas's log."""

    folder: Path
    name: str

    def ptx(self, arch: int) -> str:
        return (self.folder / f"{self.name}.compute_{arch}.ptx").read_text()

    def cubin(self, arch: int) -> Path:
        return next(self.folder.glob(f"{self.name}.compute_{arch}*.cubin"))

    def figures(self) -> dict[tuple[str, int], Figures]:
        found = USED.findall((self.folder / "log").read_text())
        return {
            (kernel, int(arch)): Figures(int(used), int(stack), int(stores) + int(loads))
            for kernel, arch, stack, stores, loads, used in found
        }


def compile_all() -> list[Compiled]:
    """Compile every .cu file for every architecture; a warning is an error.

    What gputsne was installed from in this checkout is taken where it lies, if it is of the same
    compiler, options and sources.

    Raises
    ------
    RuntimeError
        nvcc failed, or warned.
    """
    tools = recipe()
    nvcc = tools.find()
    installed = {path.read_text(): path.parent for path in ROOT.glob("build/**/cuda/*/digest")}

    def one(source: Path) -> Compiled:
        digest = tools.kernels_digest(nvcc, source, tools.ARCHS)
        folder = installed.get(digest, ROOT / "build" / "gpu_free" / f"{source.stem}-{digest[:16]}")
        with locked(folder.with_name(f"{folder.name}.lock")):
            tools.kernels(nvcc, source, tools.ARCHS, folder)
        log = (folder / "log").read_text()
        if re.search(r"\bwarning\b", log, re.IGNORECASE):
            raise RuntimeError(f"nvcc warns of {source.name}:\n{log[-4000:]}")
        return Compiled(folder, source.stem)

    with ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(one, tools.sources()))


def readable(kernels: list[str]) -> dict[str, str]:
    """Return short names of mangled kernels, for instance ``each_k<Pad<2> >``."""
    done = subprocess.run(
        ["c++filt"], input="\n".join(kernels), capture_output=True, text=True, check=True
    )
    names = [re.sub(r"^void |\(.*|gputsne::|cuda::", "", line) for line in done.stdout.splitlines()]
    return dict(zip(kernels, names, strict=True))


def table(compiled: list[Compiled]) -> str:
    """Return the table of registers.txt."""
    archs = recipe().ARCHS
    figures = {key: value for part in compiled for key, value in part.figures().items()}
    names = readable(sorted({kernel for kernel, _ in figures}))
    lines = [f"# {release()}: registers on sm_{', '.join(map(str, archs))}; stack, spilled bytes"]
    for kernel, name in sorted(names.items(), key=lambda item: item[1]):
        own = [figures[kernel, arch] for arch in archs]
        used = " ".join(f"{f.registers:3d}" for f in own)
        worst = f"{max(f.stack for f in own):5d} {max(f.spilled for f in own):3d}"
        lines.append(f"{used}  {worst}  {name}")
    return "\n".join(lines) + "\n"


def release() -> str:
    """Return which nvcc this is, for instance ``nvcc 13.0.88``."""
    said = subprocess.run(
        [recipe().find(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"V([\d.]+)", said)
    assert found is not None
    return f"nvcc {found[1]}"


def disassembler() -> str | None:
    """Return nvdisasm, of the toolkit or of the package nvidia-cuda-nvdisasm; None without one."""
    path = shutil.which("nvdisasm")
    if path:
        return path
    try:
        files = importlib.metadata.files("nvidia-cuda-nvdisasm") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [str(f.locate()) for f in files if f.name == "nvdisasm"]
    return found[0] if found else None


def instructions(cubins: Sequence[Path], tool: str) -> dict[str, list[str]]:
    """Return the instructions of every kernel of some cubins; of calls, with the function.

    No analysis of data flow (-ndf): it only adds where jumps through registers lead.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "joined.cubin")
        whole.write_bytes(joined([cubin.read_bytes() for cubin in cubins]))
        command = [tool, "-c", "-ndf", str(whole)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    return listed(said.stdout)


def listed(said: str) -> dict[str, list[str]]:
    """Return the instructions of every kernel that nvdisasm printed."""
    parts = re.split(r"^\.text\.(\w+):\s*$", said, flags=re.MULTILINE)
    line = re.compile(
        r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][\w.]*(?: `\(\$\S+\))?)", re.MULTILINE
    )
    return {
        kernel: line.findall(text) for kernel, text in zip(parts[1::2], parts[2::2], strict=True)
    }


if __name__ == "__main__":
    sys.stdout.write(table(compile_all()))
