#!/bin/bash
# Installs a CPU build of PyTorch, and what launches it, for the tests that run it: setup-torch.sh FOLDER
# Only where pip is told of a local build (find-links): elsewhere the same name would bring gigabytes of CUDA libraries,
# so there nothing is installed and the tests are skipped.
set -euo pipefail
folder=$1
python="$(dirname "$0")/../.venv/bin/python"
[ -e "$folder/bin/python" ] || "$python" -m venv "$folder"
trap '[ -e "$folder/bin/torchrun" ] || rm -rf "$folder"' EXIT
pip=("$folder/bin/python" -m pip --quiet --disable-pip-version-check)
if [ ! -e "$folder/bin/torchrun" ]; then
  if ! "${pip[@]}" download --no-index --no-deps --dest "$folder/wheel" torch 2>/dev/null; then
    echo "no local build of PyTorch is known to pip: the torchrun tests will be skipped" >&2
    exit 0
  fi
  "${pip[@]}" install numpy filelock typing-extensions sympy networkx jinja2 fsspec 'setuptools>=77'
  "${pip[@]}" install --no-index --no-deps "$folder"/wheel/torch-*.whl
  rm -rf "$folder/wheel"
fi
# DeepSpeed's own build looks for PyTorch, so that it must not happen apart from it.
for package in accelerate deepspeed; do
  if [ -d "$(echo "$folder"/lib/python*/site-packages)/$package" ]; then continue; fi
  "${pip[@]}" install --no-build-isolation "$package" || echo "no $package: the test of its launch will be skipped" >&2
done
