// Arrays of P that lie in a file instead of memory, sealed as those in memory are.
#include "native.hpp"
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace gputsne::cpu {
namespace {

[[noreturn]] void raise_os_error(int code) {
  errno = code;
  PyErr_SetFromErrno(PyExc_OSError);
  throw py::error_already_set();
}

/// Writes all bytes at an offset; 0, or the error's number.
int write_all(int file, const char *bytes, size_t left, off_t offset) {
  constexpr size_t PART = size_t(1) << 30; // Linux takes less than 2 GiB per call
  while (left > 0) {
    ssize_t done = pwrite(file, bytes, left < PART ? left : PART, offset);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return errno;
    bytes += done, offset += done, left -= static_cast<size_t>(done);
  }
  return 0;
}

struct Mapping {
  void *address;
  size_t bytes;
};

template <class T> py::array put(const py::array &a, int file, int64_t offset) {
  if (!(a.flags() & py::array::c_style))
    refuse("a isn't contiguous: pass numpy.ascontiguousarray(a)");
  Index length = a.size();
  size_t bytes = static_cast<size_t>(length) * sizeof(T);
  if (bytes == 0)
    return sealed<T>(0); // an empty map is an error to the operating system
  void *address = MAP_FAILED;
  int failed;
  {
    const char *values = static_cast<const char *>(a.data());
    py::gil_scoped_release release;
    failed = write_all(file, values, bytes, offset);
    if (failed == 0) {
      address = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, offset);
      failed = address == MAP_FAILED ? errno : 0;
    }
  }
  if (failed)
    raise_os_error(failed);
  auto *mapping = new Mapping{address, bytes};
  py::capsule owner(mapping, SEAL, [](PyObject *self) {
    auto *held = static_cast<Mapping *>(PyCapsule_GetPointer(self, SEAL));
    munmap(held->address, held->bytes);
    delete held;
  });
  return sealed_in(static_cast<T *>(address), length, owner);
}

py::array put_on_disk(const py::array &a, int file, int64_t offset) {
  if (a.ndim() != 1)
    refuse("a has shape ", shape_of(a), "; needs one axis");
  if (offset < 0 || offset % sysconf(_SC_PAGESIZE))
    refuse("offset=", offset, " must be a multiple of the page size, ", sysconf(_SC_PAGESIZE));
  if (py::isinstance<py::array_t<float>>(a))
    return put<float>(a, file, offset);
  if (py::isinstance<py::array_t<int32_t>>(a))
    return put<int32_t>(a, file, offset);
  if (py::isinstance<py::array_t<Index>>(a))
    return put<Index>(a, file, offset);
  refuse("a has dtype ", py::str(a.dtype()).cast<std::string>(), "; needs float32, int32 or int64");
}

} // namespace

void bind_disk(py::module_ &m) {
  m.def(
      "put_on_disk", &put_on_disk, py::arg("a").noconvert(), py::arg("file"), py::arg("offset"),
      R"(The same values, read from a file when they are needed, as an array that P may be made of.

a (n,) float32, int32 or int64; file, the descriptor of one that can be read and written, which
may be closed afterwards and must have no name: what it holds can't be changed then. offset, bytes,
a multiple of the page size.)");
}

} // namespace gputsne::cpu
