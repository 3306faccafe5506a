// From charges to potential in two axes: rows forward, columns forward, times the spectrum and back
// while they lie in a core's cache, rows back. Twin of gputsne/backends/host.py; docs/mesh.md,
// "FFT". In between, half a spectrum of the M0 rows lies in blocks of as many columns as a register
// has lanes, row after row: so rows write whole cache lines, and columns read on end.
#pragma once
#include "fft_lanes.hpp"

namespace gputsne::cpu {

/// Rows of a square become its columns.
HD void transpose(Float4 *v) {
  const Float4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
  const Float4 b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const Float4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  const Float4 d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

HD void transpose(Float8 *v) {
  Float8 t[8], u[8];
  UNROLL for (int i = 0; i < 8; i += 2) { // pairs of rows, in halves of a register
    t[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  UNROLL for (int i = 0; i < 8; i += 4) UNROLL
    for (int k = 0; k < 2; ++k) {
      u[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + 2 + k], 0, 1, 8, 9, 4, 5, 12, 13);
      u[i + 2 * k + 1] =
          __builtin_shufflevector(t[i + k], t[i + 2 + k], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  UNROLL for (int i = 0; i < 4; ++i) {
    v[i] = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/// How a convolution lies in its work area, for registers of `lanes` numbers.
struct ConvolveShape {
  Index g0, g1, lanes;
  Index m0() const { return g0 / 2; }
  Index m1() const { return g1 / 2; }
  /// Blocks of columns of half a spectrum, frequencies 0 to g1 / 2.
  Index column_blocks() const { return (g1 / 2 + lanes) / lanes; }
  /// Two rows are one complex line, so a block has two for every lane.
  Index row_blocks() const { return (m0() + 2 * lanes - 1) / (2 * lanes); }
  /// From one block of columns to the next, in rows: odd, so that blocks don't meet in few of a
  /// cache's lines.
  Index pitch() const { return row_blocks() * 2 * lanes + 1; }
  /// Complex registers that one line of work takes.
  Index line() const { return g0 > g1 ? g0 : g1; }
  /// Threads that are worth waking, and whose lines take no more memory than half a spectrum.
  int slots(int threads) const {
    constexpr Index WORTH = Index(1) << 17; // nodes per thread: 0.15 ms
    const Index most = std::min(g0 * g1 / WORTH, std::min(g0, g1) / 32);
    return int(std::max<Index>(1, std::min<Index>(threads, most)));
  }
  /// Numbers of the work area, and what it takes to begin at a cache line.
  Index numbers(int threads) const {
    return 2 * lanes * (column_blocks() * pitch() + slots(threads) * line()) +
           64 / Index(sizeof(float));
  }
};

/// The three steps, each a body of one block of rows or of columns; V: the registers.
template <class V> struct Convolve {
  static constexpr int LANES = int(sizeof(V) / sizeof(float));
  FftLines<V> row, column;
  const float *spectrum; // (blocks of columns, g0 / 2 + 1, LANES)
  const float *charge;   // (m0, m1)
  float *potential;      // (m0, m1)
  Complex<V> *half;      // (blocks of columns, pitch)
  Complex<V> *lines;     // (slots, line)
  const int32_t *weight; // (g0,) which row of the spectrum belongs to a place
  Index m0, m1, blocks, pitch, line;

  /// LANES numbers of a row; zeros beyond its end and beyond the last row.
  HD void load(Index r, Index j, V &v) const {
    v = V{};
    if (r < m0) {
      if (j + LANES <= m1)
        std::memcpy(&v, charge + r * m1 + j, sizeof v);
      else
        std::memcpy(&v, charge + r * m1 + j, size_t(m1 - j) * sizeof(float));
    }
  }

  HD void store(Index r, Index j, const V &v) const {
    if (r < m0) {
      if (j + LANES <= m1)
        std::memcpy(potential + r * m1 + j, &v, sizeof v);
      else
        std::memcpy(potential + r * m1 + j, &v, size_t(m1 - j) * sizeof(float));
    }
  }

  /// Rows 2 l and 2 l + 1 of a block are the real and imaginary part of lane l.
  HD void rows_forward(int slot, Index block) const {
    Complex<V> *z = lines + slot * line;
    const Index first = block * 2 * LANES;
    for (Index j = 0; j < m1; j += LANES) {
      V a[LANES], b[LANES];
      UNROLL for (int l = 0; l < LANES; ++l) {
        load(first + 2 * l, j, a[l]);
        load(first + 2 * l + 1, j, b[l]);
      }
      transpose(a);
      transpose(b);
      UNROLL for (int i = 0; i < LANES; ++i)
        z[j + i] = {a[i], b[i]};
    }
    row.begin(z, z);
    row.template inside<true, false>(z, [](Complex<V> &, Index) __attribute__((always_inline)) {});
    for (Index c = 0; c < blocks; ++c) {
      V ax[LANES], ay[LANES], bx[LANES], by[LANES];
      UNROLL for (int i = 0; i < LANES; ++i) {
        const Index k = c * LANES + i;
        Complex<V> u{}, w{};
        if (k <= m1) {
          u = z[row.place[k]];
          w = z[row.place[k ? row.n - k : 0]];
        }
        ax[i] = u.x + w.x; // twice the transforms: the spectrum is halved
        ay[i] = u.y - w.y;
        bx[i] = u.y + w.y;
        by[i] = w.x - u.x;
      }
      transpose(ax);
      transpose(ay);
      transpose(bx);
      transpose(by);
      Complex<V> *out = half + c * pitch + first;
      UNROLL for (int l = 0; l < LANES; ++l) {
        out[2 * l] = {ax[l], ay[l]};
        out[2 * l + 1] = {bx[l], by[l]};
      }
      for (Index r = m0; r < first + 2 * LANES; ++r) // of rows that aren't there: rounding alone
        half[c * pitch + r] = Complex<V>{};
    }
  }

  HD void columns(int slot, Index block) const {
    Complex<V> *z = lines + slot * line, *own = half + block * pitch;
    const float *factors = spectrum + block * (m0 + 1) * LANES;
    const int32_t *which = weight;
    column.begin(own, z);
    column.template inside<true, true>(
        z, [=](Complex<V> &v, Index at) __attribute__((always_inline)) {
          V w;
          std::memcpy(&w, factors + Index(which[at]) * LANES, sizeof w);
          v.x *= w;
          v.y *= w;
        });
    column.end(z, own);
  }

  HD void rows_back(int slot, Index block) const {
    Complex<V> *z = lines + slot * line;
    const Index first = block * 2 * LANES;
    for (Index c = 0; c < blocks; ++c) {
      V ax[LANES], ay[LANES], bx[LANES], by[LANES];
      const Complex<V> *in = half + c * pitch + first;
      UNROLL for (int l = 0; l < LANES; ++l) {
        ax[l] = in[2 * l].x;
        ay[l] = in[2 * l].y;
        bx[l] = in[2 * l + 1].x;
        by[l] = in[2 * l + 1].y;
      }
      transpose(ax);
      transpose(ay);
      transpose(bx);
      transpose(by);
      UNROLL for (int i = 0; i < LANES; ++i) {
        const Index k = c * LANES + i;
        if (k == 0 || k == m1) { // real, but for rounding
          z[row.place[k]] = {ax[i], bx[i]};
        } else if (k < m1) {
          z[row.place[k]] = {ax[i] - by[i], ay[i] + bx[i]};
          z[row.place[row.n - k]] = {ax[i] + by[i], bx[i] - ay[i]};
        }
      }
    }
    row.template inside<false, true>(z, [](Complex<V> &, Index) __attribute__((always_inline)) {});
    row.end(z, z);
    for (Index j = 0; j < m1; j += LANES) {
      V a[LANES], b[LANES];
      UNROLL for (int i = 0; i < LANES; ++i) {
        a[i] = z[j + i].x;
        b[i] = z[j + i].y;
      }
      transpose(a);
      transpose(b);
      UNROLL for (int l = 0; l < LANES; ++l) {
        store(first + 2 * l, j, a[l]);
        store(first + 2 * l + 1, j, b[l]);
      }
    }
  }
};

} // namespace gputsne::cpu
