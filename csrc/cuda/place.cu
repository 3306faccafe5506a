// New points on a map that does not move, one thread per point: csrc/kernels/placement.hpp. On the
// CPU: csrc/cpu/bind_place.cpp.
#include "launch.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/placement.hpp"

namespace gputsne::cuda {

void place(const Fitted &map, const Query &query, float *out, Stream stream) {
  Index c = map.c;
  map.mesh.check(c);
  check_axes("low", map.low, c);
  check_axes("high", map.high, c);
  by_axes(c, [&](auto axes) {
    by_order(map.mesh.order, [&](auto order) {
      constexpr int C = decltype(axes)::value, P = decltype(order)::value;
      auto body = Placement<C, P>::of(map.Y, map.n, map.dof, query.exaggeration);
      body.indices = query.indices;
      body.p = query.p;
      body.out = out;
      body.k = query.k;
      body.max_iter = query.max_iter;
      body.far = map.far;
      body.floor = map.floor;
      body.field.potential = map.potential;
      body.field.grid.inv_h = map.mesh.inv_h; // the shortest step, whatever phi is summed from
      if (map.potential)
        body.field.grid = map.mesh.grid<C>(c_order(map.mesh.shape));
      for (int a = 0; a < C; ++a) {
        body.low[a] = map.low[a];
        body.high[a] = map.high[a];
      }
      Gpu{cudaStream_t(stream)}.each(query.m, body);
    });
  });
}

} // namespace gputsne::cuda
