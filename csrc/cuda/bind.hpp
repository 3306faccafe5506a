// What the bindings of gputsne._cuda share: an address comes from Python as an int, and becomes any
// pointer.
#pragma once
#include "launch.hpp"
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace gputsne::cuda {

/// Device memory, or a stream, by its number; 0 is a null pointer.
struct Address {
  std::uintptr_t value = 0;
  template <class T> operator T *() const { return reinterpret_cast<T *>(value); }
};

void bind_graph(pybind11::module_ &m);
void bind_field(pybind11::module_ &m);
void bind_fft(pybind11::module_ &m);
void bind_step(pybind11::module_ &m);
void bind_order(pybind11::module_ &m);
void bind_place(pybind11::module_ &m);
void bind_neighbors(pybind11::module_ &m);
void bind_arrays(pybind11::module_ &m);
void bind_lists(pybind11::module_ &m);
void bind_gram(pybind11::module_ &m);
void bind_prepare(pybind11::module_ &m);
void bind_metric(pybind11::module_ &m);

} // namespace gputsne::cuda

template <> struct pybind11::detail::type_caster<gputsne::cuda::Address> {
  PYBIND11_TYPE_CASTER(gputsne::cuda::Address, const_name("int"));
  bool load(handle source, bool) {
    if (!PyLong_Check(source.ptr()))
      return false;
    void *address = PyLong_AsVoidPtr(source.ptr());
    if (PyErr_Occurred())
      throw error_already_set();
    value.value = reinterpret_cast<std::uintptr_t>(address);
    return true;
  }
};
