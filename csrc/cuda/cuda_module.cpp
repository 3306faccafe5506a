// The module gputsne._cuda: kernels that take addresses and a stream, and a look at the devices.
// Nothing here touches the driver before it is called: the module imports on any machine.
#include "bind.hpp"
#include "../kernels/gpu_error.hpp"

#ifndef GPUTSNE_MODULE
#define GPUTSNE_MODULE _cuda
#endif

PYBIND11_MODULE(GPUTSNE_MODULE, m) {
  namespace py = pybind11;
  namespace cuda = gputsne::cuda;
  using namespace py::literals;
  m.doc() = "Compiled kernels of gputsne for NVIDIA GPUs; see csrc/README.md.";
  m.attr("__version__") = GPUTSNE_VERSION;
  m.attr("architectures") = GPUTSNE_ARCHS;
  py::register_local_exception<gputsne::CudaError>(m, "CudaError", PyExc_RuntimeError);
  m.def(
      "device_count",
      [] {
        std::string why_none;
        int count = cuda::device_count(why_none);
        return py::make_tuple(count, why_none);
      },
      "GPUs that answer, and the reason in words where there are none.");
  m.def("describe", &cuda::describe, "device"_a, "Name, compute capability, memory, processors.");
  m.def("use_device", &cuda::use_device, "device"_a,
        "The GPU that this thread's next kernels run on.");
  cuda::bind_graph(m);
  cuda::bind_field(m);
  cuda::bind_fft(m);
  cuda::bind_step(m);
  cuda::bind_order(m);
  cuda::bind_place(m);
  cuda::bind_neighbors(m);
  cuda::bind_arrays(m);
  cuda::bind_lists(m);
  cuda::bind_gram(m);
  cuda::bind_prepare(m);
  cuda::bind_metric(m);
}
