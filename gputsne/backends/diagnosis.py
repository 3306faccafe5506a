"""Why a GPU is not used: what to ask of driver, kernels and CuPy, and what to do about each reason.

The reasons are those of ``gputsne.backends.cuda.presence``, and CUDA's own words in them.
"""

from __future__ import annotations

from typing import Final

from gputsne.base.extras import pip_install

__all__ = ["ASKING", "REMEDIES", "remedy_for"]

NEWEST: Final = "install a driver of 580 or later (CUDA 13), or of 525 or later (CUDA 12)"
# What stands in the reason of gputsne.backends.cuda.presence, or in the driver's own words, and
# what to do about it.
REMEDIES: Final = (
    ("before process", "multiprocessing.set_start_method('spawn')"),
    ("no CUDA kernels", "GPUTSNE_CUDA=on pip install '.[cuda13]' in a clone, where nvcc is"),
    ("can't be loaded", "GPUTSNE_CUDA=on pip install --force-reinstall '.[cuda13]' in a clone"),
    ("reinstall", "GPUTSNE_CUDA=on pip install --force-reinstall '.[cuda13]' in a clone"),
    ("driver version is insufficient", NEWEST),
    ("forward compatibility", NEWEST),
    ("no CUDA-capable device", "start the container with docker run --gpus all"),
    ("invalid device ordinal", "unset CUDA_VISIBLE_DEVICES"),
    ("no NVIDIA GPU answers", "nvidia-smi says what the driver sees; restart the machine"),
    ("CuPy is missing", pip_install("cuda13")),
    ("CuPy does not work", pip_install("cuda13")),
    ("compute capability", "compile for this GPU: GPUTSNE_CUDA_ARCHS=NN pip install '.[cuda13]'"),
)
ASKING: Final = """
import ctypes, json, sys
sys.path[:] = json.loads(sys.argv[1])
def tell(**facts):
    print(json.dumps(facts), flush=True)
try:
    found = ctypes.c_int()
    ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(found))
    tell(driver=found.value)
except (OSError, AttributeError) as error:
    tell(no_driver=str(error))
from gputsne.backends.cuda.presence import why_not
reason = why_not()
tell(reason=reason)
if not reason:
    import cupy
    run = cupy.cuda.runtime
    tell(runtime=run.runtimeGetVersion())
    for number in range(run.getDeviceCount()):
        with cupy.cuda.Device(number):
            free, total = run.memGetInfo()
            name = run.getDeviceProperties(number)["name"]
            tell(device=name.decode(), number=number, free=free, total=total)
    import numpy, warnings
    warnings.simplefilter("ignore")
    import gputsne
    X = numpy.random.default_rng(0).normal(size=(200, 5))
    tell(fitted=gputsne.TSNE(max_iter=20, device="cuda").fit(X).device_)
"""


def remedy_for(reason: str) -> str:
    """Return what to do about a reason for which the GPU can't be used.

    Parameters
    ----------
    reason : str
        In the words of ``gputsne info``, or of CUDA.

    Returns
    -------
    str
    """
    return next((remedy for words, remedy in REMEDIES if words in reason), "see docs/gpu.md")
