"""The target container: what its files say, what is refused, and what verify-efa.sh says of a container."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from efakit.catalog import images
from efakit.catalog.instances import all_efa
from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.emit.resources import package_file
from efakit.errors import SpecError
from efakit.plan.container import ContainerPlan, findings
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor import dockerfile_judges
from tests.emit.test_hostile_jobs import HOSTILE

pytestmark = pytest.mark.thorough

FLAVOURS = {"pytorch": 4, "neuron": 3, "mpi": 4}
ALL = ["slurm", "eks", "sagemaker", "dstack"]
TYPES = {"pytorch": "p5.48xlarge", "neuron": "trn1.32xlarge", "mpi": "hpc7a.96xlarge"}


def spec_of(instance: str | None = None, **section: Any) -> dict[str, Any]:
    name = instance or TYPES.get(section.get("kind", "pytorch"), TYPES["pytorch"])
    queue = {"name": "q", "compute_resources": [{"name": "n", "instance": name, "nodes": 2}]}
    return {"cluster": {"queues": [queue]}, "container": section}


def plan_of(instance: str | None = None, **section: Any) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec_of(instance, **section)))))


def files_of(instance: str | None = None, **section: Any) -> dict[str, str]:
    plan = plan_of(instance, **section)
    return {file.path.removeprefix("container/"): file.content.decode() for file in emit(plan, ("container",))}


def told(plan: Plan) -> str:
    section = plan.section(ContainerPlan)
    assert section is not None
    return "\n".join(f"{item.subject}: {item.choice}: {item.reason}" for item in section.decisions)


def every_dockerfile() -> dict[str, str]:
    found = {}
    for kind, number in FLAVOURS.items():
        for path, text in files_of(kind=kind, flavours=ALL[:number]).items():
            if path.endswith("/Dockerfile"):
                found[f"{kind}/{path}"] = text
    return found


def refusal(**section: Any) -> str:
    with pytest.raises(SpecError) as caught:
        plan_of(**section)
    return str(caught.value)


def test_each_flavour_is_a_folder_that_can_be_built_by_itself():
    paths = set(files_of(flavours=ALL))
    per_flavour = {"Dockerfile", ".dockerignore", "verify-efa.sh", "build.sh"}
    assert paths == {f"{flavour}/{name}" for flavour in ALL for name in per_flavour} | {"README.md"}


def test_the_kernel_module_the_limits_and_the_trial_are_left_out_and_ngc_from_1_48_on():
    newer, older = (files_of(installer=release)["slurm/Dockerfile"] for release in ("1.48.0", "1.47.0"))
    assert "efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify --disable-ngc --disable-build-ngc" in newer
    assert "efa_installer.sh -y --skip-kmod --skip-limit-conf --no-verify \\\n" in older


@pytest.mark.parametrize(
    ("installer", "file"),
    [
        ("1.51.0", "/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"),
        ("1.43.2", "/opt/amazon/ofi-nccl/lib/$(uname -m)-linux-gnu/libnccl-net.so"),
    ],
)
def test_a_build_without_the_plugin_ends_and_the_loader_is_told_its_folder(installer, file):
    text = files_of(installer=installer)["slurm/Dockerfile"]
    assert f'test -e "{file}"' in text
    assert re.search(rf"printf .*{re.escape(file.rpartition('/')[0])}.* >/etc/ld.so.conf.d/000_efa.conf", text)


def test_the_installer_s_signature_is_compared_with_aws_key():
    for name, text in every_dockerfile().items():
        assert "--verify aws-efa-installer-1.51.0.tar.gz.sig" in text, name
        assert f"grep 'VALIDSIG .*{images.KEY_FINGERPRINT}'" in text, name


@pytest.mark.parametrize("row", images.PYTORCH, ids=lambda row: row.version)
def test_pytorch_decides_nccl_and_cuda(row):
    text = files_of(pytorch=row.version)["slurm/Dockerfile"]
    cuda = images.cuda_image(row.cuda)
    assert f"torch=={row.version}" in text
    assert f"FROM nvidia/cuda:{cuda.tag}-base-ubuntu{cuda.ubuntu} AS efa" in text
    assert f"FROM nvidia/cuda:{cuda.tag}-devel-ubuntu{cuda.ubuntu} AS tests" in text
    assert f"NCCL: {row.nccl}" in told(plan_of(pytorch=row.version))
    assert "NVIDIA/nccl.git" not in text


def test_only_one_stage_compiles_and_what_runs_has_no_compiler():
    for name, text in every_dockerfile().items():
        last = text.rpartition("# What runs.")[2]
        assert "g++" not in last, name
        assert "gcc" not in last, name


def test_no_search_path_is_set_that_the_base_or_a_job_could_spoil():
    for name, text in every_dockerfile().items():
        assert "LD_LIBRARY_PATH" not in text, name


def test_slurm_s_image_alone_has_a_user_of_its_own_and_the_others_say_why_not():
    files = files_of(flavours=ALL)
    assert [name for name in ALL if "\nUSER 1000:1000\n" in files[f"{name}/Dockerfile"]] == ["slurm"]
    said = told(plan_of(flavours=ALL))
    for flavour in ALL[1:]:
        assert f"flavour {flavour}: root" in said


def test_what_is_reached_over_ssh_has_sshd():
    files = files_of(flavours=ALL)
    assert [name for name in ALL if "openssh-server" in files[f"{name}/Dockerfile"]] == ["eks", "dstack"]


def test_sagemaker_s_toolkit_is_compiled_apart_and_starts_pytorch_s_own_module():
    text = files_of(flavours=["sagemaker"])["sagemaker/Dockerfile"]
    assert "pip wheel --wheel-dir /opt/wheels sagemaker-training==5.1.4 sagemaker-pytorch-training==3.0.0" in text
    assert "ENV SAGEMAKER_TRAINING_MODULE=sagemaker_pytorch_container.training:main" in text
    mpi = files_of(kind="mpi", flavours=["sagemaker"])["sagemaker/Dockerfile"]
    assert "sagemaker-pytorch-training" not in mpi
    assert "NCCL_PROTO=simple" in told(plan_of(flavours=["sagemaker"]))


def test_neuron_s_packages_are_those_that_aws_pins_and_its_driver_is_the_host_s():
    text = files_of(kind="neuron")["slurm/Dockerfile"]
    assert "aws-neuronx-collectives=2.30.59.0-f5cdefb39" in text
    assert "torch-neuronx==2.9.0.2.12.22436+0f1dac25" in text
    assert "dkms" not in text
    assert "nccl" not in text.lower().replace("aws-ofi-nccl", "")


def test_the_architecture_is_that_of_the_cluster_s_types():
    assert "--platform linux/arm64 " in files_of("hpc7g.16xlarge", kind="mpi")["slurm/build.sh"]
    assert "--platform linux/amd64 " in files_of()["slurm/build.sh"]
    assert "PyTorch on arm64: tried" in told(plan_of("p6e-gb200.36xlarge"))
    spec = spec_of(kind="mpi")
    spec["cluster"]["queues"][0]["compute_resources"].append({"name": "g", "instance": "hpc7g.16xlarge", "nodes": 2})
    plan = make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))
    build = next(file.content.decode() for file in emit(plan, ("container",)) if file.path.endswith("build.sh"))
    assert "for platform in linux/amd64 linux/arm64; do" in build


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"pytorch": "2.14.9"}, "PyTorch 2.14.9 is not known"),
        ({"kind": "mpi", "pytorch": "2.14.1"}, "pytorch applies to images of kind pytorch"),
        ({"kind": "neuron", "nccl_tests": "v2.18.3"}, "nccl_tests applies to images of kind pytorch"),
        ({"kind": "neuron", "neuron": "1.0.0"}, "the Neuron SDK 1.0.0 is not known"),
        ({"kind": "neuron", "flavours": ["dstack"]}, "dstack offers no instance type with Neuron"),
        ({"installer": "1.30.0"}, "has no aws-ofi-nccl"),
        ({"installer": "9.9.9"}, "EFA installer 9.9.9 is not known"),
        ({"flavours": ["eks"], "open_mpi": "5"}, "runs all ranks on the launcher"),
        ({"base": "nvcr.io/nvidia/pytorch:25.10-py3"}, "contains its own PyTorch, NCCL and MPI"),
        ({"packages": ["numpy"]}, "a package and its release"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(section, words):
    assert words in refusal(**section)


def test_an_older_nccl_than_an_instance_type_wants_is_found():
    said = [item.message for item in findings(plan_of("p6-b200.48xlarge", pytorch="2.5.1"))]
    assert any("NCCL 2.21.5 is too old" in message for message in said), said
    assert [item.message for item in findings(plan_of("p6-b200.48xlarge"))] == []


def test_a_type_that_the_image_is_not_for_is_told():
    assert "image on c5.xlarge: not this one: the type has no EFA" in told(plan_of("c5.xlarge", kind="mpi"))
    assert "image on trn1.32xlarge: another kind" in told(plan_of("trn1.32xlarge"))


def test_every_type_with_efa_has_an_image():
    kinds = {"gpu": "pytorch", "neuron": "neuron"}
    types: dict[str | None, list[str]] = {}
    for instance in all_efa():
        kind = kinds.get(str(instance.accelerators.kind)) if instance.accelerators else "mpi"
        types.setdefault(kind, []).append(instance.name)
    left_out = types.pop(None, [])
    assert set(types) == set(FLAVOURS)
    for kind, names in types.items():
        spec = spec_of(kind=kind)
        nodes = [{"name": f"n{number}", "instance": name, "nodes": 2} for number, name in enumerate(names)]
        spec["cluster"]["queues"][0]["compute_resources"] = nodes
        plan = make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))
        assert emit(plan, ("container",))
        assert "image on" not in told(plan)
    print(
        f"images for {sum(map(len, types.values()))} types with EFA; for none of efakit's kinds: {left_out or 'none'}"
    )


def test_hadolint_and_buildkit_s_parser_find_nothing():
    program, parser = dockerfile_judges.hadolint(), dockerfile_judges.parser_version()
    if program is None or parser is None:
        pytest.skip("hadolint or BuildKit's parser is not installed (pip install 'efakit[container]')")
    files = every_dockerfile()
    found = {
        name: [item for item in dockerfile_judges.remarks(program, text) if item.level in ("error", "warning")]
        + list(dockerfile_judges.swallowed(text))
        for name, text in files.items()
    }
    assert {name: remarks for name, remarks in found.items() if remarks} == {}
    assert len(files) == sum(FLAVOURS.values())
    # Both do find what they are asked for.
    assert dockerfile_judges.remarks(program, "FROM ubuntu\n")
    assert list(dockerfile_judges.swallowed("FROM a:1\nRUN x \\\n\nENV A=b\n"))
    assert list(dockerfile_judges.swallowed(""))


def test_the_scripts_pass_shellcheck(tmp_path):
    files = files_of(flavours=ALL)
    for path in [*(f"{flavour}/build.sh" for flavour in ALL), "slurm/verify-efa.sh"]:
        script = tmp_path / path.replace("/", "-")
        script.write_text(files[path])
        checked = subprocess.run(["shellcheck", script], capture_output=True, text=True)
        assert (checked.returncode, checked.stdout) == (0, ""), path


def test_validate_says_what_its_judges_do_not_prove(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of(flavours=ALL)))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")])
    assert done.exit_code == 0
    if dockerfile_judges.hadolint() is None and dockerfile_judges.parser_version() is None:
        assert "not asked: neither hadolint nor BuildKit's parser is installed" in done.output
    else:
        assert "of 4 Dockerfiles" in done.output
        assert "neither hadolint nor BuildKit's parser builds" in " ".join(done.output.split())


def test_a_broken_hadolint_is_undecided(tmp_path, monkeypatch):
    program = tmp_path / "hadolint"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(dockerfile_judges, "hadolint", lambda: str(program))
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of()))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")])
    assert done.exit_code == 0
    assert "undecided: hadolint or BuildKit's parser gave no answer: broken" in " ".join(done.output.split())


# Hostile values: each is refused, or stays a literal.

TEXTS = ("name", "base", "pytorch", "neuron", "installer", "nccl_tests", "kind", "open_mpi")
INSTRUCTION = re.compile(r"^(FROM|RUN|ENV|COPY|WORKDIR|USER|SHELL)\b", re.MULTILINE)


def shell_words(text: str) -> list[str]:
    return [word for line in text.replace("\\\n", " ").splitlines() for word in shlex.split(line, comments=True)]


@given(
    st.sampled_from((*TEXTS, "packages")), st.one_of(HOSTILE, st.from_regex(r"[a-z0-9.:/@=!-]{1,12}", fullmatch=True))
)
@settings(max_examples=settings().max_examples * 60 // 100)
def test_values_of_the_section_are_literals(key, value):
    section: dict[str, Any] = {"kind": "neuron"} if key == "neuron" else {}
    section[key] = [value] if key == "packages" else value
    try:
        files = files_of(**section)
    except SpecError:
        return  # refused: nothing was written
    text = files["slurm/Dockerfile"]
    plain = files_of(kind=section.get("kind", "pytorch"))["slurm/Dockerfile"]
    assert INSTRUCTION.findall(text) == INSTRUCTION.findall(plain)
    if key in ("packages", "base"):
        assert value in shell_words(text)
    if key == "name":
        assert any(word.startswith(f"image=${{1-}}{value}:") for word in shell_words(files["slurm/build.sh"]))


@pytest.mark.parametrize("package", ["vllm[flash-attn]==0.11.0+cu130", "a==1!2"])
def test_a_package_s_brackets_and_marks_are_no_shell(package):
    assert package in shell_words(files_of(packages=[package])["slurm/Dockerfile"])


def test_every_key_of_the_section_that_holds_text_is_tried():
    schema = yaml.safe_load(package_file("spec", "container", "schema.json").read_text())["$defs"]["container"]
    assert set(schema["properties"]) - {"flavours"} == {*TEXTS, "packages"}


# verify-efa.sh, with stand-ins for what it asks.

LIMITS = (
    "Limit                     Soft Limit           Hard Limit\nMax locked memory         {}            {}   bytes\n"
)
PLUGIN = "/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"
COMMANDS = {
    "fi_info": 'case $1 in --version) echo "libfabric: 2";; -l) echo efa: ;; *) echo "    domain: efa_0-rdm";; esac',
    "ldconfig": f'printf "\\t%s (libc6) => %s\\n" libnccl-net.so {PLUGIN} libcudart.so /usr/local/lib/libcudart.so',
    "ldd": 'printf "\\tlibfabric.so.1 => /opt/amazon/efa/lib/libfabric.so.1 (0x1)\\n"',
}


def verify(
    folder: Path,
    *options: str,
    devices: int = 2,
    locked: str | None = "unlimited",
    nccl: dict[str, str] | None = None,
    without: str = "",
    path: str = "",
    net_plugin: str = "",
    **commands: str,
) -> tuple[int, list[str]]:
    """Return how the script ends in a container that is as told, and what it says."""
    root, bin_ = folder / "root", folder / "bin"
    bin_.mkdir(parents=True)
    for name, body in {**COMMANDS, **commands}.items():
        if name != without:
            (bin_ / name).write_text(f"#!/bin/bash\n{body}\n")
            (bin_ / name).chmod(0o755)
    # The machine's own commands but for those that stand in.
    if without and any(Path(p, without).exists() for p in ("/usr/sbin", "/sbin")):
        pytest.skip(f"{without} is in /usr/sbin, where the script looks too")
    own = {"bash", "sed", "grep", "find", "readlink", "sort", "head", "tail"} - {without, *commands}
    for name in own:
        (bin_ / name).symlink_to(next(Path(p, name) for p in ("/usr/bin", "/bin") if Path(p, name).exists()))
    for number in range(devices):
        (root / "dev/infiniband").mkdir(parents=True, exist_ok=True)
        (root / f"dev/infiniband/uverbs{number}").touch()
    (root / "proc/self").mkdir(parents=True)
    if locked is not None:
        (root / "proc/self/limits").write_text(LIMITS.format(locked, locked))
    for place, release in ({"opt/nccl/libnccl.so.2": "2.30.7"} if nccl is None else nccl).items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(b"\0" + (f"NCCL version {release}+cuda13.0" if release else "").encode() + b"\0")
    environment = {"PATH": str(bin_), "EFAKIT_ROOT": str(root), "NCCL_NET_PLUGIN": net_plugin}
    environment |= {"LD_LIBRARY_PATH": path} if path else {}
    script = package_file("emit", "verify-efa.sh")
    done = subprocess.run([bin_ / "bash", script, *options], capture_output=True, text=True, env=environment)
    assert done.stderr == "" or done.returncode == 2
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_a_container_that_has_all_can_use_efa(tmp_path):
    code, said = verify(tmp_path, "--devices", "2")
    assert code == 0
    assert all(line.startswith("ok ") for line in said), said
    assert "ok       NCCL 2.30.7: " in "\n".join(said)


@pytest.mark.parametrize(
    ("options", "container", "words"),
    [
        ((), {"devices": 0}, "FAILED   no device /dev/infiniband/uverbs*"),
        (("--devices", "32"), {}, "FAILED   2 devices /dev/infiniband/uverbs*, and 32 are wanted"),
        ((), {"locked": "65536"}, "FAILED   only 65536 bytes may be locked"),
        ((), {"ldconfig": "echo 0 libs"}, "FAILED   NCCL is there, and the loader finds no libnccl-net.so"),
        (
            (),
            {"ldconfig": f'echo "  libnccl-net-ofi.so (libc6) => {PLUGIN}"'},
            "NCCL_NET_PLUGIN=ofi names libnccl-net-ofi",
        ),
        ((), {"net_plugin": "spcx"}, "NCCL looks for libnccl-net-spcx.so"),
        ((), {"net_plugin": "none"}, "FAILED   NCCL_NET_PLUGIN=none"),
        ((), {"ldd": 'echo "  libfabric.so.1 => not found"'}, "cannot be loaded: it needs libfabric.so.1"),
        ((), {"nccl": {"opt/a/libnccl.so.2": "2.30.7", "usr/libnccl.so.2": "2.27.5"}}, "which one is loaded depends"),
        ((), {"fi_info": 'case $1 in --version) echo "libfabric: 1";; *) echo tcp: ;; esac'}, "has no provider efa"),
        (
            (),
            {"fi_info": "case $1 in -p) echo fi_getinfo: -61; exit 61;; -l) echo efa: ;; esac"},
            "device: fi_getinfo: -61",
        ),
        ((), {"without": "fi_info", "nccl": {}}, "FAILED   no libfabric"),
    ],
)
def test_what_keeps_efa_from_working_fails(tmp_path, options, container, words):
    code, said = verify(tmp_path, *options, **container)
    assert code == 1
    assert words in "\n".join(said)


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"locked": None}, "unknown  locked memory"),
        ({"locked": "bytes"}, "unknown  locked memory"),
        ({"nccl": {"opt/libnccl.so.2": ""}}, "it does not name one"),
        ({"ldd": "exit 1"}, "ldd does not say what it needs"),
        ({"ldconfig": "exit 1"}, "unknown  aws-ofi-nccl"),
        (
            {"fi_info": 'case $1 in --version) echo "libfabric: 1";; -l) ;; *) echo "  domain: a-rdm";; esac'},
            "lists nothing",
        ),
        (
            {"fi_info": 'case $1 in --version) ;; -l) echo efa: ;; *) echo "  domain: a-rdm";; esac'},
            "unknown  release of libfabric",
        ),
        (
            {"fi_info": 'case $1 in --version) echo "libfabric: 1";; -l) echo efa: ;; *) echo "{}";; esac'},
            "unknown  how many EFA domains libfabric opens",
        ),
        ({"timeout": "exit 124"}, "unknown  libfabric: fi_info --version does not answer"),
        (
            {"timeout": 'case $5 in -p) exit 124;; *) shift 3; exec "$@";; esac'},
            "unknown  whether libfabric opens an EFA device",
        ),
        ({"without": "find"}, "unknown  NCCL and its plugin are not looked for: this image has no find"),
        ({"without": "readlink"}, "this image has no readlink"),
        ({"find": "exit 1"}, "unknown  NCCL: not all below /opt and /usr can be read"),
        ({"find": 'echo "$1/nccl/libnccl.so.2"; exit 1'}, "unknown  whether there is a further NCCL"),
        ({"find": "echo /lost/libnccl.so.2"}, "unknown  release of /lost/libnccl.so.2: it cannot be read"),
        ({"ldd": "echo statically linked"}, "unknown  which libfabric it loads"),
    ],
)
def test_what_was_not_read_is_unknown_and_nothing_is_said_of_it(tmp_path, container, words):
    code, said = verify(tmp_path, **container)
    assert code == 0
    assert words in "\n".join(said)
    assert said[-1] == "1 could not be read: of those nothing is said"


@pytest.mark.parametrize("tool", ["sed", "grep", "head", "tail"])
def test_an_image_without_a_command_that_all_needs_is_unknown(tmp_path, tool):
    code, said = verify(tmp_path, devices=0, without=tool)
    assert (code, said) == (0, [f"unknown  nothing was looked at: this image has no {tool}"])


def test_without_ldconfig_nothing_is_said_of_what_the_loader_does_not_find(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libnccl-net.so").touch()
    code, said = verify(tmp_path, ldconfig="exit 1", path=f"{tmp_path}/other:{tmp_path}/lib")
    assert code == 0
    assert "unknown  libcudart.so" in "\n".join(said)
    assert "the loader finds no" not in "\n".join(said)


def test_a_plugin_that_is_named_by_its_path_is_found(tmp_path):
    (tmp_path / "my-plugin.so").touch()
    code, said = verify(tmp_path, net_plugin=f"{tmp_path}/my-plugin.so")
    assert code == 0
    assert f"ok       aws-ofi-nccl (its release is not known): {tmp_path}/my-plugin.so" in said


def test_libfabric_beside_the_loaders_cache_is_not_called_missing(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libfabric.so.1").touch()
    code, said = verify(tmp_path, without="fi_info", path=f"{tmp_path}/lib")
    assert code == 0
    assert f"unknown  libfabric {tmp_path}/lib/libfabric.so.1 is not asked" in "\n".join(said)


def test_a_limit_beyond_what_a_shell_counts_is_none(tmp_path):
    code, said = verify(tmp_path, locked="18446744073709551615")
    assert code == 0
    assert "ok       18446744073709551615 bytes may be locked" in said


def test_devices_are_counted_without_find(tmp_path):
    _, said = verify(tmp_path, without="find")
    assert "ok       2 devices /dev/infiniband/uverbs*" in said


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"locked": "1073741824"}, "warning  1073741824 bytes may be locked; AWS' own check asks for"),
        ({"path": "/a:"}, "warning  LD_LIBRARY_PATH has an empty part"),
        (
            {"ldd": 'echo "  libfabric.so.1 => /usr/lib/libfabric.so.1 (0x1)"'},
            "another libfabric than the EFA installer's",
        ),
        ({"ldconfig": f'echo "  libnccl-net.so (libc6) => {PLUGIN}"'}, "finds no libcudart.so"),
    ],
)
def test_what_may_be_meant_is_a_warning(tmp_path, container, words):
    code, said = verify(tmp_path, **container)
    assert code == 0
    assert words in "\n".join(said)


def test_a_build_is_asked_for_no_device_and_says_so(tmp_path):
    code, said = verify(tmp_path, "--build", devices=0, locked="65536")
    assert code == 0
    assert "not read: devices and locked memory, which no build has" in said


def test_without_nccl_nothing_is_said_of_its_plugin(tmp_path):
    code, said = verify(tmp_path, nccl={}, ldconfig="echo 0 libs")
    assert code == 0
    assert "no NCCL below /opt and /usr: its plugin is not looked for" in said


@pytest.mark.parametrize("options", [("--devices", "x"), ("--devices",), ("--help-me",)])
def test_an_option_that_it_does_not_have_ends_with_2(tmp_path, options):
    code, said = verify(tmp_path, *options)
    assert code == 2
    assert "verify-efa.sh: " in said[-1]


def test_build_sh_hands_the_image_to_a_registry_that_is_named(tmp_path):
    script = tmp_path / "build.sh"
    script.write_text(files_of()["slurm/build.sh"])
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/bash\nprintf "%s\\n" "$*" >>{tmp_path}/seen\n')
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", script, "me.example/"], check=True, capture_output=True, env=environment)
    image = "me.example/efa:pytorch2.14.1-efa1.51.0-slurm"
    assert (tmp_path / "seen").read_text().splitlines() == [
        f"buildx build --platform linux/amd64 --tag {image} --load .",
        f"push {image}",
    ]


def test_the_spec_in_the_docs_gives_the_files_that_the_docs_name():
    page = (Path(__file__).resolve().parents[2] / "docs/container.md").read_text()
    spec = page.split("```yaml\n")[1].split("```")[0]
    paths = {file.path for file in emit(make_plan(read_spec(Document(Path("spec.yaml"), spec))), ("container",))}
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `container/")}
    assert named <= paths
    assert {path for path in paths - named if not path.startswith("container/eks/")} == set()
