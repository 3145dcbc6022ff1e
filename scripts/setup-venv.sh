#!/bin/bash
# Makes a virtual environment with everything that the checks need: setup-venv.sh FOLDER [PCLUSTER_RELEASE]
# With a release, ParallelCluster of that release is installed in place of the newest, for the vendor's side alone.
set -euo pipefail
folder=$1
release=${2-}
python=
for candidate in python3.13 python3.12 python3.11 python3.10 python3; do
  # With ensurepip, which Debian packs apart (python3-venv).
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "No Python 3.10 or later with its venv module: apt-get install python3-venv" >&2
  exit 1
fi
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
pip=("$folder/bin/python" -m pip --quiet --disable-pip-version-check)
if [ -n "$release" ]; then
  "${pip[@]}" install --editable . "aws-parallelcluster==$release" 'moto[server]>=5.2' 'boto3>=1.34' pytest pytest-xdist hypothesis
else
  "${pip[@]}" install --editable '.[dev,aws,pcluster]'
fi
touch "$folder/ready"
