"""A pytest plugin: with ``-p gpu_free.plugin`` the contract tests find an emulated GPU."""

from __future__ import annotations

from gpu_free import emulator, lookalike

from gputsne import backends
from gputsne.backends.cuda.ops import CudaOps

emulated = emulator.Emulator(emulator.build())


def make(n_jobs: int) -> CudaOps:
    xp, fft = lookalike.modules()
    return CudaOps(n_jobs, xp=xp, fft=fft, module=emulated.cuda)


backends.BACKENDS = (
    backends.Backend("cuda", "cuda", lambda: "", make, own_memory=True),
    *backends.BACKENDS[1:],
)
