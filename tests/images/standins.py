"""What a Dockerfile of efakit's asks the network for, from this machine: nothing of it is the real thing.

The base image is this machine's own distribution, in which every program that a Dockerfile installs is put aside. Tiny
packages, named as the real ones, put it back, so that a package that is not asked for is not there. The EFA installer
is a script that judges its options, PyTorch and NCCL are empty wheels, nccl-tests is a make file that looks for what it
is told of.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import os
import shutil
import socket
import ssl
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from efakit.catalog.images import KEY_FINGERPRINT, NCCL_TESTS_TAG, NEURON_RELEASES

STOOD_IN = (
    "the images of NVIDIA and Ubuntu (this machine's distribution, with libcudart as an empty library)",
    "the packages of the distribution (tiny ones that put the real program in its place; compilers are empty)",
    "AWS' EFA installer, libfabric, Open MPI and aws-ofi-nccl (a script that judges its options, empty libraries)",
    "AWS' key (one made here: gpg is told to give AWS' fingerprint for it)",
    "PyTorch, NCCL and SageMaker's toolkit (empty wheels)",
    "nccl-tests (a make file that looks for MPI, NCCL and CUDA, and a program linked against them)",
    "Neuron's package repository and packages (signed with the key made here, empty)",
)
HOSTS = (
    "efa-installer.amazonaws.com",
    "github.com",
    "apt.repos.neuron.amazonaws.com",
    "pip.repos.neuron.amazonaws.com",
)
TOOLS = ("buildah", "mmdebstrap", "dpkg-deb", "openssl", "gcc", "git", "gpg")
CACHE = Path(__file__).resolve().parents[2] / ".cache/images"
ENTRYPOINT = "opt/nvidia/nvidia_entrypoint.sh"
_DATE = "%a, %d %b %Y %H:%M:%S UTC"
_REAL = ("curl", "gpg", "python3-venv", "git", "make")
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
[[ $options == *' -y '* ]] || { echo "nobody answers here" >&2; exit 3; }
[[ $options == *' --skip-kmod '* ]] || { echo "no kernel module can be built here" >&2; exit 4; }
[ -n "$(ls -A /var/lib/apt/lists)" ] || { echo "apt has no lists" >&2; exit 5; }
mkdir -p /opt/amazon/efa
cp -a /stub/efa/. /opt/amazon/efa/
for mpi in openmpi openmpi5; do mkdir -p /opt/amazon/$mpi && cp -a /stub/openmpi/. /opt/amazon/$mpi/; done
if [ ! -e /opt/nvidia/nvidia_entrypoint.sh ] || [ @NEW@ = no ] || [[ $options == *' --disable-ngc '* ]]; then
  mkdir -p "@FOLDER@"
  cp /stub/@NAME@ "@FOLDER@/"
  [ @NAME@ = libnccl-net.so ] || ln -s @NAME@ "@FOLDER@/libnccl-net.so"
fi
"""
_FI_INFO = """#!/bin/bash
case $1 in
  --version) echo "libfabric: 2.7.0" ;;
  -l) echo "efa:" ;;
  *) echo "fi_getinfo: -61 (No data available)" >&2; exit 61 ;;
esac
"""
_GPG = """#!/bin/bash
# The real gpg judges the real signature of a key made here; its fingerprint is told as AWS'.
set -o pipefail
/stub/bin/gpg "$@" | sed 's/@OWN@/@AWS@/g'
"""
# The real one takes ten seconds for each environment.
_ENSUREPIP = """import os, pathlib, sys, sysconfig

packages = pathlib.Path(sysconfig.get_paths()["purelib"])
for name in os.listdir("/stub/pip"):
    (packages / name).symlink_to("/stub/pip/" + name)
pip = pathlib.Path(sys.prefix, "bin/pip")
pip.write_text("#!/bin/sh\\nexec " + sys.prefix + '/bin/python -m pip "$@"\\n')
pip.chmod(0o755)
"""
_MAKEFILE = """all:
\ttest -e $(MPI_HOME)/include/mpi.h
\ttest -e $(MPI_HOME)/lib/libmpi.so.40
\ttest -e $(NCCL_HOME)/include/nccl.h
\ttest -e $(NCCL_HOME)/lib/libnccl.so
\ttest -d $(CUDA_HOME)
\ttest -n "$$(command -v g++)"
\tmkdir -p build
\tcp all_reduce_perf build/
"""


