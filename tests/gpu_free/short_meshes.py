"""Lengths of meshes that an emulated GPU has time for: of ``gputsne.engine.mesh``, by name."""

from __future__ import annotations

short_meshes = {
    "FEW_LENGTHS": ((64, 96, 64), (64, 96, 64), (64, 64, 96)),
    "FEW_FREE_NODES": (128, 128**2, 48**3),
}
