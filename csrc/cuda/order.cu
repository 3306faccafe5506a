// The curve, and P in another order: csrc/kernels/relabel.hpp. On the CPU: csrc/cpu/bind_order.cpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/relabel.hpp"

namespace gputsne::cuda {

template <class Weight> struct MoveLane {
  MoveRow<Weight> body;
  HD void operator()(Index i, int lane) const { body.part(i, lane, WARP); }
};

void curve(const float *Y, Index n, int c, const Floats &low, const Floats &high, uint32_t *code,
           Stream stream) {
  check_axes("low", low, c);
  check_axes("high", high, c);
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Morton<C> body{Y, code, {}, {}};
    for (int a = 0; a < C; ++a) {
      body.low[a] = low[a];
      body.inv_span[a] = high[a] > low[a] ? 1.f / (high[a] - low[a]) : 0.f;
    }
    Gpu{cudaStream_t(stream)}.each(n, body);
  });
}

void invert(const int *order, Index n, int *inverse, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, Invert{order, inverse});
}

void moved_degrees(const Index *indptr, const int *order, Index n, Index *size, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, MovedDegree{indptr, order, size});
}

template <class Weight>
static void move_rows(const Index *indptr, const int *indices, const void *data, const int *order,
                      const int *inverse, Index n, const Index *new_indptr, int *new_indices,
                      void *new_data, Stream stream) {
  MoveLane<Weight> body{{indptr, new_indptr, indices, static_cast<const Weight *>(data), order,
                         inverse, new_indices, static_cast<Weight *>(new_data)}};
  Gpu{cudaStream_t(stream)}.lanes<WARP>(n, body);
}

void move_edges(const Index *indptr, const int *indices, const void *data, bool half,
                const int *order, const int *inverse, Index n, const Index *new_indptr,
                int *new_indices, void *new_data, Stream stream) {
  auto *move = half ? move_rows<uint16_t> : move_rows<float>;
  move(indptr, indices, data, order, inverse, n, new_indptr, new_indices, new_data, stream);
}

} // namespace gputsne::cuda
