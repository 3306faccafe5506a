"""The searches for neighbours: exact, by lists, in pairs, on a GPU."""
