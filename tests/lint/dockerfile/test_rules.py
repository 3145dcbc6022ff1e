"""What is found in Dockerfiles, and what is left alone: above all where something is not known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from efakit.catalog import instances
from efakit.finding import Finding
from efakit.lint.dockerfile import lint_dockerfile
from efakit.lint.script.rule import Surroundings
from efakit.rules.releases import target_of
from efakit.rules.target import any_supported

TARBALL = "https://efa-installer.amazonaws.com/aws-efa-installer"
FLAGS = "-y --skip-kmod --skip-limit-conf --no-verify"
PLUGIN = "https://github.com/aws/aws-ofi-nccl.git"
BUILD = f"RUN git clone -b v1.21.1 {PLUGIN} && cd aws-ofi-nccl && ./autogen.sh && ./configure"


def found(text: str, **given: str) -> list[Finding]:
    instance = instances.get(given["instance"]) if "instance" in given else None
    target = target_of(**given) if given else any_supported()
    return lint_dockerfile("Dockerfile", f"{text}\n".encode(), Surroundings(target, instance))


def rules(text: str, **given: str) -> dict[str, str]:
    return {item.rule: str(item.severity) for item in found(text, **given)}


def installer(version: str, flags: str = FLAGS, base: str = "ubuntu:24.04", more: str = "") -> str:
    get = f"RUN apt-get update && curl -O {TARBALL}-{version}.tar.gz && ./efa_installer.sh {flags}"
    return f"FROM {base}\n{get}\n{more}"


# AWS's guide for SageMaker shows these lines: docs.aws.amazon.com/sagemaker, your-algorithms-training-efa, by 2023.
GUIDE = r"""
ARG OPEN_MPI_PATH=/opt/amazon/openmpi/
ENV NCCL_VERSION=2.7.8
ENV EFA_VERSION=1.11.2
RUN cd $HOME \
  && curl -O https://s3-us-west-2.amazonaws.com/aws-efa-installer/aws-efa-installer-${EFA_VERSION}.tar.gz \
  && ./efa_installer.sh -y --skip-kmod -g \

