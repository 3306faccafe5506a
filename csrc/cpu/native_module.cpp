// The module gputsne._native: the stages of csrc/cpu, and the thread count of a caller.
#include "native.hpp"

namespace gputsne::cpu {

// Each thread of Python's has its own, so that two fits side by side keep theirs.
static thread_local int thread_count = 1;
int threads() { return thread_count; }
static thread_local bool wide_registers = has_avx2();
bool wide() { return wide_registers; }

void bind_graph(py::module_ &m);
void bind_field(py::module_ &m);
void bind_fft(py::module_ &m);
void bind_step(py::module_ &m);
void bind_order(py::module_ &m);
void bind_place(py::module_ &m);
void bind_disk(py::module_ &m);

} // namespace gputsne::cpu

PYBIND11_MODULE(_native, m) {
  namespace py = pybind11;
  using namespace py::literals;
  m.doc() = "Compiled kernels of gputsne for the CPU; see csrc/README.md.";
  m.attr("__version__") = GPUTSNE_VERSION;
  m.def(
      "set_threads",
      [](int count) {
        if (count < 1)
          gputsne::refuse("count=", count, " threads; at least 1 is needed");
        gputsne::cpu::thread_count = count;
      },
      "count"_a,
      "OpenMP threads that the calls of this Python thread may use, at least 1; 1 at first.");
  m.def("threads", &gputsne::cpu::threads,
        "OpenMP threads that the calls of this Python thread may use.");
  m.def(
      "_set_wide", [](bool on) { return gputsne::cpu::wide_registers = on && gputsne::has_avx2(); },
      "on"_a,
      "Whether the calls of this Python thread may use AVX2; returns whether they will. For tests: "
      "no bit of a result depends on it.");
  gputsne::cpu::bind_graph(m); // first: Edges stands in the signatures of the others
  gputsne::cpu::bind_field(m); // before place, for Mesh
  gputsne::cpu::bind_fft(m);
  gputsne::cpu::bind_order(m); // before step, for Packed
  gputsne::cpu::bind_step(m);
  gputsne::cpu::bind_place(m);
  gputsne::cpu::bind_disk(m);
}
