// The exception that a failed CUDA call becomes: gputsne._cuda.CudaError, a RuntimeError.
#pragma once
#include <stdexcept>

namespace gputsne {

struct CudaError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

} // namespace gputsne
