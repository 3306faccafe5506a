"""What the rings share: the emulated module and nvcc's output, each made once per run."""

from __future__ import annotations

import pytest
from gpu_free import compiled, emulator, lookalike
from gpu_free.benches import HostBench
from gpu_free.run_cases import CASES
from gpu_free.short_meshes import short_meshes

from gputsne.backends.cuda.ops import CudaOps
from gputsne.engine import mesh


@pytest.fixture(autouse=True)
def few_fibers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU's meshes as short as they may be: 1024 nodes per axis cost it what 64 do, not us."""
    for name, value in short_meshes.items():
        monkeypatch.setattr(mesh, name, value)


@pytest.fixture(scope="session")
def emulated() -> emulator.Emulator:
    reason = emulator.available()
    if reason:
        pytest.skip(reason)
    return emulator.Emulator(emulator.build())


@pytest.fixture(scope="session")
def compiled_kernels() -> list[compiled.Compiled]:
    """Compile for every architecture; only for tests with the marker nvcc."""
    return compiled.compile_all()


@pytest.fixture(scope="session")
def kernels_of_the_cases(emulated: emulator.Emulator) -> set[str]:
    """Return the mangled names of all kernels that the cases launch."""
    ran: set[str] = set()

    class Noting(HostBench):
        def call(self, name: str, *arguments: object, **named: object) -> object:
            with self.emulator.recording() as launches:
                super().call(name, *arguments, **named)
            ran.update(launch.kernel for launch in launches)
            return super().call(name, *arguments, **named)

    for case in CASES.values():
        case(Noting(emulated))
    return ran


@pytest.fixture
def ops(emulated: emulator.Emulator, monkeypatch):
    """Give the operations of an emulated GPU, and let numpy refuse its arrays."""
    xp = lookalike.Cupy()
    with lookalike.strict(monkeypatch):
        yield CudaOps(1, xp=xp, module=emulated.cuda)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the bytes that come to main memory."""
    came: list[int] = []
    real = lookalike.Array.get
    monkeypatch.setattr(lookalike.Array, "get", lambda a: came.append(a.nbytes) or real(a))
    return came
