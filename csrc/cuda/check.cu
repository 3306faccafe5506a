// Checks of offsets and ids from outside, before any kernel follows them: csrc/kernels/check.hpp.
// On the CPU: Edges in csrc/cpu/edges.hpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/check.hpp"

namespace gputsne::cuda {

void check_offsets(const Index *offsets, Index n, Index nnz, Index *first_bad, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n + 1,
                                 NoteBad<GoodOffset>{GoodOffset{offsets, n, nnz}, first_bad});
}

void check_points(const int *points, Index count, Index n, Index *first_bad, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(count, NoteBad<GoodPoint>{GoodPoint{points, n}, first_bad});
}

} // namespace gputsne::cuda
