"""The compiled CPU backend: kernels of gputsne._native on arrays of numpy."""
