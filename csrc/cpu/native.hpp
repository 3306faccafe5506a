// What all bindings share: the thread count, and errors that name argument, value and remedy.
// Bindings only check, release the GIL and call; the kernels are in csrc/kernels/.
#pragma once
#include "../kernels/arguments.hpp"
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gputsne::cpu {

namespace py = pybind11;

/// Input in C order and of the right type already: these arrays are large, so nothing is copied.
template <class T> using In = py::array_t<T, py::array::c_style>;

int threads(); // of this thread's calls; set by set_threads
bool wide();   // whether they use 32-byte registers; set by set_wide
inline Cpu machine() { return Cpu{threads(), wide()}; }

inline std::string shape_of(const py::array &a) {
  std::ostringstream text;
  text << "(";
  for (py::ssize_t d = 0; d < a.ndim(); ++d)
    text << (d ? ", " : "") << a.shape(d);
  text << (a.ndim() == 1 ? ",)" : ")");
  return text.str();
}

inline std::string shape_of(const Shape &shape) {
  return py::str(py::tuple(py::cast(shape))).cast<std::string>();
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

/// Values that a sealed capsule owns, as an array.
template <class T> py::array_t<T> sealed_in(T *values, Index length, const py::capsule &owner) {
  py::array_t<T> a(length, values, owner);
  py::detail::array_proxy(a.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return a;
}

/// A new array of one axis for a kernel to fill, which Python can read and never write to: its
/// memory belongs to an array inside a capsule, so numpy refuses to set the flag again.
template <class T> py::array_t<T> sealed(Index length) {
  py::array_t<T> memory(length);
  T *values = memory.mutable_data();
  py::capsule owner(memory.release().ptr(), SEAL, [](PyObject *self) {
    Py_DECREF(static_cast<PyObject *>(PyCapsule_GetPointer(self, SEAL)));
  });
  return sealed_in(values, length, owner);
}

/// Where a kernel fills a sealed array.
template <class T> T *inside(const py::array_t<T> &a) { return const_cast<T *>(a.data()); }

/// Memory that grows and becomes a sealed array in the end: for results whose size is known piece
/// by piece. Large pieces move by their page tables, not by copying (glibc's realloc, Linux).
template <class T> class Growing {
public:
  Growing() = default;
  Growing(const Growing &) = delete;
  Growing &operator=(const Growing &) = delete;
  ~Growing() { PyMem_RawFree(values); }

  /// Makes room for so many values, the first ones kept.
  T *room(Index wanted) {
    size_t bytes = static_cast<size_t>(wanted > 0 ? wanted : 1) * sizeof(T);
    void *moved = PyMem_RawRealloc(values, bytes);
    if (!moved)
      throw std::bad_alloc();
    values = static_cast<T *>(moved);
    length = wanted;
#if defined(__linux__)
    constexpr size_t PAGE = 4096, LARGE = size_t(1) << 22; // as numpy asks for its arrays
    size_t lead = (PAGE - reinterpret_cast<uintptr_t>(values) % PAGE) % PAGE;
    if (bytes >= LARGE)
      madvise(static_cast<char *>(moved) + lead, bytes - lead, MADV_HUGEPAGE);
#endif
    return values;
  }

  /// The values as an array; this has none from then on.
  py::array_t<T> array() {
    if (!values)
      room(0);
    py::capsule owner(values, SEAL,
                      [](PyObject *self) { PyMem_RawFree(PyCapsule_GetPointer(self, SEAL)); });
    T *given = values;
    values = nullptr;
    return sealed_in(given, length, owner);
  }

private:
  T *values = nullptr;
  Index length = 0;
};

inline bool is_sealed(const py::array &a) {
  return !a.writeable() && a.base() && PyCapsule_IsValid(a.base().ptr(), SEAL);
}

/// Where a kernel writes: an array that Python lets be written to.
template <class T> T *writable(const char *name, In<T> &a) {
  if (!a.writeable())
    refuse(name, " is read-only; pass an array that can be written to");
  return a.mutable_data();
}

/// No byte of an array that is written may be one of another: rows that are still to be read, ids
/// that have been checked, would be overwritten.
template <class... Others>
void check_apart(const char *name, const py::array &a, const char *other, const py::array &b,
                 const Others &...others) {
  auto from = reinterpret_cast<uintptr_t>(a.data()), to = reinterpret_cast<uintptr_t>(b.data());
  if (a.size() && b.size() && from < to + size_t(b.nbytes()) && to < from + size_t(a.nbytes()))
    refuse(name, " shares memory with ", other, "; pass an array of its own");
  if constexpr (sizeof...(others) > 0)
    check_apart(name, a, others...);
}

} // namespace gputsne::cpu