ENV PATH="$OPEN_MPI_PATH/bin:$PATH"
ENV LD_LIBRARY_PATH="$OPEN_MPI_PATH/lib/:$LD_LIBRARY_PATH"
"""


@pytest.mark.parametrize("base", ["", "FROM nvidia/cuda:11.3.1-cudnn8-devel-ubuntu20.04", "FROM ubuntu:20.04"])
def test_the_env_that_an_empty_continuation_swallows_is_found_as_buildkits_check_finds_it(base: str):
    told = [(item.rule, str(item.severity)) for item in found(base + GUIDE)]
    assert ("instruction-swallowed", "error") in told
    severity = "warning" if base == "FROM ubuntu:20.04" else "info"  # a base that is not known may set it
    assert ("image-variable-undefined", severity) in told
    assert ("image-installer-old", "warning") in told
    assert "image-kernel-module" not in rules(base + GUIDE)


def test_the_old_form_of_env_is_found_as_buildkits_check_finds_it():
    text = "FROM ubuntu:20.04\nARG CONDA_PREFIX=/opt/conda\nENV PATH $CONDA_PREFIX/bin:$PATH\nENV A=1\n"
    assert [(item.rule, item.line) for item in found(text)] == [("image-env-old-form", 3)]


@pytest.mark.parametrize(
    ("text", "found_there"),
    [
        ("RUN a \\\n\nENV A=1", True),
        ("RUN a \\\n# a comment\nENV A=1", True),
        ("RUN a \\\nCOPY b c", True),
        ("RUN a \\\n\n  && b", False),
        ("RUN echo \\\n  USER guide", False),
        ("RUN <<EOF\nENV A=1\nEOF", False),
        ("RUN a \\\n  env A=1 b", False),
        ("COPY a \\\n  b", False),
    ],
)
def test_only_a_whole_instruction_among_continued_lines_is_swallowed(text: str, found_there: bool):
    assert ("instruction-swallowed" in rules(f"FROM ubuntu:24.04\n{text}")) == found_there


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("FROM ubuntu:24.04\nENV A=$B", "warning"),
        ("FROM docker.io/library/ubuntu:24.04\nENV A=$B", "warning"),
        ("FROM my/base\nENV A=$B", "info"),
        ("FROM $BASE\nENV A=$B", "info"),
        ("ARG B=1\nFROM my/base\nENV A=$B", "warning"),
        ("FROM ubuntu:24.04\nENV A=${B:-1} C=${D:+x} E=$PATH F=$HTTP_PROXY", None),
        ("FROM ubuntu:24.04\nARG B\nENV A=$B", None),
        ("FROM ubuntu:24.04 AS a\nENV B=1\nFROM a\nENV A=$B", None),
        ("FROM ubuntu:24.04\nENV A='$B' C=\\$B", None),
        ("FROM ubuntu:24.04\nRUN echo $B", None),
        ("FROM my/base\nENV PYTHONPATH=/a:$PYTHONPATH", None),  # the base's business, and harmless
        ("FROM ubuntu:{{ release }}\nENV A={{ value }}:$B", None),
    ],
)
def test_a_variable_is_called_undefined_as_surely_as_its_base_is_known(text: str, severity: str | None):
    text = text.replace("$BASE", "${BASE}")
    if "${BASE}" in text:
        text = f"ARG BASE\n{text}"
    assert rules(text).get("image-variable-undefined") == severity


def test_a_from_without_its_argument_is_found():
    assert [(item.rule, item.line) for item in found("FROM ubuntu:${RELEASE}\nRUN a")] == [
        ("image-variable-undefined", 1)
    ]


@pytest.mark.parametrize(
    ("base", "severity"), [("ubuntu:24.04", "warning"), ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "info")]
)
def test_a_global_argument_in_run_is_as_sure_as_its_base_is_known(base: str, severity: str):
    text = f"ARG CUDA_VERSION=13\nFROM {base}\nRUN echo $CUDA_VERSION"
    assert rules(text).get("image-argument-not-declared") == severity
    for fine in ("ARG CUDA_VERSION", "ENV CUDA_VERSION=1"):
        assert "image-argument-not-declared" not in rules(text.replace("\nRUN", f"\n{fine}\nRUN"))
    assert "image-argument-not-declared" not in rules(text.replace("RUN echo", "RUN CUDA_VERSION=1 && echo"))


@pytest.mark.parametrize(
    ("text", "found_there"),
    [
        ("RUM apt-get update", True),
        ("  && apt-get update", True),
        ("maintainer me", False),
        ("ONBUILD RUN a", False),
    ],
)
def test_what_is_no_instruction_ends_the_build(text: str, found_there: bool):
    assert ("instruction-unknown" in rules(f"FROM ubuntu:24.04\n{text}")) == found_there


@pytest.mark.parametrize("top", ["# syntax=edrevo/dockerfile-plus\n", "{% if gpu %}\n"])
def test_another_frontend_or_a_template_has_instructions_of_its_own(top: str):
    assert "instruction-unknown" not in rules(f"{top}FROM ubuntu:24.04\nINCLUDE+ base/Dockerfile.common\nENV A=$B")


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        ("./efa_installer.sh -y", "error"),
        ("bash efa_installer.sh -y --no-kmod", "error"),
        ("sudo ./aws-efa-installer/efa_installer.sh -y -g", "error"),
        ('if [ -n "$X" ]; then ./efa_installer.sh -y; fi', "error"),
        ("<<EOF bash\ncd x && ./efa_installer.sh -y\nEOF", "error"),
        ("./efa_installer.sh -y --skip-kmod", None),
        ("./efa_installer.sh -k -y -n", None),
        ("./efa_installer.sh -ykn", None),
        ("./efa_installer.sh -y ${EFA_OPTIONS}", None),
        ("./efa_installer.sh -y $(options)", None),
        ("./efa_installer.sh -y --enable-ngc", None),
        ("./efa_installer.sh --uninstall -y", None),
        ("cp efa_installer.sh /x && chmod +x ./efa_installer.sh", None),
        ("./install_efa.sh 1.47.0", None),
    ],
)
def test_a_kernel_module_in_an_image_is_an_error_where_the_options_are_known(run: str, severity: str | None):
    assert rules(f"FROM my/base\nRUN {run}").get("image-kernel-module") == severity


def test_options_in_an_argument_are_read():
    text = "FROM my/base\nARG OPTIONS=-y\nRUN ./efa_installer.sh $OPTIONS"
    assert "image-kernel-module" in rules(text)
    assert "image-kernel-module" not in rules(text.replace("OPTIONS=-y", 'OPTIONS="-y --skip-kmod"'))


@pytest.mark.parametrize(
    ("base", "version", "flags", "found_there"),
    [
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "1.48.0", FLAGS, True),
        ("nvcr.io/nvidia/cuda:13.0.2-devel-ubuntu24.04", "1.51.0", FLAGS, True),
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "1.47.0", FLAGS, False),
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "1.48.0", f"{FLAGS} --disable-build-ngc", False),
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "latest", FLAGS, False),
        ("ubuntu:24.04", "1.48.0", FLAGS, False),
        ("my/base", "1.48.0", FLAGS, False),
    ],
)
def test_only_an_image_of_cuda_is_taken_for_one_of_ngc(base: str, version: str, flags: str, found_there: bool):
    assert ("image-taken-for-ngc" in rules(installer(version, flags, base))) == found_there


@pytest.mark.parametrize(
    ("version", "option", "found_there"),
    [
        ("1.47.0", "--disable-ngc", True),
        ("1.48.0", "--disable-ngc", False),
        ("1.48.0", "--enable-ngc", True),
        ("1.49.0", "--enable-ngc", False),
        ("latest", "--enable-ngc", False),
    ],
)
def test_an_option_belongs_to_releases(version: str, option: str, found_there: bool):
    assert ("image-installer-option" in rules(installer(version, f"{FLAGS} {option}"))) == found_there


@pytest.mark.parametrize(
    ("version", "found_there"), [("1.33.0", True), ("1.34.0", False), ("1.9.0", True), ("$V", False)]
)
def test_an_installer_is_old_by_its_number_and_where_it_is_known(version: str, found_there: bool):
    assert ("image-installer-old" in rules(installer(version))) == found_there


def test_the_release_is_found_where_an_argument_says_it():
    text = f"FROM ubuntu:24.04\nARG V=1.28.0\nRUN curl {TARBALL}-${{V}}.tar.gz | tar xz"
    assert [(item.rule, item.line, item.column) for item in found(text)] == [("image-installer-old", 2, 5)]


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ("FROM ubuntu:24.04\nRUN ./efa_installer.sh -y --skip-kmod -n", "warning"),
        ("FROM ubuntu:24.04\nRUN apt-get update\nRUN ./efa_installer.sh -y --skip-kmod -n", None),
        ("FROM ubuntu:24.04\nRUN apt update && rm -rf /var/lib/apt/lists/*\nRUN ./efa_installer.sh -ykn", "warning"),
        ("FROM my/base\nRUN apt update && rm -rf /var/lib/apt/lists/*\nRUN ./efa_installer.sh -ykn", "info"),
        ("FROM my/base\nRUN ./efa_installer.sh -y --skip-kmod -n", None),
        ("FROM ubuntu:24.04\nRUN /setup.sh\nRUN ./efa_installer.sh -y --skip-kmod -n", None),
        ("FROM ubuntu:24.04\nRUN --mount=type=cache,target=/var/lib/apt a\nRUN ./efa_installer.sh -ykn", None),
        (
            "FROM ubuntu:24.04\nRUN apt update && apt install environment-modules tcl && rm -rf /var/lib/apt/lists/*\n"
            "RUN ./efa_installer.sh -ykn",
            None,
        ),
        ("FROM amazonlinux:2023\nRUN ./efa_installer.sh -ykn", None),
    ],
)
def test_apt_has_no_lists_only_where_that_is_sure(lines: str, severity: str | None):
    assert rules(lines).get("image-package-lists") == severity


@pytest.mark.parametrize(
    ("lines", "found_there"),
    [
        ("RUN apt-get update; RUN_IT; rm -r x", True),
        ("RUN apt-get update; RUN_IT \\\n  ; \\\n  # why\n  rm -r x", True),
        ("RUN if test $A; then \\\n  RUN_IT; \\\n  rm -r x; \\\n fi", True),
        ("RUN <<EOF\nRUN_IT\nrm -r x\nEOF", True),
        ("RUN RUN_IT | tee log", True),
        ("RUN set -e; RUN_IT | tee log", True),
        ("RUN apt-get install bash && sed -e s/a/b/ c; RUN_IT; rm -r x", True),
        ('SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN RUN_IT; rm -r x', True),
        ("RUN RUN_IT && rm -r x", False),
        ("RUN RUN_IT || exit 1; rm -r x", False),
        ("RUN rm -r x; RUN_IT", False),
        ("RUN if test $A; then RUN_IT; fi && rm -r x", False),
        ("RUN set -eux; RUN_IT; rm -r x", False),
        ("RUN set -o pipefail -e; RUN_IT; rm -r x", False),
        ("RUN set -xo errexit; RUN_IT; rm -r x", False),
        ('SHELL ["/bin/bash", "-eo", "pipefail", "-c"]\nRUN RUN_IT | tee log; rm -r x', False),
        ("RUN set -o pipefail; RUN_IT | tee log", False),
        ("RUN bash -e <<EOF\nRUN_IT\nrm -r x\nEOF", False),
        ("RUN <<EOF\n#!/bin/bash -e\nRUN_IT\nrm -r x\nEOF", False),
        ("RUN cat > s.sh <<EOF\nRUN_IT\nrm -r x\nEOF", False),
        ("RUN <<EOF\n#!/usr/bin/env bash\nset -euo pipefail\nRUN_IT # it installs; all\nrm -r x\nEOF", False),
        ("RUN <<EOF\nRUN_IT # it installs; all\nrm -r x\nEOF", True),
        ("RUN <<EOF\nRUN_IT &&\nrm -r x\nEOF", False),
        ("RUN bash -c 'RUN_IT && rm -r x'; rm -r y", True),
        ("RUN bash -ec 'RUN_IT; rm -r x' && rm -r y", False),
        ("RUN [ -n '$A' ] && RUN_IT; rm -r x", True),
        ('RUN ["bash", "-c", "RUN_IT; rm -r x"]', False),
        ("ENV BASH_ENV=/env.sh\nRUN RUN_IT; rm -r x", False),
        ('FROM a AS b\nSHELL ["/bin/bash", "-ec"]\nFROM ubuntu:24.04\nRUN RUN_IT; rm -r x', True),
        ('SHELL ["/bin/bash", "-ec"]\nSHELL ["/bin/bash", "-c"]\nRUN RUN_IT; rm -r x', True),
        ("RUN RUN_IT; fi_info --version", False),
        ("RUN RUN_IT; ldconfig -p | grep libfabric", False),
        ("ENV MPI=/opt/amazon/openmpi\nRUN RUN_IT; rm -r x\nRUN make MPI=1 MPI_HOME=${MPI}", False),
        ("RUN RUN_IT; rm -r x\nRUN pip install mpi4py", False),
        ("FROM ubuntu:24.04 AS efa\nRUN RUN_IT; rm -r x\nFROM efa\nRUN fi_info --version", False),
        ("FROM ubuntu:24.04 AS efa\nRUN RUN_IT; rm -r x\nFROM a\nCOPY --from=efa /opt/amazon/efa /efa", False),
        ("RUN RUN_IT; rm -r x\nRUN ./configure --with-libfabric=/opt/amazon/efa && make", False),
    ],
)
def test_a_failure_of_the_installer_is_lost(lines: str, found_there: bool):
    text = "FROM ubuntu:24.04\n" + lines.replace("RUN_IT", "./efa_installer.sh -ykn")
    assert rules(text).get("image-failure-lost") == ("warning" if found_there else None)


# Each as a RUN, with the shell that reads it; where nothing is said of them, "".
STATUSES = [
    ("sh", "cd . && RUN_IT && cd .; rm -f x", "&&"),
    ("sh", "set -e; RUN_IT && cd .; rm -f x", "&&"),
    ("sh", "set -e; { RUN_IT; rm -f x; } && cd .", ";"),
    ("sh", "set -e; set +e; RUN_IT; rm -f x", ";"),
    ("sh", "(set -e; cd .); RUN_IT; rm -f x", ";"),
    ("sh", "echo 'set -e' > s; RUN_IT; rm -f x", ";"),
    ("sh", "set -- -e; RUN_IT; rm -f x", ";"),
    ("sh", "RUN_IT > log 2>&1; rm -f x", ";"),
    ("sh", "RUN_IT 2>&1 | tee log", "|"),
    ("sh", "(cd . && RUN_IT); rm -f x", ";"),
    ("sh", "{ RUN_IT; } 2>&1 | tee log && rm -f x", "|"),
    ("sh", "case a in a) RUN_IT;; esac; rm -f x", ";"),
    ("bash", "RUN_IT |& tee log", "|"),
    ("bash", "set -o pipefail; RUN_IT | tee log; rm -f x", ";"),
    ("sh", "set -e; (RUN_IT && cd .); rm -f x", ""),
    ("sh", "set -e; cd . && RUN_IT; rm -f x", ""),
    ("sh", "cd . && set -ex && RUN_IT; rm -f x", ""),
    ("sh", "RUN_IT; test $? -eq 0", ""),
    ("sh", "RUN_IT; status=$?; rm -f x; exit $status", ""),
    ("sh", 'RUN_IT && done=1; [ -n "$done" ]', ""),
    ("sh", "RUN_IT; RUN_IT && rm -f x", ""),
    ("bash", "trap 'exit 1' ERR; RUN_IT; rm -f x", ""),
    ("bash", "RUN_IT | tee log; exit ${PIPESTATUS[0]}", ""),
    ("bash", "set -o pipefail && RUN_IT | tee log && rm -f x", ""),
    ("sh", "if RUN_IT; then rm -f x; else exit 1; fi; rm -f y", ""),
    ("sh", "{ ! { rm -f x; }; RUN_IT; }", ""),
    ("sh", "for try in 1 2; do RUN_IT && break; done", ""),
]


@pytest.mark.parametrize(("shell", "code", "sign"), STATUSES)
def test_a_failure_that_is_said_to_be_lost_is_lost_to_a_real_shell(shell: str, code: str, sign: str, tmp_path: Path):
    code = code.replace("RUN_IT", "./efa_installer.sh -ykn")
    (tmp_path / "efa_installer.sh").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "efa_installer.sh").chmod(0o755)
    done = subprocess.run([shell, "-c", code], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, check=False)
    assert (done.returncode == 0) == bool(sign)
    text = f'FROM ubuntu:24.04\nSHELL ["/bin/{shell}", "-c"]\nRUN {code}'
    fixes = {";": "put && behind it, or set", "&&": "join what follows", "|": "set -o pipefail"}
    told = [item.fix or "" for item in found(text) if item.rule == "image-failure-lost"]
    assert len(told) == bool(sign)
    assert all(fix.startswith(fixes[sign]) for fix in told)


def test_of_code_without_end_nothing_is_said_and_nothing_breaks():
    chain = " && ".join(["true"] * 1500)
    assert "image-failure-lost" not in rules(f"FROM ubuntu:24.04\nRUN {chain} && ./efa_installer.sh -ykn; rm -r x")


def test_a_lost_failure_is_found_with_another_sign_for_continued_lines():
    text = '# escape=`\nFROM ubuntu:24.04\nSHELL ["/bin/bash", "-c"]\nRUN ./efa_installer.sh -ykn `\n  ; rm -r x'
    assert "image-failure-lost" in rules(text)
    assert "image-failure-lost" not in rules(text.replace(";", "&&"))


@pytest.mark.parametrize(
    ("base", "version", "found_there"),
    [
        ("ubuntu:20.04", "1.43.0", True),
        ("ubuntu:20.04", "1.42.0", False),
        ("nvidia/cuda:12.2.0-devel-ubuntu20.04", "1.47.0", True),
        ("debian:bullseye-slim", "1.51.0", True),
        ("debian:12", "1.51.0", False),
        ("amazonlinux:2", "1.50.0", True),
        ("amazonlinux:2023", "1.51.0", False),
        ("public.ecr.aws/amazonlinux/amazonlinux:2", "1.50.0", True),
        ("my/ubuntu2004-like", "1.51.0", False),
    ],
)
def test_a_system_is_dropped_by_a_release(base: str, version: str, found_there: bool):
    assert ("image-system-dropped" in rules(installer(version, base=base))) == found_there


@pytest.mark.parametrize(
    ("before", "found_there"),
    [
        ("FROM ubuntu:24.04", True),
        ("FROM nvidia/cuda:13.0.2-devel-ubuntu24.04", True),
        ("FROM my/base", False),
        ("FROM nvcr.io/nvidia/pytorch:25.03-py3", False),  # it brings one
        (installer("1.51.0", f"{FLAGS} --disable-ngc"), False),
        ("FROM efa AS x\nFROM ubuntu:24.04\nCOPY --from=x /opt/amazon /opt/amazon", False),
        ("FROM ubuntu:24.04\nRUN /opt/install_efa.sh", False),
        ("FROM ubuntu:24.04\nRUN git clone https://github.com/ofiwg/libfabric && make -C libfabric install", False),
    ],
)
def test_a_libfabric_is_missing_only_where_nothing_can_have_brought_it(before: str, found_there: bool):
    text = f"{before}\n{BUILD} --with-libfabric=/opt/amazon/efa --with-cuda=/usr/local/cuda"
    assert ("image-plugin-libfabric" in rules(text)) == found_there


@pytest.mark.parametrize(
    ("prefix", "after", "found_there"),
    [
        ("/opt/plugin", "", True),
        ("/opt/plugin", "ENV LD_LIBRARY_PATH=/opt/plugin/lib:$LD_LIBRARY_PATH", False),
        (
            "/opt/plugin",
            "ENV LD_LIBRARY_PATH=/opt/plugin/lib:$LD_LIBRARY_PATH\nENV LD_LIBRARY_PATH=/a:$LD_LIBRARY_PATH",
            False,
        ),
        ("/opt/plugin", "RUN echo /opt/plugin/lib >/etc/ld.so.conf.d/x.conf && ldconfig", False),
        ("/opt/plugin", "RUN <<EOF bash\necho /opt/plugin/lib >/etc/ld.so.conf.d/x.conf\nEOF", False),
        ("/opt/plugin", "RUN echo $P/lib >/etc/ld.so.conf.d/x.conf", False),
        ("/opt/plugin", "ENV NCCL_NET_PLUGIN=/opt/plugin/lib/libnccl-net.so", False),
        ("/usr/local", "", False),
        ("/opt/amazon/ofi-nccl", "", False),
        ("$PREFIX", "", False),
    ],
)
def test_a_plugin_is_lost_only_where_nothing_leads_to_its_folder(prefix: str, after: str, found_there: bool):
    text = f"FROM my/base\n{BUILD} --prefix={prefix} --with-libfabric=/opt/amazon/efa && make install\n{after}"
    assert ("image-plugin-not-found" in rules(text)) == found_there


@pytest.mark.parametrize(
    ("version", "flags", "more", "found_there"),
    [
        ("1.47.0", FLAGS, f"{BUILD} --prefix=/opt/own --with-libfabric=/opt/amazon/efa", True),
        ("1.36.0", FLAGS, f"{BUILD} --prefix=/opt/own --with-libfabric=/opt/amazon/efa", False),
        ("1.47.0", f"{FLAGS} --minimal", f"{BUILD} --prefix=/opt/own --with-libfabric=/opt/amazon/efa", False),
        ("1.47.0", FLAGS, f"{BUILD} --prefix=/opt/amazon/ofi-nccl --with-libfabric=/opt/amazon/efa", False),
        (
            "1.47.0",
            FLAGS,
            "RUN rm -rf /opt/amazon/ofi-nccl\n" + f"{BUILD} --prefix=/x --with-libfabric=/opt/amazon/efa",
            False,
        ),
        ("latest", FLAGS, f"{BUILD} --prefix=/opt/own --with-libfabric=/opt/amazon/efa", False),
    ],
)
def test_a_plugin_stands_twice_where_the_installer_surely_brings_one(
    version: str, flags: str, more: str, found_there: bool
):
    assert ("image-plugin-twice" in rules(installer(version, flags, more=more))) == found_there


OLD_FOLDER, NEW_FOLDER = "/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu", "/opt/amazon/ofi-nccl/lib"


@pytest.mark.parametrize(
    ("version", "value", "found_there"),
    [
        ("1.47.0", OLD_FOLDER, True),
        ("1.47.0", NEW_FOLDER, False),
        ("1.47.0", f"{NEW_FOLDER}:{OLD_FOLDER}", False),
        ("1.43.2", NEW_FOLDER, True),
        ("1.43.2", f"{OLD_FOLDER}:$LD_LIBRARY_PATH", False),
        ("latest", OLD_FOLDER, False),
        ("1.36.0", OLD_FOLDER, False),
    ],
)
def test_the_plugin_s_folder_goes_with_the_installer(version: str, value: str, found_there: bool):
    text = installer(version, more=f"ENV LD_LIBRARY_PATH={value}")
    assert ("image-plugin-folder" in rules(text)) == found_there
    assert "image-plugin-folder" not in rules(text.replace("ubuntu:24.04", "amazonlinux:2023"))


def test_libcudart_is_missing_in_a_runtime_image_alone():
    runtime = "nvidia/cuda:13.0.2-runtime-ubuntu24.04"
    assert "image-cudart-link" in rules(installer("1.47.0", base=runtime))
    for base, more in (
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", ""),
        ("my/base", ""),
        (runtime, "RUN apt-get install -y cuda-cudart-dev-13-0"),
        (runtime, "RUN /opt/setup.sh"),
    ):
        assert "image-cudart-link" not in rules(installer("1.47.0", base=base, more=more))


@pytest.mark.parametrize(
    ("end", "found_there"),
    [
        ("FROM ubuntu:24.04\nCOPY --from=efa /opt/amazon /opt/amazon", True),
        ("FROM ubuntu:24.04\nCOPY --from=efa /opt/amazon/efa /opt/amazon/efa", True),
        ("FROM ubuntu:24.04\nRUN apt-get install -y rdma-core\nCOPY --from=efa /opt/amazon /opt/amazon", False),
        ("FROM my/base\nCOPY --from=efa /opt/amazon /opt/amazon", False),
        ("FROM ubuntu:24.04\nCOPY --from=efa / /", False),
        ("FROM ubuntu:24.04\nCOPY --from=efa /opt/amazon/ofi-nccl /opt/amazon/ofi-nccl", False),
    ],
)
def test_efa_is_copied_alone_only_where_no_rdma_core_can_be_there(end: str, found_there: bool):
    text = installer("1.47.0").replace("ubuntu:24.04", "ubuntu:24.04 AS efa", 1) + end
    assert ("image-efa-without-rdma-core" in rules(text)) == found_there


@pytest.mark.parametrize(
    ("torch", "nccl", "found_there"),
    [
        ("torch==2.8.0", "v2.23.4-1", True),
        ("torch==2.8.0", "v2.27.3-1", False),
        ("torch", "v2.23.4-1", False),
        ("torch==2.8.0 --index-url https://download.pytorch.org/whl/cu126", "v2.23.4-1", False),
        ("torch==2.8.0", "$NCCL", False),
        ("torch==2.99.0", "v2.23.4-1", False),
    ],
)
def test_nccl_is_compared_with_a_pytorch_that_is_known(torch: str, nccl: str, found_there: bool):
    clone = f"RUN git clone -b {nccl} https://github.com/NVIDIA/nccl.git && make -C nccl"
    assert ("image-nccl-not-pytorchs" in rules(f"FROM my/base\nRUN pip install {torch}\n{clone}")) == found_there


def test_a_package_of_nccl_counts_as_well():
    text = "FROM my/base\nRUN pip install torch==2.8.0\nRUN apt-get install -y libnccl2=2.23.4-1+cuda12.6"
    assert rules(text)["image-nccl-not-pytorchs"] == "warning"


@pytest.mark.parametrize(
    ("base", "more", "found_there"),
    [
        ("nvcr.io/nvidia/pytorch:24.09-py3", "", True),
        ("nvcr.io/nvidia/pytorch:24.09-py3", "RUN rm -rf /opt/hpcx/ompi", False),
        ("nvcr.io/nvidia/pytorch:24.09-py3", "ENV OPAL_PREFIX=", False),
        ("nvcr.io/nvidia/pytorch:24.09-py3", "RUN /opt/clean.sh", False),
        ("nvidia/cuda:13.0.2-devel-ubuntu24.04", "", False),
        ("my/base", "", False),
    ],
)
def test_hpcx_stays_in_an_image_of_ngc_alone(base: str, more: str, found_there: bool):
    assert ("image-hpcx" in rules(installer("1.47.0", base=base, more=more))) == found_there


@pytest.mark.parametrize(
    ("tag", "more", "found_there"),
    [
        ("26.07-py3", "", True),
        ("26.10-py3", "", True),
        ("26.10-py3", "ENV NCCL_NET_PLUGIN=ofi", False),
        ("26.06-py3", "", False),  # not known
        ("latest", "", False),
    ],
)
def test_the_plugin_of_newer_images_of_ngc_must_be_set_aside(tag: str, more: str, found_there: bool):
    text = installer("1.47.0", base=f"nvcr.io/nvidia/pytorch:{tag}", more=more)
    assert ("image-net-plugin-of-base" in rules(text)) == found_there


@pytest.mark.parametrize(
    ("order", "found_there"),
    [
        ("/opt/own/lib:/opt/amazon/efa/lib", True),
        ("/opt/own/lib:/opt/amazon/efa/lib:$LD_LIBRARY_PATH", True),
        ("/opt/amazon/efa/lib:/opt/own/lib", False),
        ("/opt/other/lib:/opt/amazon/efa/lib", False),
        ("/opt/own/lib", False),
    ],
)
def test_only_a_libfabric_of_the_file_s_own_stands_before_efa_s(order: str, found_there: bool):
    own = "RUN git clone https://github.com/ofiwg/libfabric && cd libfabric && ./configure --prefix=/opt/own"
    assert ("image-library-order" in rules(f"FROM my/base\n{own}\nENV LD_LIBRARY_PATH={order}")) == found_there


@pytest.mark.parametrize(
    ("run", "found_there"),
    [
        ("export FI_PROVIDER=efa", True),
        ("ulimit -l unlimited", True),
        ("a && export NCCL_DEBUG=INFO", True),
        ("export NCCL_DEBUG=INFO && a", False),
        ("export DEBIAN_FRONTEND=noninteractive", False),
        ("echo export FI_PROVIDER=efa >>/root/.bashrc", False),
        ("if a; then export NCCL_DEBUG=INFO; b; fi", False),
    ],
)
def test_a_setting_of_run_is_lost_where_nothing_runs_with_it(run: str, found_there: bool):
    assert ("image-run-setting" in rules(f"FROM my/base\nRUN {run}")) == found_there


def test_the_rows_of_variables_judge_an_image_by_what_it_holds():
    old = "FROM my/base\nRUN git clone -b v1.5.0-aws https://github.com/aws/aws-ofi-nccl.git\nENV FI_PROVIDER=efa"
    assert "fi-provider-redundant" not in rules(old)
    assert "fi-provider-redundant" in rules(old.replace("v1.5.0-aws", "v1.21.1"))
    late = f"FROM my/base\nRUN git clone -b v1.14.0 {PLUGIN}\nENV NCCL_NET_PLUGIN=ofi"
    assert rules(late)["nccl-net-plugin-ofi"] == "error"
    assert rules("FROM my/base\nENV NCCL_BUFFERSIZE=1 FI_EFA_MAGIC=1")["nccl-buffersize"] == "warning"


def test_a_variable_that_another_program_of_the_image_may_read_is_left_alone():
    text = f"FROM my/base\nRUN git clone -b v1.21.1 {PLUGIN}\nENV FI_PROVIDER=efa"
    assert "fi-provider-redundant" not in rules(f"{text}\nRUN pip install nixl")


def test_only_the_last_value_of_a_variable_counts_and_a_build_stage_has_none():
    text = (
        "FROM a AS b\nENV NCCL_BUFFERSIZE=1\nFROM c\nCOPY --from=b /x /x\nENV NCCL_NET=Socket\nENV NCCL_NET=Libfabric"
    )
    assert rules(text) == {}


def test_releases_that_do_not_go_together_are_found_where_the_file_names_them():
    text = f"FROM my/base\nARG V=v1.15.0\nRUN git clone -b $V {PLUGIN}"
    broken = [item for item in found(text, instance="p5.4xlarge") if item.rule == "software-broken"]
    assert [(item.line, str(item.severity)) for item in broken] == [(2, "error")]
    assert "software-broken" not in rules(text)
    assert "software-broken" not in rules(text, instance="m5.large")


def test_what_a_caller_names_fills_in_what_the_image_does_not():
    text = "FROM my/base\nENV NCCL_NET_PLUGIN=ofi"
    assert "nccl-net-plugin-ofi" in rules(text, plugin="1.14.0")
    assert "nccl-net-plugin-ofi" not in rules(text)
    own = f"FROM my/base\nRUN git clone -b v1.21.1 {PLUGIN}\nENV NCCL_NET_PLUGIN=ofi"
    assert "nccl-net-plugin-ofi" not in rules(own, plugin="1.14.0")


def test_a_comment_leaves_a_rule_out():
    line = f"RUN curl -O {TARBALL}-latest.tar.gz"
    assert "image-installer-unpinned" in rules(f"FROM my/base\n{line}")
    assert rules(f"FROM my/base\n# efakit: ignore image-installer-unpinned\n{line}") == {}
    assert "ignore-unknown-rule" in rules(f"FROM my/base\n# efakit: ignore image-installer-unpined\n{line}")


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12\nRUN pip install flask\nCMD python app.py",
        'FROM golang:1.24 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /x /x\nENTRYPOINT ["/x"]',
        "FROM ubuntu:24.04\nRUN apt-get update \\\n    # tools\n    && apt-get install -y curl\nENV PATH=/x:$PATH",
    ],
)
def test_an_ordinary_image_is_clean(text: str):
    assert rules(text) == {}


def test_variables_that_double_60_times_and_a_command_of_10000_words_are_read():
    doubling = "ARG V0=ab\n" + "".join(f"ARG V{number + 1}=${{V{number}}}${{V{number}}}\n" for number in range(60))
    assert "image-installer-old" in rules(doubling + installer("1.30.0", more=f"ENV X=$V60\n{doubling}"))
    assert "image-installer-old" in rules(installer("1.30.0", more="RUN " + "a \\\n" * 10000))


@pytest.mark.parametrize(
    ("base", "more", "code", "found_there"),
    [
        ("ubuntu:24.04", "", 'if [ "$A" == true ]; then {} ; fi', True),
        ("docker.io/library/debian:12", "", 'if [[ "$A" = true ]]; then {} ; fi', True),
        ("nvidia/cuda:13.0.2-base-ubuntu24.04", "", 'if [ "$A" == true ]; then {} ; fi', True),
        ("ubuntu:24.04", "", 'if [ "$A" = true ]; then {} ; fi', False),
        ("ubuntu:24.04", "", "echo '[ a == b ]' [[:digit:]] && {}", False),
        ("ubuntu:24.04", "", 'bash -c "[[ a == b ]]" && {}', False),
        ("ubuntu:24.04", 'SHELL ["/bin/bash", "-c"]', 'if [ "$A" == true ]; then {} ; fi', False),
        ("rockylinux:9", "", 'if [ "$A" == true ]; then {} ; fi', False),
        ("my/base:1", "", 'if [ "$A" == true ]; then {} ; fi', False),
    ],
)
def test_a_condition_that_dash_does_not_know_is_found_where_run_is_dash(base, more, code, found_there):
    run = code.format(f"apt-get update && curl -O {TARBALL}-1.51.0.tar.gz && ./efa_installer.sh {FLAGS}")
    assert ("image-shell-is-dash" in rules(f"FROM {base}\n{more}\nARG A=true\nRUN {run}")) is found_there
    assert "image-shell-is-dash" not in rules(f"FROM {base}\nRUN [ a == b ]")


# A public report, its lines in short, and the rule that has the right answer.
REPORTS = {
    "https://github.com/awslabs/awsome-distributed-ai/pull/1153": (
        "image-taken-for-ngc",
        installer(
            "1.48.0", "-y -g --skip-kmod --skip-limit-conf --no-verify", "nvcr.io/nvidia/cuda:13.0.2-devel-ubuntu22.04"
        ),
    ),
    "https://github.com/ai-dynamo/nixl/pull/1555": (
        "image-shell-is-dash",
        f'FROM ubuntu:24.04\nARG E=true\nRUN if [ "$E" == true ]; then curl -O {TARBALL}-1.47.0.tar.gz '
        f"&& ./efa_installer.sh {FLAGS}; fi",
    ),
    "https://github.com/PrimeIntellect-ai/prime-rl/pull/3448": (
        "image-efa-without-rdma-core",
        installer(
            "1.47.0", base="ubuntu:24.04 AS efa", more="FROM ubuntu:24.04\nCOPY --from=efa /opt/amazon /opt/amazon"
        ),
    ),
    "https://github.com/aws/aws-ofi-nccl/issues/584": (
        "image-installer-old",
        installer("1.28.0", more="RUN pip install torch==2.4.1"),
    ),
    "https://github.com/aws/aws-ofi-nccl/issues/241": ("image-installer-unpinned", installer("latest")),
}


@pytest.mark.parametrize("address", REPORTS)
def test_a_public_report_gets_the_right_answer(address):
    rule, text = REPORTS[address]
    assert rule in rules(text)
