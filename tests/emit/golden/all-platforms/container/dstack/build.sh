#!/bin/bash
# Builds the image: build.sh [REGISTRY/]. With a registry, it gets the image too.
set -euo pipefail
cd "$(dirname "$0")"
image="${1-}"efa:pytorch2.14.1-efa1.51.0-dstack
docker buildx build --platform linux/amd64 --tag "$image" --load .
if [ -n "${1-}" ]; then docker push "$image"; fi
