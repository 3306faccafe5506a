// Neighbour lists from outside: checked, sorted, and weighed where no search for a width is needed;
// csrc/kernels/lists.hpp.
#include "lists.hpp"
#include "../kernels/check.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/lists.hpp"

namespace gputsne::cuda {

/// Calls f(GivenLists) for the types of ids and distances.
template <class F> static void by_types(const Given &given, F f) {
  auto with = [&](auto id, auto distance) {
    using Id = decltype(id);
    using Distance = decltype(distance);
    f(GivenLists<Id, Distance>{static_cast<const Id *>(given.ids),
                               static_cast<const Distance *>(given.distances), given.n, given.k});
  };
  if (given.wide_ids)
    given.wide_distances ? with(int64_t(), double()) : with(int64_t(), float());
  else
    given.wide_distances ? with(int32_t(), double()) : with(int32_t(), float());
}

void farthest(const Given &lists, float *scratch, float *out, Stream stream) {
  const Gpu gpu{cudaStream_t(stream)};
  auto *part = reinterpret_cast<Largest *>(scratch), *all = reinterpret_cast<Largest *>(out);
  if (lists.wide_distances)
    gpu.sum(lists.n * lists.k, FiniteTerm<double>{static_cast<const double *>(lists.distances)},
            Largest{0.f}, part, all);
  else
    gpu.sum(lists.n * lists.k, FiniteTerm<float>{static_cast<const float *>(lists.distances)},
            Largest{0.f}, part, all);
}

void check_lists(const Given &lists, double slack, Index begin, Index end, uint64_t *scratch,
                 Index *report, Stream stream) {
  by_types(lists, [&](auto own) {
    CheckList<std::decay_t<decltype(*own.ids)>, std::decay_t<decltype(*own.distances)>> body{
        own, slack, begin, scratch, reinterpret_cast<ListReport *>(report)};
    Gpu{cudaStream_t(stream)}.each(end - begin, body);
  });
}

void sort_lists(const Given &lists, Index keep, Index begin, Index end, uint64_t *scratch,
                int32_t *ids, float *lengths, Stream stream) {
  if (keep < 1 || keep > lists.k)
    refuse("keep=", keep, " of lists of ", lists.k, " neighbours; pass 1 to ", lists.k);
  by_types(lists, [&](auto own) {
    SortList<std::decay_t<decltype(*own.ids)>, std::decay_t<decltype(*own.distances)>> body{
        own, begin, keep, scratch, ids, lengths};
    Gpu{cudaStream_t(stream)}.each(end - begin, body);
  });
}

void check_lengths(const float *distances, Index count, Index *first_bad, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(count, NoteBad<GoodLength>{GoodLength{distances}, first_bad});
}

void equal_weights(const float *distances, Index n, Index k, float *p, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, EqualWeights{distances, p, k});
}

void fixed_width(const float *distances, Index n, Index k, double sigma, float *p, Stream stream) {
  Gpu{cudaStream_t(stream)}.each(n, FixedWidth{distances, p, k, sigma});
}

} // namespace gputsne::cuda
