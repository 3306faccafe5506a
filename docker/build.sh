#!/usr/bin/env bash
# Builds and pushes an image with its bill of materials and provenance, and prints its digest.
#   docker/build.sh registry.example/gputsne:0.1.0 [cpu|cuda|lambda]
# Attestations need a builder of their own, once: docker buildx create --use
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
image=${1:?the image: registry/name:tag} kind=${2:-cpu}
case ${image##*/} in
  *:latest | *@*) echo "a tag of its own, such as the version, not latest and no digest" >&2; exit 2 ;;
  *:*) ;;
  *) echo "$image has no tag" >&2; exit 2 ;;
esac
[ -f "docker/$kind.Dockerfile" ] || { echo "there is no docker/$kind.Dockerfile" >&2; exit 2; }
told=$(mktemp)
trap 'rm -f "$told"' EXIT
attested=(--sbom=true --provenance=mode=max)
# Lambda takes no image with attestations beside it: there the bill within the image is all there is.
[ "$kind" = lambda ] && attested=(--sbom=false --provenance=false)
docker buildx build --file "docker/$kind.Dockerfile" "${attested[@]}" \
  ${BASE:+--build-arg "BASE=$BASE"} --metadata-file "$told" --tag "$image" --push .
digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]\{64\}\)".*/\1/p' "$told" | head -n 1)
[ -n "$digest" ] || { echo "the builder told no digest" >&2; exit 1; }
echo "image = \"${image%:*}@$digest\""
