// Whole arrays between the kernels of a stage: filled, put in another order, added up, sorted.
// csrc/kernels/arrays.hpp and gpu_scan.hpp; numpy's part of it on the CPU.
#include "arrays.hpp"
#include "../kernels/gpu_scan.hpp"

namespace gputsne::cuda {

static cudaStream_t on(Stream stream) { return cudaStream_t(stream); }

void fill(void *out, Index count, int bytes, uint64_t value, Stream stream) {
  if (bytes == 4)
    Gpu{on(stream)}.each(count, Fill<uint32_t>{static_cast<uint32_t *>(out), uint32_t(value)});
  else if (bytes == 8)
    Gpu{on(stream)}.each(count, Fill<uint64_t>{static_cast<uint64_t *>(out), value});
  else
    refuse("bytes=", bytes, " per value; 4 and 8 are compiled");
}

void take(const void *from, Index n, int columns, const int *order, Index step, void *out,
          Stream stream) {
  by_axes(columns, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Gpu{on(stream)}.each(
        n, Take<C>{static_cast<const uint32_t *>(from), order, step, static_cast<uint32_t *>(out)});
  });
}

void scatter(const void *from, Index n, int columns, const int *order, void *out, Stream stream) {
  by_axes(columns, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Gpu{on(stream)}.each(
        n, Scatter<C>{static_cast<const uint32_t *>(from), order, static_cast<uint32_t *>(out)});
  });
}

Index scan_scratch(Index n) { return scan_numbers(n); }

Index sort_scratch(Index n) { return sort_numbers(n); }

void scan(Index *values, Index n, Index *scratch, Stream stream) {
  gputsne::scan(n, values, scratch, on(stream));
}

void sort(uint64_t *words, uint64_t *other, Index n, int low, int bits, Index *scratch,
          Stream stream) {
  if (low < 0 || low > 64 || bits < 1 || bits > 64 || low + (bits + 7) / 8 * 8 > 64)
    refuse("words of 64 bits can't be sorted by ", bits, " of them from bit ", low,
           " on, rounded up to bytes");
  sort_words(words, other, n, low, bits, scratch, on(stream));
}

void order_of(const uint32_t *code, Index n, uint64_t *words, Index *scratch, int *order,
              Stream stream) {
  if (n >> 31)
    refuse("n=", n, " points; at most 2^31 can be put in order");
  Gpu{on(stream)}.each(n, PackOrder{code, words});
  sort_words(words, words + n, n, 32, 32, scratch, on(stream));
  Gpu{on(stream)}.each(n, UnpackOrder{words, order});
}

void long_rows(const Index *indptr, Index n, Index longest, Index *place, Index *scratch,
               Stream stream) {
  Gpu{on(stream)}.each(n, MarkLong{indptr, longest, place});
  gputsne::scan(n + 1, place, scratch, on(stream));
}

void list_long_rows(const Index *indptr, const Index *place, Index n, int *row, Index *begin,
                    Index *end, Stream stream) {
  Gpu{on(stream)}.each(n, ListLong{indptr, place, row, begin, end});
}

void count(const uint8_t *flags, Index n, Index *scratch, Index *out, Stream stream) {
  Gpu{on(stream)}.sum(n, FlagTerm{flags}, Index(0), scratch, out);
}

void mass(const void *values, Index n, bool half, double *scratch, double *out, Stream stream) {
  if (half)
    Gpu{on(stream)}.sum(n, HalfTerm{static_cast<const uint16_t *>(values)}, 0.0, scratch, out);
  else
    Gpu{on(stream)}.sum(n, FloatTerm{static_cast<const float *>(values)}, 0.0, scratch, out);
}

void largest(const float *values, Index n, float *scratch, float *out, Stream stream) {
  Gpu{on(stream)}.sum(n, LargestTerm{values}, Largest{-INFINITY},
                      reinterpret_cast<Largest *>(scratch), reinterpret_cast<Largest *>(out));
}

void check_not_negative(const Index *values, Index n, Index *first_bad, Stream stream) {
  Gpu{on(stream)}.each(n, NoteBad<NotNegative>{NotNegative{values}, first_bad});
}

void recentre(float *Y, Index n, int c, double *scratch, Stream stream) {
  by_axes(c, [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    auto *part = reinterpret_cast<Coordinates<C> *>(scratch), *sum = part + SUM_BLOCKS;
    Gpu{on(stream)}.sum(n, PointTerm<C>{Y}, Coordinates<C>{}, part, sum);
    Gpu{on(stream)}.each(n, Recentre<C>{Y, sum, n ? 1.0 / double(n) : 0.0});
  });
}

void mean(void *one, const void *two, Index n, bool wide, Stream stream) {
  if (wide)
    Gpu{on(stream)}.each(
        n, Mean<double>{static_cast<double *>(one), static_cast<const double *>(two)});
  else
    Gpu{on(stream)}.each(n,
                         Mean<float>{static_cast<float *>(one), static_cast<const float *>(two)});
}

void crop(const float *from, const Shape &strides, const Shape &shape, float *out,
          const Shape &out_strides, Stream stream) {
  check_axes("strides", strides, Index(shape.size()));
  check_axes("out_strides", out_strides, Index(shape.size()));
  by_axes(Index(shape.size()), [&](auto axes) {
    constexpr int C = decltype(axes)::value;
    Crop<C> body{from, out, {}, {}, {}};
    Index nodes = 1;
    for (int a = 0; a < C; ++a) {
      body.stride[a] = strides[a];
      body.out_stride[a] = out_strides[a];
      body.shape[a] = shape[a];
      nodes *= shape[a];
    }
    Gpu{on(stream)}.each(nodes, body);
  });
}

} // namespace gputsne::cuda
