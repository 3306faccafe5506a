// Sums over rows for PCA, in float64: columns, products of columns, scores; csrc/kernels/gram.hpp.
#include "gram.hpp"
#include "../kernels/gram.hpp"

namespace gputsne::cuda {

/// Calls f(Centred) for the type of the rows.
template <class F> static void by_type(const Rows &rows, F f) {
  auto with = [&](auto number) {
    using T = decltype(number);
    f(Centred<T>{static_cast<const T *>(rows.X), rows.n, rows.d, rows.fill, rows.mean, rows.scale,
                 rows.factor});
  };
  rows.wide ? with(double()) : with(float());
}

Index column_scratch(Index n, int d) { return chunks(n) * d; }

Index gram_scratch(Index n, int d) { return gram_parts(n) * d * d; }

void add_columns(const Rows &rows, double *scratch, double *sum, Stream stream) {
  const Gpu gpu{cudaStream_t(stream)};
  by_type(rows, [&](auto X) {
    gpu.each(chunks(rows.n) * rows.d, ChunkSums<std::decay_t<decltype(*X.X)>>{X, scratch});
  });
  gpu.each(rows.d, AddParts{scratch, chunks(rows.n), rows.d, sum});
}

void add_gram(const Rows &rows, double *scratch, double *out, Stream stream) {
  by_type(rows, [&](auto X) { gram(X, scratch, cudaStream_t(stream)); });
  Gpu{cudaStream_t(stream)}.each(Index(rows.d) * rows.d,
                                 AddSymmetric{scratch, gram_parts(rows.n), rows.d, GRAM_SIDE, out});
}

void scores(const Rows &rows, const double *axes, int c, double *out, Stream stream) {
  by_axes(c, [&](auto count) {
    by_type(rows, [&](auto X) {
      Scores<decltype(count)::value, std::decay_t<decltype(*X.X)>> body{X, axes, out};
      Gpu{cudaStream_t(stream)}.each(rows.n, body);
    });
  });
}

} // namespace gputsne::cuda
