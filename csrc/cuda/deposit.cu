// Mirrors csrc/cpu/deposit_bands.hpp: charges onto the mesh, P lanes per point, 64-bit integer
// additions, no shared memory. With -fmad=false, so that the grid is that of the CPU to the bit.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/spectrum.hpp"

namespace gputsne::cuda {

struct Add {
  HD void operator()(Charge *at, Charge amount) const { add_to(at, amount); }
};

/// The nodes of point i whose last coordinate is stencil node `lane`: one or two sectors per row.
template <int C, int P> struct DepositLane {
  Deposit<C, P> body;
  HD void operator()(Index i, int lane) const { body.row(i, lane, Add()); }
};

void deposit(const float *Y, Index n, int c, const Mesh &mesh, Charge *charge, Stream stream) {
  check_axes("center", mesh.center, c);
  check_axes("shape", mesh.shape, c);
  by_axes(c, [&](auto axes) {
    by_order(mesh.order, [&](auto order) {
      constexpr int C = decltype(axes)::value, P = decltype(order)::value;
      DepositLane<C, P> body{{Y, charge, {}}};
      Index stride = 1;
      for (int a = C - 1; a >= 0; --a) {
        if (mesh.shape[a] < 2 * P)
          refuse("shape has ", mesh.shape[a], " nodes on axis ", a, "; order ", P,
                 " needs at least ", 2 * P);
        body.body.grid.center[a] = mesh.center[a];
        body.body.grid.m[a] = int(mesh.shape[a]);
        body.body.grid.stride[a] = stride;
        stride *= mesh.shape[a];
      }
      body.body.grid.inv_h = mesh.inv_h;
      Gpu{cudaStream_t(stream)}.lanes<P>(n, body);
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
