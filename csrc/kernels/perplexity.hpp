// Calibration: the width of each point's Gaussian that gives its neighbours the perplexity asked
// for. One row is one body; its twin in numpy is gputsne/backends/numpy/graph.py. Symbols:
// docs/math.md.
#pragma once
#include "machine.hpp"
#include <cmath>
#include <cstring>

namespace gputsne {

/// Entropy counts as reached within this many nats.
constexpr double ENTROPY_TOLERANCE = 1e-5;
/// The search goes on to this, so that rounding p to float32 stays inside ENTROPY_TOLERANCE.
constexpr double SEARCH_TOLERANCE = 1e-6;
/// Weights below exp(-46) = 1e-20 of the largest become exact zeros: they can't be seen in the
/// entropy, and later float32 products of them would be denormal, which is slow.
constexpr double LAST_EXPONENT = -46.0;
/// Stands for the shifted squared distance of a neighbour at distance inf or NaN: its weight
/// underflows at every precision allowed, and its square is still finite.
constexpr double FAR_AWAY = 1e150;
/// exp(+-250) brackets the inverse square of every float32 distance (1e-90 to 1e77).
constexpr double LOG_PRECISION_MIN = -250.0, LOG_PRECISION_MAX = 250.0;
constexpr int ENTROPY_STEPS_MAX = 200;
/// Partial sums of a row: fixed, so that the order of additions does not follow the vector width.
constexpr int LANES = 4;

/// Offset of row i in an (n, k) array; 64 bits, since n k passes 2^31.
HD constexpr Index row_start(Index i, Index k) { return i * k; }
static_assert(row_start(30'000'000, 90) == 2'700'000'000, "offsets must not be 32 bits wide");

/// exp(x) for x <= 0, zero below LAST_EXPONENT; relative error 7e-12 (Taylor to r^9, |r| <= ln2 /
/// 2). Our own, because libm's differs from machine to machine in the last bit and does not
/// vectorise.
HD double exp_negative(double x) {
  constexpr double SHIFTER = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to an integer
  double inside = x < LAST_EXPONENT ? LAST_EXPONENT : x;
  double shifted = inside * 1.4426950408889634 + SHIFTER;
  double r = inside - (shifted - SHIFTER) * 0.6931471805599453;
  double y = 1.0 / 362880;
  y = y * r + 1.0 / 40320;
  y = y * r + 1.0 / 5040;
  y = y * r + 1.0 / 720;
  y = y * r + 1.0 / 120;
  y = y * r + 1.0 / 24;
  y = y * r + 1.0 / 6;
  y = y * r + 0.5;
  y = y * r + 1.0;
  y = y * r + 1.0;
  uint64_t bits, power;
  std::memcpy(&bits, &y, sizeof bits);
  std::memcpy(&power, &shifted, sizeof power);
  bits += power << 52; // the low bits of `shifted` are the integer: y * 2^integer
  std::memcpy(&y, &bits, sizeof y);
  return x < LAST_EXPONENT ? 0.0 : y;
}

/// Squared distance less the row's smallest, without cancellation: (d - d0)(d + d0).
HD double shifted_square(float distance, double nearest) {
  double d = std::fabs(static_cast<double>(distance));
  return d <= 3.4028234663852886e38 ? (d - nearest) * (d + nearest) : FAR_AWAY;
}

/// What the search needs to know of one row of distances before it starts.
struct RowShape {
  double nearest;  // smallest |distance|, or inf
  Index finite;    // neighbours at a finite distance
  Index ties;      // of those, at the smallest distance
  double variance; // of the shifted squared distances
};

HD RowShape row_shape(const float *distance, Index k) {
  RowShape row{INFINITY, 0, 0, 0.0};
  for (Index j = 0; j < k; ++j) {
    double d = std::fabs(static_cast<double>(distance[j]));
    row.nearest = d < row.nearest ? d : row.nearest;
  }
  double sum = 0, sum2 = 0;
  for (Index j = 0; j < k; ++j) {
    double D = shifted_square(distance[j], row.nearest);
    if (D < FAR_AWAY) {
      sum += D;
      sum2 += D * D;
      ++row.finite;
      row.ties += D == 0;
    }
  }
  if (row.finite)
    row.variance = sum2 / row.finite - (sum / row.finite) * (sum / row.finite);
  return row;
}

/// Sums over a row of w, w D and w D^2, where w = exp(-beta D).
struct Moments {
  double w, wD, wD2;
  HD double entropy(double beta) const { return std::log(w) + beta * wD / w; }
};

HD Moments moments(const float *distance, Index k, double nearest, double beta) {
  double w[LANES] = {}, wD[LANES] = {}, wD2[LANES] = {};
  Index whole = k - k % LANES;
  for (Index j = 0; j < whole; j += LANES)
    for (int a = 0; a < LANES; ++a) {
      double D = shifted_square(distance[j + a], nearest), weight = exp_negative(-beta * D);
      w[a] += weight;
      wD[a] += weight * D;
      wD2[a] += weight * D * D;
    }
  for (Index j = whole; j < k; ++j) {
    double D = shifted_square(distance[j], nearest), weight = exp_negative(-beta * D);
    w[j - whole] += weight;
    wD[j - whole] += weight * D;
    wD2[j - whole] += weight * D * D;
  }
  return {(w[0] + w[1]) + (w[2] + w[3]), (wD[0] + wD[1]) + (wD[2] + wD[3]),
          (wD2[0] + wD2[1]) + (wD2[2] + wD2[3])};
}

/// Precision beta (1 / 2 sigma^2) of one row, the sum of its weights, and whether it was found.
struct Precision {
  double beta, weight;
  bool reached;
};

/// Newton on log(beta), inside a bracket: dH / dlog(beta) = -beta^2 Var_w(D). The start is the
/// second-order expansion of the entropy around beta = 0: H = log m - beta^2 Var(D) / 2.
HD Precision find_precision(const float *distance, Index k, const RowShape &row, double entropy) {
  double spare = std::log(static_cast<double>(row.finite)) - entropy; // entropy above the target
  double at = 0.5 * std::log(2 * spare / row.variance);
  double low = LOG_PRECISION_MIN, high = LOG_PRECISION_MAX, stride = 2;
  double last = INFINITY;            // |entropy error| of the step before
  bool below = false, above = false; // has either end of the bracket been seen?
  Precision found{0, 0, false};
  for (int step = 0; step < ENTROPY_STEPS_MAX; ++step) {
    at = at > low && at < high ? at : 0.5 * (low + high); // also when the guess is NaN
    found.beta = std::exp(at);
    Moments m = moments(distance, k, row.nearest, found.beta);
    found.weight = m.w;
    double excess = m.entropy(found.beta) - entropy, mean = m.wD / m.w;
    double slope = found.beta * found.beta * (m.wD2 / m.w - mean * mean);
    found.reached = std::fabs(excess) <= ENTROPY_TOLERANCE;
    if (std::fabs(excess) <= SEARCH_TOLERANCE || high - low < 1e-12)
      break;
    (excess > 0 ? low : high) = at;
    (excess > 0 ? below : above) = true;
    // Newton alone can circle around a bend of H: where it does not halve the error, a stride (a
    // bisection, once both ends are known: the loop's first line takes what leaves the bracket).
    bool stalled = std::fabs(excess) > 0.5 * last;
    last = std::fabs(excess);
    double newton = excess / slope; // may be inf or NaN on a plateau
    double limit = below && above ? high - low : (stride *= 2);
    at += std::fabs(newton) < limit && !stalled ? newton : (excess > 0 ? limit : -limit);
  }
  return found;
}

/// p_j|i of row i for the mean of `count` perplexities, each Gaussian calibrated by itself:
/// openTSNE's MultiscaleMixture, FIt-SNE's perplexity_list; Kobak & Berens (2019),
/// doi:10.1038/s41467-019-13056-x.
struct Conditional {
  const float *distance; // (n, k), any order inside a row
  Index k;
  const double *perplexities; // (count,)
  Index count;
  float *p;        // out (n, k), rows sum to 1
  uint8_t *missed; // out (n,), 1 where an entropy was out of reach

  HD void operator()(Index i) const {
    const float *d = distance + row_start(i, k);
    float *out = p + row_start(i, k);
    missed[i] = k == 0;
    if (k == 0)
      return;
    RowShape row = row_shape(d, k);
    for (Index q = 0; q < count; ++q)
      missed[i] |= !one_perplexity(d, row, std::log(perplexities[q]), out, q == 0);
  }

  /// Writes (first) or adds one perplexity's share of the row; true if its entropy was reached.
  HD bool one_perplexity(const float *d, const RowShape &row, double entropy, float *out,
                         bool first) const {
    double most = row.finite ? std::log(static_cast<double>(row.finite)) : INFINITY;
    double least = std::log(static_cast<double>(row.ties));
    double share = 1.0 / static_cast<double>(count);
    // The limits beta = 0 and beta = inf have no finite log(beta) to search for.
    bool flat = row.finite == 0 || row.finite == row.ties || entropy > most - SEARCH_TOLERANCE;
    if (flat || entropy < least + SEARCH_TOLERANCE) {
      Index members = row.finite == 0 ? k : flat ? row.finite : row.ties;
      float each = static_cast<float>(share / static_cast<double>(members));
      for (Index j = 0; j < k; ++j) {
        double D = shifted_square(d[j], row.nearest);
        bool member = row.finite == 0 || (flat ? D < FAR_AWAY : D == 0);
        out[j] = (first ? 0.0f : out[j]) + (member ? each : 0.0f);
      }
      return std::fabs((flat ? most : least) - entropy) <= ENTROPY_TOLERANCE;
    }
    Precision found = find_precision(d, k, row, entropy);
    share /= found.weight;
    for (Index j = 0; j < k; ++j) {
      double weight = exp_negative(-found.beta * shifted_square(d[j], row.nearest));
      out[j] = (first ? 0.0f : out[j]) + static_cast<float>(share * weight);
    }
    return found.reached;
  }
};

} // namespace gputsne
