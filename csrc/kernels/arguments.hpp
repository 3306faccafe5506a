// What the bindings of both machines take and refuse: the mesh, the number of axes, the order, and
// errors that name argument, value and remedy. For the host alone.
#pragma once
#include "spline.hpp"
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace gputsne {

using Floats = std::vector<float>;
using Shape = std::vector<Index>;

/// Nodes per axis, at most: up to here float32 holds the distance of any node from the centre, so
/// that `locate` cannot round a point beyond the edge.
constexpr Index NODES_MAX = Index(1) << 25;

template <class... Parts> [[noreturn]] void refuse(const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw std::invalid_argument(text.str()); // Python's ValueError
}

/// Calls f(std::integral_constant<int, C>) for the number of map axes.
template <class F> auto by_axes(Index c, F f) {
  switch (c) {
  case 1:
    return f(std::integral_constant<int, 1>());
  case 2:
    return f(std::integral_constant<int, 2>());
  case 3:
    return f(std::integral_constant<int, 3>());
  }
  refuse("the map has ", c, " axes; 1, 2 and 3 are compiled");
}

/// Calls f(std::integral_constant<int, P>) for the spline order.
template <class F> auto by_order(int order, F f) {
  switch (order) {
  case 4:
    return f(std::integral_constant<int, 4>());
  case 6:
    return f(std::integral_constant<int, 6>());
  }
  refuse("order=", order, " is not compiled; use 4 or 6");
}

template <class T> void check_axes(const char *name, const std::vector<T> &values, Index c) {
  if (Index(values.size()) != c)
    refuse(name, " has ", values.size(), " numbers; the map has ", c, " axes");
}

/// Strides, in elements, of an array in C order.
inline Shape c_order(const Shape &shape) {
  Shape strides(shape.size(), 1);
  for (size_t a = shape.size(); a-- > 1;)
    strides[a - 1] = strides[a] * shape[a];
  return strides;
}

/// Where the mesh lies: node m / 2 of an axis at `center`; shape in nodes per axis.
struct Mesh {
  Floats center; // map units
  float inv_h;   // nodes per map unit
  int order;     // of the spline
  Shape shape;

  void check(Index c) const {
    check_axes("center", center, c);
    check_axes("shape", shape, c);
  }

  /// The mesh in an array of these strides, as the kernels take it; checked.
  template <int C> Grid<C> grid(const Shape &strides) const {
    check(C);
    check_axes("strides", strides, C);
    for (int a = 0; a < C; ++a)
      if (shape[a] < 2 * order || shape[a] > NODES_MAX)
        refuse("shape has ", shape[a], " nodes on axis ", a, "; order ", order, " needs at least ",
               2 * order, " nodes, and at most ", NODES_MAX, " are compiled");
    return Grid<C>::of(center.data(), inv_h, shape.data(), strides.data());
  }
};

} // namespace gputsne
