// Attract-and-step in one kernel, a warp per group of rows; the divergence. On the CPU:
// cpu/bind_step.cpp.
#include "launch.hpp"
#include "../kernels/gpu_rows.hpp"
#include "../kernels/extent.hpp"
#include "../kernels/half.hpp"
#include "../kernels/spline.hpp"

namespace gputsne::cuda {

static Hubs hubs_of(const Edges &edges) {
  const Shape &given = edges.hubs;
  if (given.empty())
    return {};
  if (given.size() != 6 || given[2] < 1 || given[3] < given[2] || given[3] > LAUNCH_MAX)
    refuse("hubs has ", given.size(), " numbers; pass row, first, count, pieces, piece, sums");
  return {reinterpret_cast<const int *>(given[0]),
          reinterpret_cast<const int *>(given[1]),
          int(given[2]),
          int(given[3]),
          int(given[4]),
          reinterpret_cast<void *>(given[5])};
}

/// Calls f(weights) with what reads p_ij / scale.
template <class F> static void by_weights(const Edges &edges, F f) {
  if (edges.half)
    f(HalfWeights{static_cast<const uint16_t *>(edges.data)});
  else
    f(FloatWeights{static_cast<const float *>(edges.data)});
}

static void check_group(int group) {
  if (group < 0 || group > ROWS_MOST)
    refuse("group=", group, " rows per warp; pass 1 to ", ROWS_MOST, ", or 0 for what suits n");
}

template <int C, class Weights>
static void run(const Points &map, const Edges &edges, const StepInto &into, Weights weights,
                Stream stream) {
  Attract<C, Weights> pull{{map.Y, edges.indices, weights}, 1.f / into.dof};
  WatchedStep<C> step{};
  step.step = Step<C>::of(into.Y_next, into.velocity, into.gains, into.grad, into.dof, into.params,
                          edges.scale);
  step.Z = into.Z;
  step.escaped = into.escaped;
  step.extent = into.extent;
  step.now = into.now;
  for (int a = 0; a < C; ++a) {
    step.low[a] = into.low[a];
    step.high[a] = into.high[a];
  }
  sum_rows(Gpu{cudaStream_t(stream)}, map.n, edges.indptr, pull, step, hubs_of(edges), edges.group);
}

/// into.now gets the numbers of the step.
static void write_numbers(int c, float scale, const StepInto &into, Stream stream) {
  if (!into.now)
    refuse("now is no address; there is nowhere to write the step's numbers");
  const Step<1> step =
      Step<1>::of(nullptr, nullptr, nullptr, nullptr, into.dof, into.params, scale);
  StoreNumbers<StepNumbers> body{
      {step.attraction, step.learning_rate, step.momentum, step.max_step, step.min_gain, {}, {}},
      into.now};
  for (int a = 0; a < c; ++a) {
    body.numbers.low[a] = into.low[a];
    body.numbers.high[a] = into.high[a];
  }
  Gpu{cudaStream_t(stream)}.each(1, body);
}

void attract_and_step(const Points &map, const Edges &edges, const StepInto &into, Stream stream) {
  check_aligned("Y", map.Y, map.c);
  check_aligned("grad", into.grad, map.c);
  check_aligned("Y_next", into.Y_next, map.c);
  check_aligned("velocity", into.velocity, map.c);
  check_aligned("gains", into.gains, map.c);
  check_axes("low", into.low, map.c);
  check_axes("high", into.high, map.c);
  check_group(edges.group);
  if (map.Y == into.Y_next)
    refuse("Y_next is Y; rows that are still to be read would be overwritten");
  if (into.write)
    write_numbers(map.c, edges.scale, into, stream);
  by_axes(map.c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    by_weights(edges, [&](auto weights) { run<C>(map, edges, into, weights, stream); });
  });
}

void divergence(const Points &map, const Edges &edges, float dof, float *rows, double *scratch,
                double *out, Stream stream) {
  check_aligned("Y", map.Y, map.c);
  check_group(edges.group);
  Gpu machine{cudaStream_t(stream)};
  RowSum sums{rows};
  by_axes(map.c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    by_weights(edges, [&](auto weights) {
      Divergence<C, decltype(weights)> body{
          {map.Y, edges.indices, weights}, 1.f / dof, (dof + 1.f) / 2.f, edges.scale};
      sum_rows(machine, map.n, edges.indptr, body, sums, hubs_of(edges), edges.group);
    });
  });
  machine.sum(map.n, sums, 0.0, scratch, out);
}

} // namespace gputsne::cuda
