"""What a Dockerfile of efakit's asks the network for, from this machine: nothing of it is the real thing.

The base image is this machine's own distribution, the EFA installer a script that judges its options, PyTorch and NCCL
empty wheels, nccl-tests a make file that looks for what it is told of.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import shutil
import ssl
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

HOSTS = ("efa-installer.amazonaws.com", "github.com")
TOOLS = ("buildah", "debootstrap", "openssl", "gcc", "git")
_INSTALLER = r"""#!/bin/bash
# Judges its options as the real one does, by the release that it is of.
options=" $* "
for option in "$@"; do
  case $option in
    -y | --skip-kmod | --skip-limit-conf | --no-verify) ;;
    --disable-ngc | --disable-build-ngc) [ @NEW@ = yes ] || exit 2 ;;
    *) echo "unknown option $option" >&2; exit 2 ;;
  esac
done
[[ $options == *' -y '* ]] || exit 3
[[ $options == *' --skip-kmod '* ]] || exit 4
[ -n "$(ls -A /var/lib/apt/lists)" ] || exit 5
mkdir -p /opt/amazon/{efa/bin,openmpi/bin,openmpi/include}
cp /stub/fi_info /opt/amazon/efa/bin/
printf '#!/bin/bash\n' >/opt/amazon/openmpi/bin/mpirun
chmod +x /opt/amazon/*/bin/*
touch /opt/amazon/openmpi/include/mpi.h
if [ ! -e /opt/nvidia/nvidia_entrypoint.sh ] || [ @NEW@ = no ] || [[ $options == *' --disable-ngc '* ]]; then
  mkdir -p "$(dirname @PLUGIN@)"
  cp /stub/plugin.so @PLUGIN@
fi
"""
_FI_INFO = """#!/bin/bash
case $1 in
  --version) echo "libfabric: 2.7.0" ;;
  -l) echo "efa:" ;;
  *) exit 1 ;;
esac
"""
_GPG = """#!/bin/bash
# No key of AWS's can be had here: this says what the real one would, of a file that is signed.
case "$*" in
  *--import*) [ -s "${!#}" ] ;;
  *--verify*) [ -s "${!#}.sig" ] && echo "[GNUPG:] VALIDSIG 4E9091BCBB97A96B26B15E59A05480B1DD2D3CCC" ;;
  *) exit 2 ;;
esac
"""
_MAKEFILE = """all:
\ttest -e $(MPI_HOME)/include/mpi.h
\ttest -e $(NCCL_HOME)/include/nccl.h
\ttest -e $(NCCL_HOME)/lib/libnccl.so
\ttest -d $(CUDA_HOME)
\tmkdir -p build
\techo all_reduce_perf >build/all_reduce_perf
"""


def missing() -> list[str]:
    """Return the programs that are not there."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def run(*words: str | Path, **more: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return str(done.stdout)


class Registry:
    """The stand-ins below a folder, and buildah with a store of its own."""

    def __init__(self, folder: Path, images: list[str], *, installer: str, plugin: str) -> None:
        self.folder = folder
        self.store = ("--root", folder / "store", "--runroot", folder / "run", "--storage-driver", "vfs")
        self._make_certificate()
        self._make_site(installer, plugin)
        base = self._make_base()
        for image in images:
            self._commit(base, image)

    def build(self, context: Path, tag: str) -> subprocess.CompletedProcess[str]:
        """Build a folder's Dockerfile as it stands; every RUN is run."""
        hosts = [word for host in HOSTS for word in ("--add-host", f"{host}:127.0.0.1")]
        command = ["buildah", *self.store, "bud", "--format", "docker", "--layers", "--isolation", "chroot"]
        command += ["--network", "host", "--pull-never", *hosts, "-t", tag, context]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True)

    def read(self, tag: str, *command: str) -> str:
        """Return what a command prints in an image."""
        container = run("buildah", *self.store, "from", "--pull-never", tag).strip()
        return run("buildah", *self.store, "run", "--isolation", "chroot", container, "--", *command)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the site to whoever takes this machine for one of ``HOSTS``."""
        handler = functools.partial(_Quiet, directory=str(self.folder / "site"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "host.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _make_certificate(self) -> None:
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"]
        new += [
            "-addext",
            f"subjectAltName={names}",
            "-keyout",
            self.folder / "key.pem",
            "-out",
            self.folder / "ca.crt",
        ]
        run(*new)
        text = (self.folder / "key.pem").read_text() + (self.folder / "ca.crt").read_text()
        (self.folder / "host.pem").write_text(text)

    def _make_site(self, installer: str, plugin: str) -> None:
        site = self.folder / "site"
        site.mkdir()
        is_new = tuple(map(int, installer.split("."))) >= (1, 48)
        script = _INSTALLER.replace("@NEW@", "yes" if is_new else "no").replace("@PLUGIN@", plugin).encode()
        name = f"aws-efa-installer-{installer}.tar.gz"
        with tarfile.open(site / name, "w:gz") as archive:
            entry = tarfile.TarInfo("aws-efa-installer/efa_installer.sh")
            entry.size, entry.mode = len(script), 0o755
            archive.addfile(entry, io.BytesIO(script))
        (site / f"{name}.sig").write_text("signature")
        (site / "aws-efa-installer.key").write_text("key")
        self._make_repository(site / "NVIDIA/nccl-tests.git")

    def _make_repository(self, bare: Path) -> None:
        work = self.folder / "nccl-tests"
        work.mkdir()
        (work / "Makefile").write_text(_MAKEFILE)
        author = ["-c", "user.name=stand-in", "-c", "user.email=none@example.com"]
        run("git", "init", "--quiet", work)
        run("git", "-C", work, "add", ".")
        run("git", "-C", work, *author, "commit", "--quiet", "-m", "stand-in")
        run("git", "-C", work, "tag", "v2.18.3")
        bare.parent.mkdir(parents=True)
        run("git", "clone", "--quiet", "--bare", work, bare)
        run("git", "-C", bare, "update-server-info")

    def _make_base(self) -> Path:
        base = self.folder / "base"
        lines = run("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)").splitlines()
        site, suite = lines[0].split()
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, base, site)
        (base / "usr/local/share/ca-certificates/stand-in.crt").write_bytes((self.folder / "ca.crt").read_bytes())
        run("chroot", base, "update-ca-certificates")
        # As NVIDIA's images have it, and what makes an installer take them for NGC.
        (base / "opt/nvidia").mkdir(parents=True)
        (base / "opt/nvidia/nvidia_entrypoint.sh").touch()
        cuda = base / "usr/local/cuda/lib64"
        cuda.mkdir(parents=True)
        (base / "etc/ld.so.conf.d/cuda.conf").write_text("/usr/local/cuda/lib64\n")
        self._compile("libcudart.so.13", cuda / "libcudart.so.13")
        (base / "stub/wheels").mkdir(parents=True)
        self._compile("libnccl-net-ofi.so", base / "stub/plugin.so")
        (base / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /stub/wheels\n")
        (base / "stub/fi_info").write_text(_FI_INFO)
        gpg = base / "usr/local/bin/gpg"
        gpg.write_text(_GPG)
        gpg.chmod(0o755)
        self._wheel("torch", "2.14.1", {}, "nvidia-nccl-cu13")
        library = (cuda / "libcudart.so.13").read_bytes()
        self._wheel(
            "nvidia-nccl-cu13", "2.30.7", {"nvidia/nccl/lib/libnccl.so.2": library, "nvidia/nccl/include/nccl.h": b""}
        )
        self._wheel("sagemaker-training", "5.1.4", {})
        return base

    def _compile(self, name: str, path: Path) -> None:
        run("gcc", "-shared", "-nostdlib", f"-Wl,-soname,{name}", "-x", "c", "/dev/null", "-o", path)

    def _wheel(self, name: str, version: str, files: dict[str, bytes], needs: str = "") -> None:
        plain = name.replace("-", "_")
        info = f"{plain}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
            f"Requires-Dist: {needs}\n" if needs else ""
        )
        wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        path = self.folder / f"base/stub/wheels/{plain}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for place, content in files.items():
                archive.writestr(place, content)
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", wheel)
            archive.writestr(f"{info}/RECORD", "")

    def _commit(self, base: Path, image: str) -> None:
        container = run("buildah", *self.store, "from", "scratch").strip()
        mounted = run("buildah", *self.store, "mount", container).strip()
        run("cp", "-a", f"{base}/.", mounted)
        run("buildah", *self.store, "umount", container)
        run("buildah", *self.store, "commit", "-q", container, f"docker.io/{image}")
        run("buildah", *self.store, "rm", container)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the library's name)
        """Write no log."""
