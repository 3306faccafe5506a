"""Benchmarks of gputsne beside its peers: ``python -m bench`` in a clone; README.md says how."""
