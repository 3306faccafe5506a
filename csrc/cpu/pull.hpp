// Attraction in vector registers: what csrc/kernels/attract.hpp says of an edge, for eight edges of
// a row at a time. Edge e of a row is added to sum e % 8, and the sums in one order, whatever the
// registers' width, so that no instruction set changes a bit. docs/math.md (3).
#pragma once
#include "../kernels/attract.hpp"
#include "packed.hpp"
#include "registers.hpp"

namespace gputsne::cpu {

// g++ 12 takes a vector that is filled number by number, by reference, for something uninitialised.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/// Registers of four numbers, which SSE2 and NEON have.
struct Registers4 {
  using Float = Float4;
  using Word = Word4;
  static constexpr int WIDTH = 4;
  HD static void gather(const float *y, const Index *at, Float &v) {
    v = Float{y[at[0]], y[at[1]], y[at[2]], y[at[3]]};
  }
  /// Both coordinates of four points.
  HD static void gather(const float *y, const Index *at, Float &v0, Float &v1) {
    double p[4];
    for (int l = 0; l < 4; ++l)
      std::memcpy(p + l, y + at[l], sizeof *p);
    Double2 a{p[0], p[1]}, b{p[2], p[3]};
    v0 = __builtin_shufflevector((Float4)a, (Float4)b, 0, 2, 4, 6);
    v1 = __builtin_shufflevector((Float4)a, (Float4)b, 1, 3, 5, 7);
  }
};

/// Registers of eight numbers, which AVX2 has.
struct Registers8 {
  using Float = Float8;
  using Word = Word8;
  static constexpr int WIDTH = 8;
  HD static void gather(const float *y, const Index *at, Float &v) {
    v = Float{y[at[0]], y[at[1]], y[at[2]], y[at[3]], y[at[4]], y[at[5]], y[at[6]], y[at[7]]};
  }
  HD static void gather(const float *y, const Index *at, Float &v0, Float &v1) {
    double p[8];
    for (int l = 0; l < 8; ++l)
      std::memcpy(p + l, y + at[l], sizeof *p);
    Double4 a{p[0], p[1], p[4], p[5]},
        b{p[2], p[3], p[6], p[7]}; // as the shuffles of halves want it
    v0 = __builtin_shufflevector((Float8)a, (Float8)b, 0, 2, 8, 10, 4, 6, 12, 14);
    v1 = __builtin_shufflevector((Float8)a, (Float8)b, 1, 3, 9, 11, 5, 7, 13, 15);
  }
};

/// The eight sums of a row's pull, one register or two per axis.
template <int C, class R> struct PullSums {
  using Float = typename R::Float;
  static constexpr int GROUP = 8, COUNT = GROUP / R::WIDTH;
  Float mine[C], sum[C][COUNT];
  Float one, inv_dof;

  HD PullSums(const float *y, float inv) {
    one = Float{} + 1.f;
    inv_dof = Float{} + inv;
    for (int a = 0; a < C; ++a) {
      mine[a] = Float{} + y[a];
      for (int k = 0; k < COUNT; ++k)
        sum[a][k] = Float{};
    }
  }

  /// Adds WIDTH edges: their weights, and where the others' coordinates begin in Y.
  HD void add(int k, const Float &p, const float *Y, const Index *at) {
    Float d[C] = {}, r2 = {};
    if constexpr (C == 2)
      R::gather(Y, at, d[0], d[1]);
    else
      for (int a = 0; a < C; ++a)
        R::gather(Y + a, at, d[a]);
    for (int a = 0; a < C; ++a) {
      d[a] = mine[a] - d[a];
      r2 += d[a] * d[a];
    }
    Float w = p / (one + r2 * inv_dof);
    for (int a = 0; a < C; ++a)
      sum[a][k] += w * d[a];
  }

  HD void total(Vec<C> &pull) const {
    for (int a = 0; a < C; ++a) {
      Float4 half;
      if constexpr (COUNT == 2)
        half = sum[a][0] + sum[a][1];
      else
        half = __builtin_shufflevector(sum[a][0], sum[a][0], 0, 1, 2, 3) +
               __builtin_shufflevector(sum[a][0], sum[a][0], 4, 5, 6, 7);
      Float4 quarter = half + __builtin_shufflevector(half, half, 2, 3, 2, 3);
      pull.v[a] = quarter[0] + quarter[1];
    }
  }
};

/// Rows of P as they come: column and weight of an edge in 8 bytes.
template <int C, class R> struct PullPlain {
  Attract<C> edges;
  const Index *row; // (n + 1,)
  HD Vec<C> operator()(Index i) const {
    using Sums = PullSums<C, R>;
    Sums sums(edges.Y + i * C, edges.inv_dof);
    Index e = row[i], last = row[i + 1];
    for (; e + Sums::GROUP <= last; e += Sums::GROUP)
      for (int k = 0; k < Sums::COUNT; ++k) {
        Index at[R::WIDTH];
        UNROLL for (int l = 0; l < R::WIDTH; ++l)
          at[l] = C * Index(edges.indices[e + k * R::WIDTH + l]);
        typename R::Float p;
        std::memcpy(&p, edges.data.data + e + k * R::WIDTH, sizeof p);
        sums.add(k, p, edges.Y, at);
      }
    Vec<C> pull, rest = {};
    sums.total(pull);
    for (; e < last; ++e)
      rest = rest + edges(i, e);
    return pull + rest;
  }
};

/// Packed rows.
template <int C, class R> struct PullPacked {
  const float *Y; // (n, C)
  float inv_dof;
  PackedRows rows;
  HD Vec<C> operator()(Index i) const {
    using Sums = PullSums<C, R>;
    Sums sums(Y + i * C, inv_dof);
    const uint32_t *w = rows.word + rows.row[i], *last = rows.word + rows.row[i + 1];
    const float *base = Y + C * rows.base(i);
    while (w < last) {
      bool far = *w & PackedRows::FAR;
      for (int k = 0; k < Sums::COUNT; ++k) {
        const uint32_t *part = w + k * R::WIDTH;
        Index at[R::WIDTH];
        if (__builtin_expect(far, 0)) {
          UNROLL for (int l = 0; l < R::WIDTH; ++l)
            at[l] = C * Index(part[Sums::GROUP + l]);
        } else {
          UNROLL for (int l = 0; l < R::WIDTH; ++l)
            at[l] = C * Index(part[l] >> 16);
        }
        typename R::Word bits;
        std::memcpy(&bits, part, sizeof bits);
        bits = ((bits << (32 - 15)) >> (32 - 15 - ShortWeight::SHIFT)) + ShortWeight::LEAST;
        sums.add(k, (typename R::Float)bits, far ? Y : base, at);
      }
      w += far ? 2 * Sums::GROUP : Sums::GROUP;
    }
    Vec<C> pull;
    sums.total(pull);
    return pull;
  }
};

/// out(i, where point i is, its pull) for every row; Pull: PullPlain or PullPacked, of these
/// arguments.
template <int C, template <int, class> class Pull, class Out, class... Arguments>
void pull_rows(const Cpu &machine, Index n, const float *Y, const Out &out, Arguments... given) {
  auto rows = [=](auto registers, Index begin, Index end) __attribute__((always_inline)) {
    Pull<C, decltype(registers)> pull{given...};
    for (Index i = begin; i < end; ++i)
      out(i, point<C>(Y, i), pull(i));
  };
  if (machine.avx2)
    machine.each_chunk(
        n, CHUNK, [=](Index, Index begin, Index end) { in_avx2(rows, Registers8(), begin, end); });
  else
    machine.each_chunk(n, CHUNK,
                       [=](Index, Index begin, Index end) { rows(Registers4(), begin, end); });
}

} // namespace gputsne::cpu
