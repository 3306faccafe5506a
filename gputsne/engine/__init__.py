"""From P and a first map to the finished map: mesh, field, iteration, schedule, optimiser."""
