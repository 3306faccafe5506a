# gputsne on an NVIDIA GPU: compiled with the toolkit of PyPI, run without one; the driver is the host's.
#   docker build -f docker/cuda.Dockerfile -t gputsne:cuda .
#   docker run --rm --gpus all -v "$PWD:/data" gputsne:cuda demo
# CUDA 13 needs a driver of 580 or later; docs/gpu.md has CUDA 12.
# docker/build.sh builds it with its bill of materials and provenance: docs/cluster.md, "Images".
ARG BASE=python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir setuptools==80.9.0 pybind11==3.0.1 \
    nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 \
    nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85
ENV CUDA_HOME=/usr/local/lib/python3.12/site-packages/nvidia/cu13
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY csrc csrc
COPY gputsne gputsne
RUN GPUTSNE_NATIVE=on GPUTSNE_CUDA=on pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels .

FROM ${BASE} AS installed
# The OpenMP runtime; g++ brought it to the first stage.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=docker/cuda-requirements.txt,target=/tmp/requirements.txt \
    --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt && \
    pip install --no-cache-dir --no-deps --no-index /wheels/gputsne-*.whl && pip check

# The bill of materials, CycloneDX: what pip installed, told by a tool that stays out of the image.
FROM installed AS materials
RUN python -m venv /tool && /tool/bin/pip install --no-cache-dir cyclonedx-bom==7.5.0 && \
    /tool/bin/cyclonedx-py environment --output-reproducible -o /gputsne.cdx.json /usr/local/bin/python

FROM installed
LABEL org.opencontainers.image.title="gputsne" org.opencontainers.image.licenses="BSD-3-Clause"
COPY --from=materials /gputsne.cdx.json /usr/share/sbom/gputsne.cdx.json
# 10001 is the user of the manifests that gputsne ops init writes.
RUN useradd --create-home --uid 10001 gputsne
# What the NVIDIA container toolkit hands in.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
# What is written beside the mounted folders goes to /tmp, CuPy's kernels too: the root may be read-only.
ENV MPLCONFIGDIR=/tmp/.matplotlib XDG_CACHE_HOME=/tmp/.cache CUPY_CACHE_DIR=/tmp/.cupy PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
HEALTHCHECK NONE
ENTRYPOINT ["gputsne"]
CMD ["info"]