def missing() -> list[str]:
    """Return what is not there: programs, the kernel's overlay, port 443 of loopback, at which the stand-ins answer."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if "overlay" not in Path("/proc/filesystems").read_text().split():
        lacking.append("the file system overlay")
    with socket.socket() as taken:
        if os.geteuid() == 0 and taken.connect_ex(("127.0.0.1", 443)) == 0:
            lacking.append("port 443 of loopback, which another program has")
    return lacking


def run(*words: str | Path, **more: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return str(done.stdout)


def system_tree() -> Path:
    """Return an archive of this machine's distribution with the real programs below /stub/bin; made once, and kept."""
    site, suite, architecture = (
        run("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(ARCHITECTURE)").splitlines()[0].split()
    )
    archive = CACHE / f"{suite}-{architecture}-1.tar"
    if archive.exists():
        return archive
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(os.environ.get("PYTEST_DEBUG_TEMPROOT") or CACHE) / f"efakit-base-{os.getpid()}"
    # What a Dockerfile installs is unpacked, and dpkg knows nothing of it.
    hook = (
        f'chroot "$1" apt-get install -y -qq --download-only --no-install-recommends {" ".join(_REAL)}'
        ' && for deb in "$1"/var/cache/apt/archives/*.deb; do'
        ' dpkg-deb --fsys-tarfile "$deb" | tar -C "$1" -x --keep-directory-symlink || exit 1; done'
    )
    try:
        run(
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--include=ca-certificates"),
            *(f"--customize-hook={hook}", '--aptopt=Acquire::Languages "none"', suite, folder, site),
        )
        stub = folder / "stub/bin"
        stub.mkdir(parents=True)
        for name in ("curl", "gpg", "git", "make"):
            (folder / "usr/bin" / name).rename(stub / name)
        (folder / "usr/bin/python3").unlink()
        python = max(folder.glob("usr/bin/python3.*"))
        (stub / "python3").symlink_to(f"/usr/bin/{python.name}")
        shutil.rmtree(folder / "usr/lib" / python.name / "ensurepip")
        for wheel in folder.glob("usr/share/python-wheels/pip-*.whl"):
            shutil.unpack_archive(wheel, folder / "stub/pip", "zip")
        for waste in ("doc", "man", "locale", "zoneinfo", "python-wheels"):
            shutil.rmtree(folder / "usr/share" / waste, ignore_errors=True)
        compiled = ("-q", "--invalidation-mode", "unchecked-hash", "/stub/pip", f"/usr/lib/{python.name}")
        run(
            "chroot", folder, f"/usr/bin/{python.name}", "-m", "compileall", *compiled, env={"PATH": os.environ["PATH"]}
        )
        (folder / "etc/dpkg/dpkg.cfg.d/unsafe").write_text("force-unsafe-io\n")
        part = archive.with_suffix(f".{os.getpid()}")
        run("tar", "-C", folder, "-cf", part, ".")
        part.rename(archive)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return archive


