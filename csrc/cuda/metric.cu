// Rows as a metric's vectors, distances in its unit, queries too far away; csrc/kernels/metric.hpp.
#include "metric.hpp"
#include "../kernels/check.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/metric.hpp"

namespace gputsne::cuda {

void own_unit(const float *squared, Index count, int unit, double factor, float *out,
              Stream stream) {
  if (unit < SQUARED || unit > HALF)
    refuse("unit=", unit, "; 0 to 2 are compiled");
  Gpu{cudaStream_t(stream)}.each(count, OwnUnit{squared, out, unit, factor});
}

void check_near(const float *squared, const int32_t *ids, Index m, Index k, double reach,
                Index *first_bad, Stream stream) {
  if (k < 1)
    refuse("k=", k, " neighbours of each query; pass 1 or more");
  Gpu{cudaStream_t(stream)}.each(m,
                                 NoteBad<NearQuery>{NearQuery{squared, ids, k, reach}, first_bad});
}

void row_lengths(const float *rows, Index n, int d, double *out, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, RowLengths{rows, d, out});
}

void unit_rows(const float *rows, Index n, int d, bool centred, float *out, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, UnitRows{rows, d, centred, out});
}

void bound_rows(const float *rows, Index n, int d, double bound, float *out, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, BoundRows{rows, d, bound, out});
}

} // namespace gputsne::cuda
