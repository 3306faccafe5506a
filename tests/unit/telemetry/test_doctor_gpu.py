"""The doctor at the GPU: each reason why it isn't used has a remedy."""

from __future__ import annotations

from importlib import metadata

import pytest
from findings import by_name, is_sound, only

from gputsne.backends import diagnosis
from gputsne.telemetry.doctor import FAILED, OK, WARNING, gpu


def test_without_a_gpu_the_cpu_computes(monkeypatch):
    found = only(gpu.judged({"reason": "no CUDA kernels"}, [], "", []))
    assert (found.state, found.found) == (OK, "no NVIDIA GPU in this machine: the CPU computes")


H100 = {"device": "NVIDIA H100", "number": 0, "free": 70 << 30, "total": 80 << 30}
GOOD = {"driver": 13000, "reason": "", "runtime": 13000, "fitted": "cuda"}


@pytest.mark.parametrize(
    ("told", "devices", "end", "name", "state", "said", "remedy"),
    [
        (GOOD, [H100], "", "device", OK, "NVIDIA H100", ""),
        (GOOD, [H100], "", "fit", OK, "200 rows", ""),
        (GOOD, [{**H100, "free": 1 << 20}], "", "device", WARNING, "free", "nvidia-smi"),
        ({**GOOD, "driver": 12040}, [H100], "", "runtime", FAILED, "up to 12.4", "cuda12"),
        ({"driver": 13000, "reason": "", "runtime": 13000}, [H100], "it ended with signal 11",
         "fit", FAILED, "signal 11", "report it"),
        ({"driver": 13000}, [], "no end within 120 s", "device", FAILED, "within 120",
         "nvidia-smi"),
        ({"no_driver": "libcuda.so.1: no such file", "reason": "x"}, [], "", "driver", WARNING,
         "no driver's library", "--gpus all"),
        *(
            ({"driver": 12000, "reason": reason}, [], "", "device", WARNING, reason, remedy)
            for reason, remedy in [
                ("this build has no CUDA kernels: no nvcc", "GPUTSNE_CUDA=on"),
                ("the CUDA kernels can't be loaded: libcudart", "--force-reinstall"),
                ("CUDA kernels are of version 0.0, the package of 0.1: reinstall", "reinstall"),
                ("no NVIDIA GPU answers: CUDA driver version is insufficient for CUDA runtime "
                 "version", "driver of 580"),
                ("no NVIDIA GPU answers: no CUDA-capable device is detected", "--gpus all"),
                ("CuPy is missing: pip", "gputsne[cuda13]"),
                ("CuPy does not work here (libnvrtc): pip", "gputsne[cuda13]"),
                ("this GPU has compute capability 7.0, the kernels need at least 7.5",
                 "GPUTSNE_CUDA_ARCHS"),
                ("something new", "docs/gpu.md"),
            ]
        ),
    ],
)  # fmt: skip
def test_what_keeps_a_gpu_from_use(told, devices, end, name, state, said, remedy, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    every = list(gpu.judged(told, devices, end, ["dev/nvidia0"]))
    found = by_name(every)[name]
    assert (found.state, said in found.found, remedy in found.remedy) == (state, True, True)
    assert all(map(is_sound, every))


def test_hidden_gpus_are_told_as_that(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    told = {"driver": 13000, "reason": "no NVIDIA GPU answers: no CUDA-capable device"}
    found = by_name(gpu.judged(told, [], "", ["dev/nvidia0"]))["device"]
    assert found.remedy == "unset CUDA_VISIBLE_DEVICES"


def test_every_reason_of_the_backend_has_a_remedy_of_its_own():
    import inspect

    from gputsne.backends.cuda import presence

    source = inspect.getsource(presence)
    for words, _ in diagnosis.REMEDIES[:4] + diagnosis.REMEDIES[8:]:
        assert words in source, f"{words!r} stands in no reason any more"


def test_two_packages_of_faiss_are_a_failure(monkeypatch):
    class Package:
        def __init__(self, name):
            self.metadata = {"Name": name}

    names = ["numpy", "faiss-cpu", "faiss-gpu"]
    monkeypatch.setattr(metadata, "distributions", lambda: map(Package, names))
    assert only(gpu.two_faiss()).state == FAILED
    names.pop()
    assert list(gpu.two_faiss()) == []
