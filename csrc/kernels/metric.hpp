// Metrics that are squared Euclidean distance between vectors: rows as vectors, distances in the
// metric's own unit, and queries too far away for float32. On the GPU alone; on the CPU
// gputsne/neighbors/metric.py.
#pragma once
#include "machine.hpp"

namespace gputsne {

/// What a squared distance between vectors is to the metric.
enum Unit { SQUARED, ROOT, HALF };

/// Squared distances in the metric's own unit; at most float32's largest number. In float64, which
/// rounds to what numpy's float32 gives.
struct OwnUnit {
  const float *squared;
  float *out; // may be `squared` itself
  int unit;
  double factor; // that the rows were multiplied by

  HD void operator()(Index e) const {
    constexpr double LARGEST = 3.4028234663852886e38;
    double value = squared[e] > 0.f ? double(squared[e]) : 0.0;
    if (unit == HALF)
      value = value < 4.0 ? 0.5 * value : 2.0;
    else if (unit == ROOT)
      value = sqrt(value) / factor;
    else
      value = value / factor / factor;
    out[e] = float(value < LARGEST ? value : LARGEST);
  }
};

/// A query whose nearest vectors float32 can tell apart, and whose distances it holds.
struct NearQuery {
  const float *squared; // (m, k) ascending
  const int32_t *ids;   // (m, k); -1, behind all others, where float32 holds no distance
  Index k;
  double reach; // from the nearest vector on, further ones are all alike
  HD bool operator()(Index i) const {
    return ids[i * k + k - 1] >= 0 && sqrt(double(squared[i * k])) <= reach;
  }
};

/// Squared length of row i in float64.
HD double squared_length(const float *row, int d, double off) {
  double sum = 0;
  for (int k = 0; k < d; ++k) {
    const double x = double(row[k]) - off;
    sum += x * x;
  }
  return sum;
}

struct RowLengths {
  const float *rows; // (n, d)
  int d;
  double *out; // (n,) squared
  HD void operator()(Index i) const { out[i] = squared_length(rows + i * d, d, 0.0); }
};

/// Unit vectors of one more coordinate, which is 1 for a row without direction: at distance 1 from
/// every row with one. Float64 holds the squares of all float32.
struct UnitRows {
  const float *rows; // (n, d)
  int d;
  bool centred; // whether a row's own mean comes off first: correlation
  float *out;   // (n, d + 1)

  HD void operator()(Index i) const {
    constexpr double CONSTANT = 1e-12; // as in gputsne/neighbors/metric.py
    const float *row = rows + i * d;
    float *unit = out + i * (d + 1);
    double mean = 0;
    if (centred) {
      for (int k = 0; k < d; ++k)
        mean += double(row[k]);
      mean /= double(d);
    }
    const double size = sqrt(squared_length(row, d, 0.0));
    const double norm = centred ? sqrt(squared_length(row, d, mean)) : size;
    const bool flat = norm <= CONSTANT * size;
    for (int k = 0; k < d; ++k)
      unit[k] = flat ? 0.f : float((double(row[k]) - mean) / norm);
    unit[d] = flat ? 1.f : 0.f;
  }
};

/// Rows and what their squared length lacks of a bound, for the inner product; 0 for queries.
struct BoundRows {
  const float *rows; // (n, d)
  int d;
  double bound; // below 0: of queries
  float *out;   // (n, d + 1)

  HD void operator()(Index i) const {
    const float *row = rows + i * d;
    float *vector = out + i * (d + 1);
    for (int k = 0; k < d; ++k)
      vector[k] = row[k];
    const double lacks = bound < 0 ? 0.0 : bound - squared_length(row, d, 0.0);
    vector[d] = lacks > 0 ? float(sqrt(lacks)) : 0.f;
  }
};

} // namespace gputsne
