#!/bin/bash
# Installs a CPU build of PyTorch for the torchrun test, where pip is told of a local one (find-links): setup-torch.sh FOLDER
# Elsewhere the same name would bring gigabytes of CUDA libraries, so there nothing is installed and the test is skipped.
set -euo pipefail
folder=$1
python="$(dirname "$0")/../.venv/bin/python"
[ ! -e "$folder/bin/torchrun" ] || exit 0
"$python" -m venv "$folder"
trap '[ -e "$folder/bin/torchrun" ] || rm -rf "$folder"' EXIT
pip=("$folder/bin/python" -m pip --quiet --disable-pip-version-check)
if ! "${pip[@]}" download --no-index --no-deps --dest "$folder/wheel" torch 2>/dev/null; then
  echo "no local build of PyTorch is known to pip: the torchrun test will be skipped" >&2
  exit 0
fi
"${pip[@]}" install numpy filelock typing-extensions sympy networkx jinja2 fsspec 'setuptools>=77'
"${pip[@]}" install --no-index --no-deps "$folder"/wheel/torch-*.whl
rm -rf "$folder/wheel"
