// Gather, sums by definition, extent, totals; padding and products for cuFFT. The deposit is in
// deposit.cu. On the CPU: csrc/cpu/bind_field.cpp.
#include "launch.hpp"
#include "../kernels/gpu_patch.hpp"
#include "../kernels/attract.hpp"
#include "../kernels/exact.hpp"
#include "../kernels/extent.hpp"
#include "../kernels/spectrum.hpp"

namespace gputsne::cuda {

Index sum_scratch() { return SUM_BLOCKS; }
Index gather_scratch(Index n) { return gather_parts(n); }

static void check_self_terms(const DeviceMesh &mesh, Index c) {
  if (Index(mesh.self_terms.size()) != c + 1)
    refuse("self_terms has ", mesh.self_terms.size(), " numbers; ", c, " axes need ", c + 1);
}

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

void gather(const float *Y, Index n, int c, const DeviceMesh &mesh, const float *potential,
            const Shape &strides, float *phi, float *grad, double *scratch, double *Z,
            unsigned *extent, Stream stream) {
  check_aligned("Y", Y, c);
  check_self_terms(mesh, c);
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
      body.grid.now = mesh.now;
      body.fix.offset_n = mesh.offset * float(n);
      for (int a = 0; a <= C; ++a)
        body.fix.self[a] = mesh.self_terms[a];
      gather_all(Gpu{cudaStream_t(stream)}, n, body, scratch, Z, extent);
    });
  });
}

void write_numbers(const DeviceMesh &mesh, Index n, Stream stream) {
  const Index c = Index(mesh.shape.size());
  check_axes("center", mesh.center, c);
  check_self_terms(mesh, c);
  if (!mesh.now)
    refuse("now is no address; there is nowhere to write the mesh's numbers");
  StoreNumbers<MeshNumbers> body{{}, mesh.now};
  for (Index a = 0; a < c; ++a)
    body.numbers.center[a] = mesh.center[a];
  body.numbers.inv_h = mesh.inv_h;
  body.numbers.offset_n = mesh.offset * float(n);
  for (Index a = 0; a <= c; ++a)
    body.numbers.self[a] = mesh.self_terms[a];
  Gpu{cudaStream_t(stream)}.each(1, body);
}

Index numbers_size() {
  constexpr size_t mesh = sizeof(MeshNumbers), step = sizeof(StepNumbers);
  return Index(mesh > step ? mesh : step);
}

/// What gather does to the extent on its way.
struct ClearKeys {
  unsigned *extent;
  HD void operator()(Index i) const { extent[i] = 0; }
};

void exact(const float *Y, Index n, int c, float dof, float *phi, float *grad, float *z,
           unsigned *extent, Stream stream) {
  if (extent)
    Gpu{cudaStream_t(stream)}.each(2 * c, ClearKeys{extent});
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
