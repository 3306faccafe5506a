// Charges onto the mesh, by patches in shared memory. With -fmad=false, so that the grid is that
// of the CPU (csrc/cpu/deposit_bands.hpp) to the bit.
#include "launch.hpp"
#include "../kernels/gpu_patch.hpp"
#include "../kernels/spectrum.hpp"

namespace gputsne::cuda {

void deposit(const float *Y, Index n, int c, const DeviceMesh &mesh, Charge *charge,
             Stream stream) {
  by_axes(c, [&](auto axes) {
    by_order(mesh.order, [&](auto order) {
      constexpr int C = decltype(axes)::value, P = decltype(order)::value;
      Deposit<C, P> body{Y, charge, mesh.grid<C>(c_order(mesh.shape))};
      body.grid.now = mesh.now;
      deposit_all(Gpu{cudaStream_t(stream)}, n, body);
    });
  });
}

void pack(Charge *charge, const Shape &shape, float *out, const Shape &padded, Stream stream) {
  check_axes("padded", padded, Index(shape.size()));
  by_axes(Index(shape.size()), [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Pad<C> body{charge, out, {}, {}};
    Index nodes = 1;
    for (int a = 0; a < C; ++a) {
      if (padded[a] < shape[a])
        refuse("padded has ", padded[a], " nodes on axis ", a, ", the mesh ", shape[a]);
      body.m[a] = unsigned(shape[a]);
      body.g[a] = unsigned(padded[a]);
      nodes *= padded[a];
    }
    if (nodes >> 32)
      refuse("padded has ", nodes, " nodes; at most 2^32 are compiled");
    Gpu{cudaStream_t(stream)}.each(nodes, body);
  });
}

} // namespace gputsne::cuda
