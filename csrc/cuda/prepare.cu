// X before and after its preparation: checks, ranges, moments, prepared rows;
// csrc/kernels/prepare.hpp.
#include "prepare.hpp"
#include "../kernels/check.hpp"
#include "../kernels/gpu_machine.hpp"
#include "../kernels/prepare.hpp"

namespace gputsne::cuda {

namespace {

Gpu gpu(Stream stream) { return {cudaStream_t(stream)}; }

/// Calls f(Centred) for the type of the rows.
template <class F> void by_type(const Rows &rows, F f) {
  auto with = [&](auto number) {
    using T = decltype(number);
    f(Centred<T>{static_cast<const T *>(rows.X), rows.n, rows.d, rows.fill, rows.mean, rows.scale,
                 rows.factor});
  };
  rows.wide ? with(double()) : with(float());
}

template <class X> using Number = std::decay_t<decltype(*X::X)>;

} // namespace

void check_finite(const void *X, bool wide, Index count, Index *first_bad, Stream stream) {
  auto with = [&](auto number) {
    using Good = FiniteNumber<decltype(number)>;
    gpu(stream).each(count,
                     NoteBad<Good>{Good{static_cast<const decltype(number) *>(X)}, first_bad});
  };
  wide ? with(double()) : with(float());
}

void check_equal(const float *rows, Index n, int d, Index *first_bad, Stream stream) {
  gpu(stream).each(n * d, NoteBad<SameRow>{SameRow{rows, d}, first_bad});
}

void column_ranges(const Rows &rows, double *scratch, double *out, Stream stream) {
  double *high = scratch + chunks(rows.n) * rows.d;
  by_type(rows, [&](auto X) {
    gpu(stream).each(chunks(rows.n) * rows.d, ChunkRanges<Number<decltype(X)>>{X, scratch, high});
  });
  gpu(stream).each(rows.d, JoinRanges{scratch, high, chunks(rows.n), rows.d, out});
}

void column_moments(const Rows &rows, double *scratch, double *out, Stream stream) {
  double *squares = scratch + chunks(rows.n) * rows.d;
  by_type(rows, [&](auto X) {
    gpu(stream).each(chunks(rows.n) * rows.d,
                     ChunkMoments<Number<decltype(X)>>{X, scratch, squares});
  });
  gpu(stream).each(rows.d, JoinMoments{scratch, squares, chunks(rows.n), rows.n, rows.d, out});
}

void prepare_rows(const Rows &rows, float *out, Stream stream) {
  by_type(rows, [&](auto X) {
    gpu(stream).each(rows.n * rows.d, PreparedRows<Number<decltype(X)>>{X, out});
  });
}

void project_rows(const Rows &rows, const double *axes, int c, float *out, Stream stream) {
  if (c < 1)
    refuse("c=", c, " axes; pass 1 or more");
  by_type(rows, [&](auto X) {
    gpu(stream).each(rows.n * c, ProjectedRows<Number<decltype(X)>>{X, axes, c, out});
  });
}

void take_rows(const void *from, Index n, Index words, const int *rows, Index step, void *out,
               Stream stream) {
  gpu(stream).each(n * words, TakeRows{static_cast<const uint32_t *>(from), rows, step, words,
                                       static_cast<uint32_t *>(out)});
}

} // namespace gputsne::cuda
