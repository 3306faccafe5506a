// Mirrors csrc/cpu/bind_place.cpp: new points on a map that does not move, one thread per point;
// csrc/kernels/placement.hpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/placement.hpp"

namespace gputsne::cuda {

void place(const Fitted &map, const Query &query, float *out, Stream stream) {
  Index c = map.c;
  check_axes("center", map.mesh.center, c);
  check_axes("shape", map.mesh.shape, c);
  check_axes("low", map.low, c);
  check_axes("high", map.high, c);
  by_axes(c, [&](auto axes) {
    by_order(map.mesh.order, [&](auto order) {
      constexpr int C = decltype(axes)::value, P = decltype(order)::value;
      Placement<C, P> body{};
      body.Y = map.Y;
      body.indices = query.indices;
      body.p = query.p;
      body.out = out;
      body.k = query.k;
      body.max_iter = query.max_iter;
      body.inv_dof = 1.f / map.dof;
      body.pull = query.exaggeration * (map.dof + 1.f) / map.dof;
      body.far = map.far;
      body.floor = map.floor;
      body.sum = {map.Y,         map.n, nullptr, nullptr, 1.f / map.dof, (map.dof + 1.f) / 2.f,
                  map.dof == 1.f};
      body.field.potential = map.potential;
      body.field.grid.inv_h = map.mesh.inv_h;
      Index stride = 1;
      for (int a = C - 1; a >= 0; --a) {
        if (map.potential && map.mesh.shape[a] < 2 * P)
          refuse("shape has ", map.mesh.shape[a], " nodes on axis ", a, "; order ", P,
                 " needs at least ", 2 * P);
        body.low[a] = map.low[a];
        body.high[a] = map.high[a];
        body.field.grid.center[a] = map.mesh.center[a];
        body.field.grid.m[a] = int(map.mesh.shape[a]);
        body.field.grid.stride[a] = stride;
        stride *= map.mesh.shape[a];
      }
      Gpu{cudaStream_t(stream)}.each(query.m, body);
    });
  });
}

} // namespace gputsne::cuda
