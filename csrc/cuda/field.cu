// Mirrors csrc/cpu/bind_field.cpp: gather, sums by definition, extent; also totals and the kernel
// spectrum. Its deposit is in deposit.cu.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/attract.hpp"
#include "../kernels/exact.hpp"
#include "../kernels/extent.hpp"
#include "../kernels/gather.hpp"
#include "../kernels/spectrum.hpp"

namespace gputsne::cuda {

Index sum_scratch() { return SUM_BLOCKS; }

void multiply(float *A, const Shape &fft_shape, const float *octant, float scale, Stream stream) {
  check_aligned("A", A, 2);
  by_axes(Index(fft_shape.size()), [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Multiply<C> body{A, octant, {}, {}, scale};
    Index elements = 1;
    for (int a = 0; a < C; ++a) {
      if (fft_shape[a] < 2 || fft_shape[a] % 2)
        refuse("fft_shape has ", fft_shape[a], " nodes on axis ", a, "; pass even lengths");
      body.half[a] = unsigned(fft_shape[a] / 2);
      body.l[a] = a == C - 1 ? body.half[a] + 1 : unsigned(fft_shape[a]);
      elements *= body.l[a];
    }
    if (elements >> 32)
      refuse("A has ", elements, " elements; at most 2^32 are compiled");
    Gpu{cudaStream_t(stream)}.each(elements, body);
  });
}

void gather(const float *Y, Index n, int c, const Mesh &mesh, const float *potential,
            const Shape &strides, float offset, const Floats &self_terms, float *phi, float *grad,
            float *z, Stream stream) {
  check_aligned("Y", Y, c);
  if (Index(self_terms.size()) != c + 1)
    refuse("self_terms has ", self_terms.size(), " numbers; ", c, " axes need ", c + 1);
  check_axes("strides", strides, c);
  if (strides.back() != 1)
    refuse("potential must be contiguous along its last axis, its stride is ", strides.back());
  by_axes(c, [&](auto axes) {
    by_order(mesh.order, [&](auto order) {
      constexpr int C = decltype(axes)::value, P = decltype(order)::value;
      Gather<C, P> body{};
      body.Y = Y;
      body.potential = potential;
      body.phi = phi;
      body.grad = grad;
      body.grid = mesh.grid<C>(strides);
      body.fix.offset_n = offset * float(n);
      for (int a = 0; a <= C; ++a)
        body.fix.self[a] = self_terms[a];
      Gpu{cudaStream_t(stream)}.each(n, StoreResult<Gather<C, P>>{body, z});
    });
  });
}

void exact(const float *Y, Index n, int c, float dof, float *phi, float *grad, float *z,
           Stream stream) {
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Exact<C> body = Exact<C>::of(Y, n, dof, phi, grad);
    Gpu{cudaStream_t(stream)}.each(n, StoreResult<Exact<C>>{body, z});
  });
}

void total(const float *values, Index n, double *scratch, double *out, Stream stream) {
  Gpu{cudaStream_t(stream)}.sum(n, RowSum{const_cast<float *>(values)}, 0.0, scratch, out);
}

void extent(const float *Y, Index n, int c, float *scratch, float *out, Stream stream) {
  check_aligned("Y", Y, c);
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    static_assert(sizeof(Box<C>) == 2 * C * sizeof(float), "out is (2, c)");
    Gpu{cudaStream_t(stream)}.sum(n, PointBox<C>{Y}, Box<C>::none(),
                                  reinterpret_cast<Box<C> *>(scratch),
                                  reinterpret_cast<Box<C> *>(out));
  });
}

} // namespace gputsne::cuda
