#!/usr/bin/env bash
# Resolves what the images install and writes it down with hashes; needs uv. Once per release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock() { # lock NAME WHAT...: docker/NAME-requirements.txt
  local name=$1
  shift
  uv pip compile --quiet "$@" --upgrade --generate-hashes --python-version 3.12 \
    --python-platform x86_64-manylinux_2_28 --no-header --no-annotate \
    --output-file "docker/$name-requirements.txt"
}

every=(--extra plot --extra io --extra report --extra serve --extra ops)
lock cpu pyproject.toml "${every[@]}"
lock cuda pyproject.toml "${every[@]}" --extra cuda13
lock lambda pyproject.toml docker/lambda.in --extra serve
