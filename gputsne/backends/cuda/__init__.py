"""The CUDA backend: kernels of gputsne._cuda on arrays of CuPy."""