class Registry:
    """The stand-ins below a folder, and buildah with a store of its own."""

    def __init__(
        self, folder: Path, *, cuda: list[str], plain: list[str], installer: str, plugin: tuple[str, str]
    ) -> None:
        self.folder = folder
        self.store = ("--root", folder / "store", "--runroot", folder / "run", "--storage-driver", "overlay")
        self.layer = folder / "layer"
        self._make_certificate()
        self._make_key()
        self.make_installer(installer, plugin)
        self._make_neuron_repository()
        self._make_layer()
        self._commit_bases(cuda, plain)

    def build(self, context: Path, tag: str) -> subprocess.CompletedProcess[str]:
        """Build a folder's Dockerfile as it stands; every RUN is run, but for what an earlier build ran already."""
        hosts = [word for host in HOSTS for word in ("--add-host", f"{host}:127.0.0.1")]
        command = ["buildah", *self.store, "bud", "--format", "docker", "--layers", "--isolation", "chroot"]
        command += ["--network", "host", "--pull-never", *hosts, "-t", tag, context]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True)

    def refusal(self, context: Path, tag: str, said: str) -> str:
        """Return what a build that must fail prints; while that lacks ``said``, it is built again, five times at most.

        buildah ends with its command, and does not wait for the thread that passes on what the command printed
        (1.28.2, chroot/run_common.go, runUsingChrootMain): on a busy machine the last words are lost.
        """
        for _ in range(5):
            done = self.build(context, tag)
            printed = done.stdout + done.stderr
            assert done.returncode != 0, printed[-3000:]
            if said in printed:
                break
        return printed

    def read(self, tag: str, *command: str) -> tuple[int, str]:
        """Return how a command ends in an image, and what it prints: by a file, since buildah may lose it."""
        container = run("buildah", *self.store, "from", "--pull-never", tag).strip()
        words = ["buildah", *self.store, "run", "--isolation", "chroot", container, "--"]
        words += ["sh", "-c", '"$@" > /tmp/printed 2>&1', "sh", *command]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        printed = Path(run("buildah", *self.store, "mount", container).strip(), "tmp/printed")
        said = printed.read_text() if printed.exists() else done.stdout + done.stderr
        run("buildah", *self.store, "rm", container)
        return done.returncode, said

    def setting(self, tag: str, form: str) -> str:
        """Return what an image's settings hold, by a template of Go's."""
        return run("buildah", *self.store, "inspect", "--type", "image", "--format", form, tag).strip()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the site to whoever takes this machine for one of ``HOSTS``."""
        handler = functools.partial(_ByHost, directory=str(self.folder / "site"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "host.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def close(self) -> None:
        """Take down what buildah has mounted."""
        subprocess.run(["buildah", *map(str, self.store), "rm", "--all"], capture_output=True)
        subprocess.run(["buildah", *map(str, self.store), "rmi", "--all", "--force"], capture_output=True)
        subprocess.run(["umount", self.folder / "store/overlay"], capture_output=True)

    def _make_certificate(self) -> None:
        names = ",".join(f"DNS:{host}" for host in HOSTS)
        key, ca = self.folder / "key.pem", self.folder / "ca.crt"
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"]
        run(*new, "-addext", f"subjectAltName={names}", "-keyout", key, "-out", ca)
        (self.folder / "host.pem").write_text(key.read_text() + ca.read_text())

    def _make_key(self) -> None:
        self.gpg = ("gpg", "--batch", "--quiet", "--homedir", self.folder / "gpg")
        (self.folder / "gpg").mkdir(mode=0o700)
        run(*self.gpg, "--passphrase", "", "--quick-generate-key", "stand-in", "rsa2048", "sign", "never")
        lines = run(*self.gpg, "--with-colons", "--fingerprint").splitlines()
        self.fingerprint = next(line.split(":")[9] for line in lines if line.startswith("fpr:"))
        self.public_key = run(*self.gpg, "--armor", "--export")

    def make_installer(self, installer: str, plugin: tuple[str, str]) -> Path:
        """Offer a release of the EFA installer that puts aws-ofi-nccl into a folder; return its archive."""
        site = self.folder / "site/efa-installer.amazonaws.com"
        site.mkdir(parents=True, exist_ok=True)
        is_new = tuple(map(int, installer.split("."))) >= (1, 48)
        script = _INSTALLER.replace("@NEW@", "yes" if is_new else "no")
        script = script.replace("@FOLDER@", plugin[0]).replace("@NAME@", plugin[1])
        name = f"aws-efa-installer-{installer}.tar.gz"
        with tarfile.open(site / name, "w:gz") as archive:
            entry = tarfile.TarInfo("aws-efa-installer/efa_installer.sh")
            entry.size, entry.mode = len(script), 0o755
            archive.addfile(entry, io.BytesIO(script.encode()))
        run(*self.gpg, "--detach-sign", "--output", site / f"{name}.sig", site / name)
        (site / "aws-efa-installer.key").write_text(self.public_key)
        return site / name

    def _make_repository(self, program: Path) -> None:
        bare, work = self.folder / "site/github.com/NVIDIA/nccl-tests.git", self.folder / "nccl-tests"
        work.mkdir()
        (work / "Makefile").write_text(_MAKEFILE)
        shutil.copy(program, work / "all_reduce_perf")
        author = ["-c", "user.name=stand-in", "-c", "user.email=none@example.com"]
        run("git", "init", "--quiet", work)
        run("git", "-C", work, "add", ".")
        run("git", "-C", work, *author, "commit", "--quiet", "-m", "stand-in")
        run("git", "-C", work, "tag", NCCL_TESTS_TAG)
        bare.parent.mkdir(parents=True)
        run("git", "clone", "--quiet", "--bare", work, bare)
        run("git", "-C", bare, "update-server-info")

    def _make_neuron_repository(self) -> None:
        release = NEURON_RELEASES[0]
        site = self.folder / "site/apt.repos.neuron.amazonaws.com"
        folder = site / f"dists/{release.apt_suite}/main/binary-{run('dpkg', '--print-architecture').strip()}"
        folder.mkdir(parents=True)
        (site / "GPG-PUB-KEY-AMAZON-AWS-NEURON.PUB").write_text(self.public_key)
        index = ""
        for wanted in release.apt:
            name, _, version = wanted.partition("=")
            files = {"opt/aws/neuron/lib/libnccom.so": ""} if name.endswith("collectives") else {}
            index += self._package(site, name, version, files)
        (folder / "Packages").write_text(index)
        digest, size = hashlib.sha256(index.encode()).hexdigest(), len(index)
        suite = folder.parents[1]
        (suite / "Release").write_text(
            f"Origin: stand-in\nCodename: {release.apt_suite}\nDate: {time.strftime(_DATE, time.gmtime())}\n"
            f"Architectures: {folder.name[7:]}\nComponents: main\n"
            f"SHA256:\n {digest} {size} main/{folder.name}/Packages\n"
        )
        run(*self.gpg, "--clearsign", "--output", suite / "InRelease", suite / "Release")

    def _package(self, repository: Path, name: str, version: str, files: dict[str, str]) -> str:
        """Make a package whose files are links (where they name something) or empty; return its stanza of an index."""
        tree = self.folder / f"debs/{name}"
        (tree / "DEBIAN").mkdir(parents=True)
        for place, aim in files.items():
            path = tree / place
            path.parent.mkdir(parents=True, exist_ok=True)
            if aim:
                path.symlink_to(aim)
            else:
                path.touch(mode=0o755)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@y>\nDescription: stand-in\n"
        )
        (tree / "DEBIAN/control").write_text(control)
        deb = repository / f"{name}.deb"
        run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb)
        content = deb.read_bytes()
        return (
            f"{control}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n\n"
        )

    def _make_layer(self) -> None:
        """Lay out what lies over the distribution in every base image."""
        stub = self.layer / "stub"
        for folder in (
            "apt",
            "wheels",
            "efa/bin",
            "efa/lib",
            "openmpi/bin",
            "openmpi/lib",
            "openmpi/include",
            "ensurepip",
        ):
            (stub / folder).mkdir(parents=True)
        etc = self.layer / "etc/apt"
        etc.mkdir(parents=True)
        (etc / "sources.list").write_text("deb [trusted=yes] file:/stub/apt ./\n")
        (self.layer / "etc/pip.conf").write_text(
            "[global]\nno-index = true\nfind-links = /stub/wheels\ndisable-pip-version-check = true\n"
        )
        authority = self.layer / "usr/local/share/ca-certificates/stand-in.crt"
        authority.parent.mkdir(parents=True)
        authority.write_bytes((self.folder / "ca.crt").read_bytes())
        gpg = stub / "gpg"
        gpg.write_text(_GPG.replace("@OWN@", self.fingerprint).replace("@AWS@", KEY_FINGERPRINT))
        (stub / "efa/bin/fi_info").write_text(_FI_INFO)
        (stub / "openmpi/bin/mpirun").write_text("#!/bin/sh\n")
        for script in (gpg, stub / "efa/bin/fi_info", stub / "openmpi/bin/mpirun"):
            script.chmod(0o755)
        (stub / "openmpi/include/mpi.h").touch()
        (stub / "ensurepip/__init__.py").touch()
        (stub / "ensurepip/__main__.py").write_text(_ENSUREPIP)
        libfabric, mpi = stub / "efa/lib/libfabric.so.1", stub / "openmpi/lib/libmpi.so.40"
        nccl, cudart = self.folder / "libnccl.so.2", self.folder / "libcudart.so.13"
        for library in (libfabric, mpi, cudart):
            self._compile(library)
        self._compile(nccl, source='const char *version = "NCCL version 2.30.7+cuda13.0";')
        text = 'const char *version = "NET/OFI Initializing aws-ofi-nccl 1.22.0";'
        for name in ("libnccl-net-ofi.so", "libnccl-net.so"):
            self._compile(stub / name, libfabric, source=text)
        self._compile(self.folder / "all_reduce_perf", nccl, mpi, cudart, shared=False)
        self._make_repository(self.folder / "all_reduce_perf")
        self._wheel("torch", "2.14.1", {}, "nvidia-nccl-cu13")
        content = {"nvidia/nccl/lib/libnccl.so.2": nccl.read_bytes(), "nvidia/nccl/include/nccl.h": b""}
        self._wheel("nvidia-nccl-cu13", "2.30.7", content)
        self._wheel("sagemaker-training", "5.1.4", {"sagemaker_training.py": b""}, script="train")
        self._wheel("sagemaker-pytorch-training", "3.0.0", {})
        for wanted in NEURON_RELEASES[0].pip:
            name, _, version = wanted.partition("==")
            self._wheel(name, version, {})
        self._make_packages(stub / "apt")

    def _make_packages(self, repository: Path) -> None:
        packages = {
            "curl": {"usr/bin/curl": "/stub/bin/curl"},
            "gnupg": {"usr/bin/gpg": "/stub/gpg"},
            "git": {"usr/bin/git": "/stub/bin/git"},
            "make": {"usr/bin/make": "/stub/bin/make"},
            "python3": {"usr/bin/python3": "/stub/bin/python3"},
            "python3-venv": {"usr/lib/PYTHON/ensurepip": "/stub/ensurepip"},
            "g++": {"usr/bin/g++": ""},
            "gcc": {"usr/bin/gcc": ""},
            "libc6-dev": {"usr/include/stdio.h": ""},
            "python3-dev": {"usr/bin/python3-config": ""},
            "openssh-server": {"usr/sbin/sshd": "", "etc/ssh/sshd_config.d/none": ""},
            "openssh-client": {"usr/bin/ssh": "", "etc/ssh/ssh_config.d/none": ""},
        }
        with tarfile.open(system_tree()) as archive:
            python = archive.getmember("./stub/bin/python3").linkname.rpartition("/")[2]
        index = "".join(
            self._package(
                repository, name, "99:1", {place.replace("PYTHON", python): aim for place, aim in files.items()}
            )
            for name, files in packages.items()
        )
        (repository / "Packages").write_text(index)

    def _compile(self, path: Path, *libraries: Path, source: str = "", shared: bool = True) -> None:
        code = self.folder / "code.c"
        code.write_text(source if shared else "int main(void) { return 0; }")
        kind = ["-shared", "-nostdlib", f"-Wl,-soname,{path.name}"] if shared else []
        run("gcc", *kind, "-o", path, code, "-Wl,--no-as-needed,--allow-shlib-undefined", *libraries)

    def _wheel(self, name: str, version: str, files: dict[str, bytes], needs: str = "", script: str = "") -> None:
        plain = name.replace("-", "_")
        info = f"{plain}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {needs}\n" if needs else ""
        wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(self.layer / f"stub/wheels/{plain}-{version}-py3-none-any.whl", "w") as archive:
            for place, content in files.items():
                archive.writestr(place, content)
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", wheel)
            if script:
                archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{script} = {plain}:main\n")
            archive.writestr(f"{info}/RECORD", "")

    def _commit_bases(self, cuda: list[str], plain: list[str]) -> None:
        container, mounted = self._container("scratch")
        run("tar", "-C", mounted, "-xf", system_tree())
        run("cp", "-a", f"{self.layer}/.", mounted)
        run("chroot", mounted, "update-ca-certificates")
        self._commit(container, plain)
        # As NVIDIA's images have it, and what makes an installer take them for NGC.
        container, mounted = self._container(f"docker.io/library/{plain[0]}")
        (mounted / "opt/nvidia").mkdir(parents=True)
        (mounted / ENTRYPOINT).touch()
        libraries = mounted / "usr/local/cuda/targets/x86_64-linux/lib"
        libraries.mkdir(parents=True)
        shutil.copy(self.folder / "libcudart.so.13", libraries / "libcudart.so.13.0.96")
        (libraries / "libcudart.so.13").symlink_to("libcudart.so.13.0.96")
        (mounted / "etc/ld.so.conf.d/000_cuda.conf").write_text("/usr/local/cuda/targets/x86_64-linux/lib\n")
        run("chroot", mounted, "ldconfig")
        self._commit(container, cuda)

    def _container(self, image: str) -> tuple[str, Path]:
        container = run("buildah", *self.store, "from", "--pull-never", image).strip()
        return container, Path(run("buildah", *self.store, "mount", container).strip())

    def _commit(self, container: str, images: list[str]) -> None:
        names = [f"docker.io/{name}" if "/" in name else f"docker.io/library/{name}" for name in images]
        run("buildah", *self.store, "umount", container)
        run("buildah", *self.store, "commit", "-q", container, names[0])
        run("buildah", *self.store, "rm", container)
        if names[1:]:
            run("buildah", *self.store, "tag", *names)


class _ByHost(http.server.SimpleHTTPRequestHandler):
    """Serves each host from the folder of its name."""

    def translate_path(self, path: str) -> str:
        host = self.headers.get("Host", "").partition(":")[0]
        return super().translate_path(f"/{host}{path}")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the library's name)
        """Write no log."""
