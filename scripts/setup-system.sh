#!/bin/bash
# Installs the Debian or Ubuntu packages that the end-to-end tests and the demo need, where they are missing.
set -euo pipefail
# libpmix-dev: srun --mpi=pmix; gcc: the library that lets calls of the hook's fail
packages=(slurm-wlm munge iproute2 libfabric-bin openmpi-bin iperf3 procps libpmix-dev fuse3 gcc libc6-dev)
packages+=(slurmdbd mariadb-server-core mariadb-client-core) # accounting; no package that starts the database as a service
packages+=(buildah mmdebstrap gnupg openssl git) # container images, the tree that they are built on, their stand-ins
command -v node >/dev/null || packages+=(nodejs) # pcluster refuses to start without it
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
# As well where another Python comes first on PATH: setup-venv.sh prefers the distribution's.
/usr/bin/python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "Not a Debian or Ubuntu machine: install what matches ${missing[*]} yourself; tests that lack it are skipped" >&2
  exit 0
fi
echo "installing ${missing[*]}"
"$(dirname "$0")/as-root.sh" apt-get update --quiet=2
"$(dirname "$0")/as-root.sh" env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
