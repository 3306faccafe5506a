// Nearest of a tile of candidates, which no CPU file mirrors; csrc/kernels/select.hpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/select.hpp"

namespace gputsne::cuda {

void select_append(const float *squared, Index m, Index t, const int32_t *ids,
                   const uint64_t *limit, Index *count, uint64_t *keys, Index room, Stream stream) {
  Gpu{cudaStream_t(stream)}.lanes<WARP>(
      m, SelectAppend<WARP>{squared, ids, limit, count, keys, t, room});
}

void select_sort(Index *count, uint64_t *keys, uint64_t *scratch, Index m, Index room, Index k,
                 uint64_t *limit, Stream stream) {
  if (k < 1 || k > room)
    refuse("k=", k, " candidates can't be kept in lists of ", room);
  Gpu{cudaStream_t(stream)}.each(m, SelectSort{count, keys, scratch, limit, room, k});
}

} // namespace gputsne::cuda
