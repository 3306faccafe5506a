// The convolution of charges with the kernel for Python: docs/mesh.md, "FFT".
#include "convolve_lanes.hpp"
#include "native.hpp"
#include <pybind11/stl.h>

namespace gputsne::cpu {
namespace {

/// What a mesh of two axes is convolved with; nothing in it changes, so that any number of threads
/// may use it at a time.
class Convolution {
public:
  Convolution(const Shape &lengths, In<float> octant)
      : shape(checked(lengths, octant)), column(shape.g0), row(shape.g1) {
    const float *from = octant.data();
    const Index rows = shape.m0() + 1, width = shape.m1() + 1, lanes = shape.lanes;
    py::gil_scoped_release release;
    const double scale = 0.5 / (double(shape.g0) * double(shape.g1));
    spectrum.assign(size_t(shape.column_blocks() * rows * lanes), 0.f);
    for (Index i = 0; i < rows; ++i)
      for (Index k = 0; k < width; ++k)
        spectrum[size_t((k / lanes * rows + i) * lanes + k % lanes)] =
            float(scale * double(from[i * width + k]));
    weight.resize(size_t(shape.g0));
    for (Index k = 0; k < shape.g0; ++k)
      weight[size_t(column.place[size_t(k)])] = int32_t(std::min(k, shape.g0 - k));
  }

  static bool suits(const Shape &lengths) {
    return lengths.size() == 2 && FftPlan::known(lengths[0]) && FftPlan::known(lengths[1]);
  }

  Index work() const { return shape.numbers(threads()); }

  void operator()(In<float> charge, In<float> work, In<float> potential) const {
    check_shape("charge", charge, shape.m0(), shape.m1());
    check_shape("potential", potential, shape.m0(), shape.m1());
    check_aligned("work", work);
    const Index needed = this->work();
    if (work.ndim() != 1 || work.shape(0) < needed)
      refuse("work has shape ", shape_of(work), ", needs (", needed, ",) for ", threads(),
             " threads");
    check_apart("potential", potential, "charge", charge, "work", work);
    check_apart("work", work, "charge", charge);
    float *room = writable("work", work), *out = writable("potential", potential);
    const float *in = charge.data();
    py::gil_scoped_release release;
    if (shape.lanes == 8)
      run<Float8>(in, room, out);
    else
      run<Float4>(in, room, out);
  }

private:
  static ConvolveShape checked(const Shape &lengths, const py::array &octant) {
    if (!suits(lengths))
      refuse("lengths=", shape_of(lengths), " must be two even numbers from ", FftPlan::LEAST,
             " to ", FftPlan::MOST, " without a prime factor above 5");
    check_shape("spectrum", octant, lengths[0] / 2 + 1, lengths[1] / 2 + 1);
    return {lengths[0], lengths[1], wide() ? 8 : 4};
  }

  template <class V> void run(const float *charge, float *room, float *potential) const {
    const uintptr_t line = 64, address = reinterpret_cast<uintptr_t>(room);
    auto *half = reinterpret_cast<Complex<V> *>((address + line - 1) / line * line);
    const int slots = shape.slots(threads());
    const Convolve<V> body{FftLines<V>::of(row),
                           FftLines<V>::of(column),
                           spectrum.data(),
                           charge,
                           potential,
                           half,
                           half + shape.column_blocks() * shape.pitch(),
                           weight.data(),
                           shape.m0(),
                           shape.m1(),
                           shape.column_blocks(),
                           shape.pitch(),
                           shape.line()};
    const Cpu cpu = machine();
    auto steps = [=](Index count, auto step) {
      cpu.each_slot(count, slots, [=](int slot, Index block) {
        if constexpr (sizeof(V) == sizeof(Float8))
          in_avx2(step, slot, block);
        else
          step(slot, block);
      });
    };
    steps(shape.row_blocks(), [=](int slot, Index block) __attribute__((always_inline)) {
      body.rows_forward(slot, block);
    });
    steps(shape.column_blocks(),
          [=](int slot, Index block) __attribute__((always_inline)) { body.columns(slot, block); });
    steps(shape.row_blocks(), [=](int slot, Index block)
                                  __attribute__((always_inline)) { body.rows_back(slot, block); });
  }

  ConvolveShape shape;
  FftPlan column, row;
  std::vector<float> spectrum;
  std::vector<int32_t> weight;
};

} // namespace

void bind_fft(py::module_ &m) {
  using namespace py::literals;
  py::class_<Convolution>(m, "Convolution", "What a mesh of two axes is convolved with; immutable.")
      .def(
          py::init<const Shape &, In<float>>(), "lengths"_a, "spectrum"_a.noconvert(),
          R"(lengths: of the FFT per axis, twice the mesh; spectrum (mesh.shape + 1 per axis) float32.)")
      .def_static("suits", &Convolution::suits, "lengths"_a,
                  "Whether there is a convolution of these FFT lengths.")
      .def_property_readonly("work", &Convolution::work,
                             "Numbers of work area that a call of this Python thread needs.");
  m.def(
      "convolve",
      [](const Convolution &by, In<float> charge, In<float> work, In<float> potential) {
        by(charge, work, potential);
      },
      "by"_a, "charge"_a.noconvert(), "work"_a.noconvert(), "potential"_a.noconvert(),
      R"(Fills potential (mesh.shape) with charge (mesh.shape) convolved; all float32.

mesh.shape: lengths // 2; work (by.work,): whatever it holds is lost.)");
}

} // namespace gputsne::cpu
