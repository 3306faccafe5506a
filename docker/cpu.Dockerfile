# gputsne on the CPU: compiled in one stage, run in another that has no compiler.
#   docker build -f docker/cpu.Dockerfile -t gputsne . && docker run --rm -v "$PWD:/data" gputsne demo
# docker/build.sh builds it with its bill of materials and provenance: docs/cluster.md, "Images".
ARG BASE=python:3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir setuptools==80.9.0 pybind11==3.0.1
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY csrc csrc
COPY gputsne gputsne
RUN GPUTSNE_NATIVE=on pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels .

FROM ${BASE} AS installed
# The OpenMP runtime; g++ brought it to the first stage.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,source=docker/cpu-requirements.txt,target=/tmp/requirements.txt \
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
# What is written beside the mounted folders goes to /tmp: the root may be read-only.
ENV MPLCONFIGDIR=/tmp/.matplotlib XDG_CACHE_HOME=/tmp/.cache PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
HEALTHCHECK NONE
ENTRYPOINT ["gputsne"]
CMD ["info"]
