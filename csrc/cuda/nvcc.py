"""Compiles and links ``gputsne._cuda`` by nvcc, with everything of CUDA inside the module.

setup.py builds with this file, and tests/gpu_free takes flags and architectures from it, so that
what is tested is what is shipped. ``GPUTSNE_CUDA_ARCHS="80 90"`` restricts the architectures.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parent / "kernels"

# One for each generation: code of 8.0 runs on 8.6 and 8.9, code of 10.0 on 10.3. For what is
# between and after them the driver compiles PTX: of 9.0 (so for 11.0) and of the last.
ARCHS = (75, 80, 90, 100, 120)
PTX_TOO = (90,)

# Division and square root by approximation (2 ulp) and no denormals: an IEEE division costs a slow
# path with calls, which the attraction would pay for every edge.
FLAGS = ("-std=c++17", "-O3", "-prec-div=false", "-prec-sqrt=false", "-ftz=true")
STRICT = ("-Werror", "all-warnings")  # for tests: another nvcc's warning must not stop a user
HOST = "-Xcompiler=-fPIC,-fvisibility=hidden"
# Bit-equal to the CPU's grid, where nothing is contracted; the additions are what takes the time.
FLAGS_OF = {"deposit.cu": ("-fmad=false",)}


def find() -> str | None:
    """Return the path of nvcc, or None."""
    home = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda"), "bin")
    return shutil.which("nvcc") or shutil.which("nvcc", path=str(home))


def archs(nvcc: str) -> list[int]:
    """Return the architectures to build for: wanted, and known to this nvcc.

    Raises
    ------
    RuntimeError
        None is left.
    """
    told = os.environ.get("GPUTSNE_CUDA_ARCHS", "").replace(",", " ").split()
    wanted = [int(arch) for arch in told] or list(ARCHS)
    command = [nvcc, "--list-gpu-code"]
    known = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    found = [arch for arch in sorted(set(wanted)) if f"sm_{arch}" in known]
    if not found:
        raise RuntimeError(f"nvcc knows none of the architectures {wanted}, but {' '.join(known)}")
    return found


def code(chosen: Sequence[int]) -> list[str]:
    """Return nvcc's options for these architectures."""
    options = []
    for arch, after in zip(chosen, [*chosen[1:], None], strict=True):
        gap = after is None or any(arch // 10 < a // 10 < after // 10 for a in ARCHS)
        ptx = f",compute_{arch}" if arch in PTX_TOO or gap else ""
        options.append(f"-gencode=arch=compute_{arch},code=[sm_{arch}{ptx}]")
    return options


def flags(source: Path) -> list[str]:
    """Return how a .cu file is compiled, whatever for."""
    return [*FLAGS, *FLAGS_OF.get(source.name, ())]


def sources() -> list[Path]:
    """Return the kernels' files, the slowest to compile first."""
    return sorted(HERE.glob("*.cu"), key=lambda path: path.stat().st_size, reverse=True)


def joined(files: Sequence[Path], folder: Path, name: str, parts: int) -> list[Path]:
    """Write so many sources into a folder that include these files between them; return them.

    pybind11's headers and templates are most of what there is to compile. One by one and as one,
    in seconds of a processor: the 13 files of csrc/cuda 68 and 15, the 8 of csrc/cpu 183 and 61
    (82 as two, that two processors may work).
    """
    made = []
    for part in range(min(parts, len(files))):
        path = folder / f"{name}-{part}.cpp"
        text = "".join(f'#include "{file}"\n' for file in files[part::parts])
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        made.append(path)
    return made


def bindings(folder: Path, parts: int) -> list[Path]:
    """Write so many sources that include all of the CUDA module's bindings; return them."""
    return joined(sorted(HERE.glob("*.cpp")), folder, "bindings", parts)


def run(command: Sequence[str]) -> str:
    """Run a command and return what it said.

    Raises
    ------
    RuntimeError
        It failed; the message has the command and the last of what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr + done.stdout).strip()
        raise RuntimeError(f"{' '.join(command)}\n{said[-4000:]}")
    return done.stderr + done.stdout


def kernels_digest(nvcc: str, source: Path, chosen: Sequence[int]) -> str:
    """Return a hash of all that decides what a .cu file becomes: compiler, options, sources."""
    version = subprocess.run([nvcc, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(version + " ".join([*flags(source), HOST, *code(chosen)]).encode())
    for path in (source, *sorted([*HERE.glob("*.hpp"), *KERNELS.glob("*.hpp")])):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def kernels(nvcc: str, source: Path, chosen: Sequence[int], folder: Path) -> Path:
    """Compile a .cu file, unless the folder has the same already, and return the object.

    Beside the object lie the PTX and the code of every architecture (NAME.compute_ARCH*.ptx and
    .cubin), ``log`` with what ptxas says of registers and all warnings, and ``digest``:
    tests/gpu_free looks into what was installed, instead of compiling it once more.

    Raises
    ------
    RuntimeError
        nvcc failed.
    """
    target, note = folder / "object.o", folder / "digest"
    digest = kernels_digest(nvcc, source, chosen)
    if note.exists() and note.read_text() == digest:
        return target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as kept:
        command = [nvcc, *flags(source), HOST, *code(chosen), "-Xptxas", "-v", "--keep"]
        said = run([*command, "--keep-dir", kept, "-c", str(source), "-o", str(target)])
        for path in Path(kept).iterdir():
            if path.suffix in (".ptx", ".cubin"):
                shutil.copy(path, folder / path.name)
    (folder / "log").write_text(said)
    note.write_text(digest)  # last: a folder without it is not whole
    return target


def build(
    nvcc: str,
    out: Path,
    objects: Path,
    *,
    version: str,
    include: Sequence[str],
    jobs: int = 2,
) -> None:
    """Compile what is out of date into the folder ``objects``, and link ``out``.

    Parameters
    ----------
    nvcc : str
        The compiler.
    out : Path
        The module.
    objects : Path
        A folder that may keep objects from build to build.
    version : str
        Becomes ``__version__``.
    include : sequence of str
        Folders of pybind11's and Python's headers.
    jobs : int
        Compilations at a time.

    Raises
    ------
    RuntimeError
        A command failed.
    """
    objects.mkdir(parents=True, exist_ok=True)
    chosen = archs(nvcc)
    host = ["-std=c++17", "-O2", "-Xcompiler=-fPIC,-fvisibility=hidden,-g0"]
    defines = [f'-DGPUTSNE_VERSION="{version}"', f'-DGPUTSNE_ARCHS="{" ".join(map(str, chosen))}"']
    headers = [*HERE.glob("*.hpp"), *KERNELS.glob("*.hpp"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in [*headers, *HERE.glob("*.cpp")])

    def compiled(source: Path) -> str:
        if source.suffix == ".cu":
            return str(kernels(nvcc, source, chosen, objects / source.stem))
        target, note = source.with_suffix(".o"), source.with_suffix(".command")
        command = [nvcc, *host, *defines, *(f"-I{folder}" for folder in include)]
        command += ["-c", str(source), "-o", str(target)]
        fresh = target.exists() and target.stat().st_mtime > max(newest, source.stat().st_mtime)
        if not (fresh and note.exists() and note.read_text() == " ".join(command)):
            run(command)
            note.write_text(" ".join(command))
        return str(target)

    with ThreadPoolExecutor(jobs) as pool:
        linked = list(pool.map(compiled, [*sources(), *bindings(objects, jobs)]))
    out.parent.mkdir(parents=True, exist_ok=True)
    # Static: a machine needs nothing but the driver. nvcc knows where its own libraries are, but
    # for packages that have them in lib where its profile says lib64.
    lib = Path(nvcc).resolve().parent.parent / "lib"
    where = [f"-L{lib}"] if (lib / "libcudart_static.a").exists() else []
    run([nvcc, "-shared", "-cudart=static", *linked, *where, "-o", str(out)])
