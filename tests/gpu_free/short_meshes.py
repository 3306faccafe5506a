"""Lengths of meshes that an emulated GPU has time for: of ``gputsne.engine.mesh``, by name."""

from __future__ import annotations

short_meshes = {
    "FEW_LENGTHS": ((128, 128, 192), (128, 128, 192), (64, 64, 96)),
    "FEW_FREE_NODES": (4096, 192**2, 48**3),  # as fine as a CPU's
}
