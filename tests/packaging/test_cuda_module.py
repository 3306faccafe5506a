"""The CUDA module stands on its own: it links no CUDA library and imports without a driver."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess

import pytest

import gputsne
from gputsne._build import build

SPEC = importlib.util.find_spec("gputsne._cuda")
pytestmark = pytest.mark.skipif(SPEC is None, reason=build().get("cuda_reason") or "not built")


def test_it_is_of_the_version_of_the_package():
    module = importlib.import_module("gputsne._cuda")
    assert module.__version__ == gputsne.__version__
    assert all(int(arch) >= 50 for arch in module.architectures.split())


def test_it_needs_no_library_of_cuda():
    if shutil.which("ldd") is None:
        pytest.skip("no ldd")
    assert SPEC is not None
    linked = subprocess.run(["ldd", str(SPEC.origin)], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in linked.stdout.splitlines() if line.strip()]
    assert any(name.startswith("libstdc++") for name in names)
    assert not [name for name in names if "cu" in name or "nv" in name]


def test_without_a_gpu_it_says_why_and_fails_with_an_exception():
    module = importlib.import_module("gputsne._cuda")
    count, reason = module.device_count()
    if count:
        assert module.describe(0)
        pytest.skip("a GPU answers")
    assert len(reason) > 10
    with pytest.raises(module.CudaError, match=r"cudaError\w+"):
        module.invert(0, 10, 0, 0)  # a launch: RuntimeError, not the end of the process
    assert issubclass(module.CudaError, RuntimeError)
    with pytest.raises(module.CudaError, match="describe"):
        module.describe(0)
    assert module.device_count() == (count, reason)  # and the next call starts clean
