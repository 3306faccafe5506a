"""A pytest plugin: with ``-p gpu_free.plugin`` the contract tests find an emulated GPU."""

from __future__ import annotations

from gpu_free import emulator, lookalike
from gpu_free.short_meshes import short_meshes

from gputsne import backends
from gputsne.backends.cuda.ops import CudaOps
from gputsne.engine import mesh

emulated = emulator.Emulator(emulator.build())


def make(n_jobs: int) -> CudaOps:
    xp, fft = lookalike.modules()
    return CudaOps(n_jobs, xp=xp, fft=fft, module=emulated.cuda)


for name, value in short_meshes.items():
    setattr(mesh, name, value)
backends.BACKENDS = (
    backends.Backend("cuda", "cuda", lambda: "", make, own_memory=True),
    *backends.BACKENDS[1:],
)
