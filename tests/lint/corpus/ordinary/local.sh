#!/bin/bash
# Starts the program on this machine alone.
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-4}"
./program "$@"
