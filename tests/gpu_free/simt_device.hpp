// What kernels and launchers call by CUDA's names: barriers, shuffles, fences, the runtime's API.
// Part of simt.hpp.
#pragma once
#include "simt.hpp"

// A barrier is its source line: the compiler may copy the call, as it likes.
inline void __syncthreads(int line = __builtin_LINE()) { simt::wait(line, false); }

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance, int line = __builtin_LINE()) {
  return simt::exchange(mask, value, line,
                        [=](unsigned lane) { return lane ^ unsigned(distance); });
}

template <class T> T __shfl_sync(unsigned mask, T value, int source, int line = __builtin_LINE()) {
  return simt::exchange(mask, value, line,
                        [=](unsigned lane) { return (lane & ~31u) | (unsigned(source) & 31u); });
}

inline void __syncwarp(int line = __builtin_LINE()) { simt::wait(line, true); }

/// What this thread has posted is there for all.
inline void __threadfence() { simt::deliver(simt::current); }
#define POST(at, value) simt::post(at, value)

inline cudaError_t cudaGetLastError() { return std::exchange(simt::last_error, cudaSuccess); }
inline const char *cudaGetErrorName(cudaError_t) { return "cudaErrorInvalidConfiguration"; }
inline const char *cudaGetErrorString(cudaError_t) { return "invalid configuration argument"; }
inline cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int) {
  *p = cudaDeviceProp();
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaGetDevice(int *device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int *value, int, int) {
  *value = int(simt::most_shared);
  return cudaSuccess;
}
template <class... P> cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), int, int bytes) {
  if (size_t(bytes) > simt::most_shared)
    return cudaErrorInvalidConfiguration;
  simt::allowed_shared[reinterpret_cast<const void *>(kernel)] = size_t(bytes);
  return cudaSuccess;
}

#define LAUNCH(kernel, grid, block, stream, ...) simt::launch(kernel, grid, block, __VA_ARGS__)
#define LAUNCH_SHARED(kernel, grid, block, bytes, stream, ...)                                     \
  do {                                                                                             \
    simt::shared_bytes = bytes;                                                                    \
    simt::launch(kernel, grid, block, __VA_ARGS__);                                                \
    simt::shared_bytes = 0;                                                                        \
  } while (0)
#define DYNAMIC_SHARED(name) unsigned char *name = simt::dynamic_shared.get()
#define LAUNCH_FREE(kernel, grid, block, stream, ...)                                              \
  simt::launch_free(kernel, grid, block, __VA_ARGS__)
