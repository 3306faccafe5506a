// Pull of a neighbour: one edge of P. Also one edge's share of the KL divergence.
// van der Maaten & Hinton 2008, eq. 5; for dof != 1 Kobak et al. 2019, eq. 5. docs/math.md (3).
#pragma once
#include "machine.hpp"
#include <cstring>

namespace gputsne {

/// p_ij of each edge in 4 bytes; half.hpp has it in 2.
struct FloatWeights {
  const float *data;
  HD float operator[](Index e) const { return load_streaming(data + e); }
  HD void skip(Index e) { data += e; }
};

/// One entry of P: p_ij as it is stored, and whose it is.
struct Edge {
  int j;
  float p;
};

/// What an edge reads, in steps: load(e), then other(edge), then the body's term(mine, edge,
/// other). The CPU takes an edge from beginning to end; a warp takes each step for many edges at
/// once, so that their loads are on the way together (gpu_rows.hpp).
template <int C, class Weights> struct EdgeBody {
  static constexpr int AXES = C;
  const float *Y;     // (n, C)
  const int *indices; // (nnz,)
  Weights data;       // (nnz,) what data[e] reads p_ij from

  HD Point<C> mine(Index i) const { return point<C>(Y, i); }
  HD Edge load(Index e) const { return {load_streaming(indices + e), data[e]}; }
  /// The body whose edge 0 is edge e of this one.
  HD void skip(Index e) {
    indices += e;
    data.skip(e);
  }
  HD Point<C> other(const Edge &edge) const { return point<C>(Y, edge.j); }
};

template <int C, class Weights = FloatWeights> struct Attract : EdgeBody<C, Weights> {
  float inv_dof;

  /// p_ij / (1 + r^2 / dof) (y_i - y_j)
  template <class Mine> HD Vec<C> term(const Mine &a, const Edge &edge, const Point<C> &b) const {
    Vec<C> d;
    float r2 = 0;
    UNROLL for (int k = 0; k < C; ++k) {
      d.v[k] = a.v[k] - b.v[k];
      r2 += d.v[k] * d.v[k];
    }
    float w = quotient(edge.p, 1.f + r2 * inv_dof);
    UNROLL for (int k = 0; k < C; ++k)
      d.v[k] *= w;
    return d;
  }
  HD Vec<C> operator()(Index i, Index e) const {
    Edge edge = this->load(e);
    return term(this->mine(i), edge, this->other(edge));
  }
};

/// log x for normal x > 0, relative error < 2e-7: exponent by bits, mantissa by the degree-9
/// polynomial of the Cephes library's logf (Moshier 1989). Branch-free, so that vector units of
/// plain x86-64 take it; the C library's logf is called lane by lane.
HD float fast_log(float x) {
  uint32_t word; // unsigned, since the bits of a number below 0 would overflow
  memcpy(&word, &x, sizeof word);
  int shifted = static_cast<int>(word - 0x3f3504f3u); // mantissa into [sqrt(1/2), sqrt(2))
  int e = shifted >> 23, bits = (shifted & 0x007fffff) + 0x3f3504f3;
  float m;
  memcpy(&m, &bits, sizeof m);
  m -= 1.f;
  float q = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return m - 0.5f * q + p * m * q + 0.69314718f * float(e);
}

/// p_ij (log p_ij - log K_ij) of one edge.
template <int C, class Weights = FloatWeights> struct Divergence : EdgeBody<C, Weights> {
  float inv_dof, power; // power = (dof + 1) / 2
  float scale = 1.f;    // p_ij = scale * data

  template <class Mine> HD Vec<1> term(const Mine &a, const Edge &edge, const Point<C> &b) const {
    float r2 = 0, p = edge.p * scale;
    UNROLL for (int k = 0; k < C; ++k)
      r2 += (a.v[k] - b.v[k]) * (a.v[k] - b.v[k]);
    float p_safe = p > 1.2e-38f ? p : 1.2e-38f; // p log p -> 0
    return {{p * (fast_log(p_safe) + power * fast_log(1.f + r2 * inv_dof))}};
  }
  HD Vec<1> operator()(Index i, Index e) const {
    Edge edge = this->load(e);
    return term(this->mine(i), edge, this->other(edge));
  }
};

/// Where a row's sum goes, and how the total reads it.
struct RowSum {
  float *rows;
  template <class Mine> HD void operator()(Index i, const Mine &, const Vec<1> &sum) const {
    rows[i] = sum.v[0];
  }
  HD double operator()(Index i) const { return double(rows[i]); }
};

} // namespace gputsne
