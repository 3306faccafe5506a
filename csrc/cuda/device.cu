// Which GPUs there are, and if none, why: in words, never an abort; no driver is needed to ask.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"

namespace gputsne::cuda {

int device_count(std::string &why_none) {
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    why_none = std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
    cudaGetLastError(); // forget it: the next call starts clean
    return 0;
  }
  if (count == 0)
    why_none = "the driver works, but shows no GPU (CUDA_VISIBLE_DEVICES?)";
  return count;
}

std::string describe(int device) {
  cudaDeviceProp p;
  check(cudaGetDeviceProperties(&p, device), "describe");
  return std::string(p.name) + ", compute capability " + std::to_string(p.major) + "." +
         std::to_string(p.minor) + ", " + std::to_string(p.totalGlobalMem >> 20) + " MiB, " +
         std::to_string(p.multiProcessorCount) + " processors";
}

void use_device(int device) { check(cudaSetDevice(device), "use_device"); }

} // namespace gputsne::cuda
