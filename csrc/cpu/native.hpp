// What all bindings share: the thread count, and errors that name argument, value and remedy.
// Bindings only check, release the GIL and call; the kernels are in csrc/kernels/.
#pragma once
#include "../kernels/machine.hpp"
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <sstream>
#include <string>

namespace gputsne::cpu {

namespace py = pybind11;

/// Input in C order and of the right type already: these arrays are large, so nothing is copied.
template <class T> using In = py::array_t<T, py::array::c_style>;

int threads(); // set by set_threads
inline Cpu machine() { return Cpu{threads()}; }

template <class... Parts> [[noreturn]] void refuse(const Parts &...parts) {
  std::ostringstream text;
  (text << ... << parts);
  throw py::value_error(text.str());
}

inline std::string shape_of(const py::array &a) {
  std::ostringstream text;
  text << "(";
  for (py::ssize_t d = 0; d < a.ndim(); ++d)
    text << (d ? ", " : "") << a.shape(d);
  text << (a.ndim() == 1 ? ",)" : ")");
  return text.str();
}

/// Vector instructions may take an address for a multiple of the item's size.
inline void check_aligned(const char *name, const py::array &a) {
  if (reinterpret_cast<uintptr_t>(a.data()) % static_cast<uintptr_t>(a.itemsize()))
    refuse(name, " lies at an address that its items' ", a.itemsize(),
           " bytes do not divide; pass a copy");
}

/// a must have shape (rows, columns); rows < 0 or columns < 0 stand for any number.
inline void check_shape(const char *name, const py::array &a, Index rows, Index columns) {
  check_aligned(name, a);
  bool good =
      a.ndim() == 2 && (rows < 0 || a.shape(0) == rows) && (columns < 0 || a.shape(1) == columns);
  if (!good)
    refuse(name, " has shape ", shape_of(a), ", needs (",
           rows < 0 ? std::string("n") : std::to_string(rows), ", ",
           columns < 0 ? std::string("c") : std::to_string(columns), ")");
}

inline void check_length(const char *name, const py::array &a, Index length) {
  check_aligned(name, a);
  if (a.ndim() != 1 || a.shape(0) != length)
    refuse(name, " has shape ", shape_of(a), ", needs (", length, ",)");
}

/// Marks the memory of arrays that only this module can write to.
constexpr const char *SEAL = "gputsne sealed";

/// A new array of one axis for a kernel to fill, which Python can read and never write to: its
/// memory belongs to an array inside a capsule, so numpy refuses to set the flag again.
template <class T> py::array_t<T> sealed(Index length) {
  py::array_t<T> memory(length);
  T *values = memory.mutable_data();
  py::capsule owner(memory.release().ptr(), SEAL, [](PyObject *self) {
    Py_DECREF(static_cast<PyObject *>(PyCapsule_GetPointer(self, SEAL)));
  });
  py::array_t<T> a(length, values, owner);
  py::detail::array_proxy(a.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return a;
}

/// Where a kernel fills a sealed array.
template <class T> T *inside(const py::array_t<T> &a) { return const_cast<T *>(a.data()); }

inline bool is_sealed(const py::array &a) {
  return !a.writeable() && a.base() && PyCapsule_IsValid(a.base().ptr(), SEAL);
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

} // namespace gputsne::cpu
