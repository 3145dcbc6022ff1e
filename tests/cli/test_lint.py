"""``efakit lint``: files and folders, targets, formats, exit codes, mending."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from efakit.cli.lint import lint
from efakit.errors import EfakitError

ROOT = Path(__file__).resolve().parents[2]
BAD = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n\texport FI_LOG_LEVEL=1\nsrun ./app\n"
FATAL = "#!/bin/bash\nexport FI_EFA_MTU_SIZE=1\n"


SPEC = (Path(__file__).resolve().parents[2] / "cluster-configs/p5.yaml").read_text()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lint, [str(argument) for argument in arguments])


def written(folder: Path, content: str | bytes, name: str = "x.sbatch") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_json(*arguments: str | Path) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(run(*arguments, "--format", "json").stdout)
    return findings


def refused(*arguments: str | Path) -> str:
    """Return the message of bad input; the command line ends with 2 on it."""
    error = run(*arguments).exception
    assert isinstance(error, EfakitError), error
    assert error.exit_code == 2
    return str(error)


def test_text_shows_the_line_and_a_caret_under_the_place(tmp_path):
    path = written(tmp_path, BAD)
    lines = run(path).stdout.splitlines()
    assert lines[0].startswith(f"{path}:4:9: warning fi-log-level: FI_LOG_LEVEL")
    assert lines[1] == "    \texport FI_LOG_LEVEL=1"
    assert lines[2] == "    \t       ^~~~~~~~~~~~~~"
    assert lines[-1] == "1 file: 0 errors, 1 warning, 0 info; --fix fixes 1"


def test_carets_stand_right_under_wide_letters(tmp_path):
    lines = run(written(tmp_path, "#!/bin/bash\n: 東京; export FI_LOG_LEVEL=1\n")).stdout.splitlines()
    assert lines[2].index("^") == len("    : ") + 4 + len("; export ")


def test_json_has_what_a_finding_has(tmp_path):
    path = written(tmp_path, BAD)
    [finding] = as_json(path)
    fields = ["file", "line", "column", "rule", "severity", "message", "fix", "source", "mendable", "about"]
    assert list(finding) == fields
    assert (finding["file"], finding["line"], finding["column"]) == (str(path), 4, 9)
    assert finding["source"].startswith("https://")


def test_sarif_has_the_shape_of_version_2_1_0(tmp_path):
    path = written(tmp_path, BAD.replace("--nodes=2", "--nodes=2\n#SBATCH --nodes=3"), "a b.sbatch")
    document = json.loads(run(path, "--format", "sarif").stdout)
    assert document["version"] == "2.1.0"
    [run_] = document["runs"]
    rules = run_["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    overridden = next(rule for rule in rules if rule["id"] == "option-overridden")
    assert overridden["shortDescription"]["text"] == "A later #SBATCH line sets the same option to another value."
    assert "sbatch uses the last value" in overridden["fullDescription"]["text"]
    assert "#SBATCH --nodes=4" in overridden["help"]["text"]
    assert overridden["helpUri"].startswith("https://")
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        [location] = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uri"] == f"file://{tmp_path}/a%20b.sbatch"
        assert 1 <= place["region"]["startColumn"] < place["region"]["endColumn"]


def test_github_has_workflow_commands_of_one_line_each(tmp_path):
    path = written(tmp_path, BAD)
    [line] = run(path, "--format", "github").stdout.splitlines()
    assert line.startswith(f"::warning file={path},line=4,col=9,endColumn=23,title=fi-log-level::")
    assert "%0Afix: FI_LOG_LEVEL=warn" in line


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (BAD, (), 0),
        (BAD, ("--fail-on", "warning"), 1),
        (FATAL, (), 1),
        ("#!/bin/bash\ntrue\n", ("--fail-on", "info"), 0),
    ],
)
def test_exit_codes(tmp_path, text, options, code):
    assert run(written(tmp_path, text), *options).exit_code == code


@pytest.mark.parametrize(("content", "says"), [(b"", "empty"), (b"a\0b", "binary")])
def test_files_that_are_no_scripts_are_refused(tmp_path, content, says):
    assert says in refused(written(tmp_path, content))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.sbatch")


@pytest.mark.parametrize(
    ("options", "says"),
    [(("--instance", "p5.96xlarge"), "p5.96xlarge"), (("--parallelcluster", "9.9.9"), "9.9.9")],
)
def test_a_target_that_does_not_exist_is_refused(tmp_path, options, says):
    assert says in refused(written(tmp_path, BAD), *options)


def test_the_target_decides(tmp_path):
    path = written(tmp_path, "#!/bin/bash\nexport FI_EFA_USE_DEVICE_RDMA=1\n./app\n")
    assert as_json(path) == []
    [finding] = as_json(path, "--instance", "p3dn.24xlarge")
    assert (finding["rule"], finding["severity"]) == ("fi-efa-use-device-rdma-aborts", "error")


def test_a_spec_names_the_target_of_each_partition(tmp_path):
    script = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --partition={}\nsrun torchrun --nproc_per_node=9 x.py\n"
    spec = ROOT / "cluster-configs/p5.yaml"
    queue = next(line.split()[-1] for line in spec.read_text().splitlines() if line.strip().startswith("- name:"))
    known = as_json(written(tmp_path, script.format(queue), "a.sbatch"), "--spec", spec)
    other = as_json(written(tmp_path, script.format("elsewhere"), "b.sbatch"), "--spec", spec)
    assert "gpus-of-instance" in [item["rule"] for item in known]
    assert "gpus-of-instance" not in [item["rule"] for item in other]


def test_a_spec_s_own_plugin_counts(tmp_path):
    script = "#!/bin/bash\n#SBATCH --nodes=2\nexport NCCL_BUFFSIZE=8388608\nsrun torchrun --nproc-per-node=8 x.py\n"
    path, text = written(tmp_path, script), (ROOT / "cluster-configs/p5.yaml").read_text()
    newest = written(tmp_path, text, "newest.yaml")
    old = written(tmp_path, text.replace("cluster:\n", "cluster:\n  stack: {plugin: '1.14.2'}\n", 1), "old.yaml")
    assert "nccl-buffsize-set-by-plugin" in [item["rule"] for item in as_json(path, "--spec", newest)]
    assert "nccl-buffsize-set-by-plugin" not in [item["rule"] for item in as_json(path, "--spec", old)]


def test_a_spec_of_a_cluster_that_is_up_names_the_target_too(tmp_path):
    script = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --partition=GPU\nsrun torchrun --nproc_per_node=9 x.py\n"
    queue = "{name: GPU, compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 2}]}"
    spec = written(tmp_path, f"cluster: {{queues: [{queue}]}}\n", "plain.yaml")
    assert "gpus-of-instance" in [item["rule"] for item in as_json(written(tmp_path, script), "--spec", spec)]
    assert as_json(spec, "--spec", spec) == []


def test_a_type_without_efa_needs_no_variable_for_it(tmp_path):
    launch = "srun torchrun --nnodes=2 --master-addr=$(hostname) x.py"
    path = written(tmp_path, f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n{launch}\n")
    assert [item["rule"] for item in as_json(path, "--instance", "g5.8xlarge")] == ["nccl-net"]
    assert as_json(path, "--instance", "g5.xlarge") == []


def test_a_spec_and_another_target_together_are_refused(tmp_path):
    spec = ROOT / "cluster-configs/p5.yaml"
    assert "--instance" in refused(written(tmp_path, BAD), "--spec", spec, "--instance", "p5.48xlarge")


def test_folders_are_searched_and_a_file_that_is_no_script_is_left_out_with_a_word(tmp_path):
    for name in ("a.sbatch", "deep/b.sh", "deep/c.env", "d.txt", ".hidden/e.sh"):
        written(tmp_path, "FI_LOG_LEVEL=1\n" if name.endswith("env") else BAD, name)
    written(tmp_path, b"", "empty.sh")
    done = run(tmp_path, "--format", "json")
    assert [Path(item["file"]).name for item in json.loads(done.stdout)] == ["a.sbatch", "b.sh", "c.env"]
    assert "skipped" in done.stderr
    assert "empty.sh" in done.stderr


def test_a_folder_without_scripts_is_refused(tmp_path):
    assert "holds no script" in refused(tmp_path)


def test_a_folder_of_which_nothing_could_be_judged_is_not_clean(tmp_path):
    written(tmp_path, b"", "a.sh")
    written(tmp_path, b"", "b.sbatch")
    assert [name in refused(tmp_path) for name in ("a.sh", "b.sbatch")] == [True, True]


DOCKERFILE = "FROM ubuntu:24.04\nRUN apt-get update && ./efa_installer.sh -y -g --no-verify\n"


@pytest.mark.parametrize(
    "name", ["Dockerfile", "Dockerfile.gpu", "my.dockerfile", "Containerfile", "image", "image.txt"]
)
def test_a_dockerfile_is_known_by_its_name_or_its_from(tmp_path, name):
    assert [item["rule"] for item in as_json(written(tmp_path, DOCKERFILE, name))] == ["image-kernel-module"]


def test_folders_are_searched_for_dockerfiles(tmp_path):
    for name in ("Dockerfile", "deep/gpu.Dockerfile", "Dockerfile.dockerignore", "other"):
        written(tmp_path, DOCKERFILE, name)
    assert [Path(item["file"]).name for item in as_json(tmp_path)] == ["Dockerfile", "gpu.Dockerfile"]


def test_a_dockerfile_comes_on_standard_input_too(tmp_path):
    done = CliRunner().invoke(lint, ["-", "--format", "json"], input=f"# mine\nARG A=1\n{DOCKERFILE}")
    assert [(item["file"], item["line"]) for item in json.loads(done.stdout)] == [("<stdin>", 4)]
    assert done.exit_code == 1


@pytest.mark.parametrize("form", ["text", "sarif", "github"])
def test_every_format_has_a_dockerfile_s_findings(tmp_path, form):
    done = run(written(tmp_path, DOCKERFILE, "Dockerfile"), "--format", form)
    assert "image-kernel-module" in done.stdout
    assert done.exit_code == 1


def test_the_target_s_options_hold_for_images_too(tmp_path):
    clone = "RUN git clone -b v1.15.0 https://github.com/aws/aws-ofi-nccl.git"
    path = written(tmp_path, f"FROM my/base\n{clone}\n", "Dockerfile")
    assert as_json(path) == []
    assert [item["rule"] for item in as_json(path, "--instance", "p5.4xlarge")] == ["software-broken"]


def test_a_spec_gives_an_image_its_instance_type(tmp_path):
    clone = "RUN git clone -b v1.5.0 https://github.com/aws/aws-ofi-nccl.git"
    path = written(tmp_path, f"FROM my/base\n{clone}\n", "Dockerfile")
    assert "software-risky" in [item["rule"] for item in as_json(path, "--spec", ROOT / "cluster-configs/p5.yaml")]


def test_fix_changes_no_dockerfile(tmp_path):
    path = written(tmp_path, "FROM my/base\nENV NCCL_BUFFERSIZE=1 NCCL_DEBG=INFO\n", "Dockerfile")
    done = run(path, "--fix")
    assert path.read_text() == "FROM my/base\nENV NCCL_BUFFERSIZE=1 NCCL_DEBG=INFO\n"
    assert "misspelt-variable" in done.stdout


def test_cluster_configs_are_judged_by_the_rules_of_validate(tmp_path):
    config = (ROOT / "cluster-configs/p5.cluster.yaml").read_text().replace("OnNodeConfigured", "OnNodeConfiguredd")
    config = config.replace("HeadNode:", "HeadNodee: 1\nHeadNode:", 1)
    assert "unknown-key" in [item["rule"] for item in as_json(written(tmp_path, config, "c.yaml"))]


def test_fix_mends_keeps_the_mode_and_shows_the_change(tmp_path):
    path = written(tmp_path, BAD)
    path.chmod(0o750)
    done = run(path, "--fix")
    assert path.read_text() == BAD.replace("=1", "=warn")
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert "-\texport FI_LOG_LEVEL=1\n+\texport FI_LOG_LEVEL=warn\n" in done.stderr
    assert done.stdout == "1 file: clean\n"
    assert run(path, "--fix").stderr == ""
    assert [item.name for item in tmp_path.iterdir()] == ["x.sbatch"]


def test_fix_with_dry_run_shows_the_change_and_writes_nothing(tmp_path):
    path = written(tmp_path, BAD)
    done = run(path, "--fix", "--dry-run", "--format", "json")
    assert path.read_text() == BAD
    assert "+\texport FI_LOG_LEVEL=warn" in done.stderr
    assert [item["rule"] for item in json.loads(done.stdout)] == ["fi-log-level"]


def test_fix_writes_through_a_link(tmp_path):
    path = written(tmp_path, BAD)
    link = tmp_path / "link.sbatch"
    link.symlink_to(path)
    run(link, "--fix")
    assert link.is_symlink()
    assert "warn" in path.read_text()


def test_dry_run_without_fix_is_a_usage_error(tmp_path):
    assert run(written(tmp_path, BAD), "--dry-run").exit_code == 2


def test_a_name_that_steers_the_terminal_is_shown_harmless(tmp_path):
    done = run(written(tmp_path, b"#!/bin/bash\nexport FI_LOG_LEVEL='\x1b[31m'\n"))
    assert "\x1b" not in done.stdout


def test_help_loads_no_grammar():
    code = (
        "import sys\nfrom efakit.cli.main import efakit\n"
        "efakit.main(['--help'], standalone_mode=False)\nprint('tree_sitter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_rendered_jobs_of_every_ready_spec_are_clean(record_property):
    scripts = sorted((ROOT / "tests/emit/golden").rglob("*.sbatch"))
    assert scripts
    findings = [item for item in as_json(*scripts) if item["rule"] != "output-folder-missing"]
    record_property("says", f"{len(findings)} findings in {len(scripts)} rendered jobs")
    assert findings == []


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_never_ends_is_not_read(tmp_path, kind):
    pipe = tmp_path / "x.sbatch"
    os.mkfifo(pipe)
    assert "not a file" in refused("/dev/zero" if kind == "device" else pipe)


def test_the_system_decides_what_its_kernel_needs(tmp_path):
    script = written(tmp_path, "#!/bin/bash\nexport FI_EFA_FORK_SAFE=1\nmpirun ./solver\n")

    def rules(system: str) -> set[str]:
        return {item["rule"] for item in as_json(script, "--installer", "1.47.0", "--os", system)}

    assert "fi-efa-fork-safe-redundant" in rules("alinux2023")
    assert "fi-efa-fork-safe-redundant" not in rules("alinux2")
    assert "--os gentoo: not one of" in refused(script, "--os", "gentoo")


def test_a_spec_tells_of_queues_without_efa_and_of_shared_ones(tmp_path):
    spec = SPEC.replace("      compute_resources:\n", "      exclusive: false\n      compute_resources:\n", 1)
    spec = spec.replace("          nodes: 4\n", "          nodes: 4\n          efa: 'off'\n", 1)
    assert spec.count("efa: 'off'") == spec.count("exclusive: false") == 1
    launch = "srun torchrun --nnodes=2 --master-addr=$(hostname) t.py"
    text = f"#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gpus-per-node=4\n{launch}\n"
    script, specs = written(tmp_path, text), (written(tmp_path, SPEC, "a.yaml"), written(tmp_path, spec, "b.yaml"))
    found = [{item["rule"] for item in as_json(script, "--spec", path)} for path in specs]
    assert {"nccl-net", "gpus-of-instance"} <= found[0]
    assert not {"nccl-net", "gpus-of-instance"} & found[1]


def test_every_component_is_an_option(tmp_path):
    path = written(tmp_path, "#!/bin/bash\n#SBATCH --nodes=2\nexport NVSHMEM_NETDEVS_POLICY=AUTO\nsrun ./app\n")
    rules = [{item["rule"] for item in as_json(path, "--nvshmem", release)} for release in ("3.3.24", "3.7.0")]
    assert rules[0] - rules[1] == {"nvshmem-netdevs-policy"}
    for option in ("open-mpi", "slurm", "driver", "rdma-core", "cuda", "kernel"):
        as_json(path, f"--{option}", "5.0.1")
        assert "not a release" in refused(path, f"--{option}", "newest")
        assert f"remove --{option}" in refused(path, f"--{option}", "5.0.1", "--spec", ROOT / "cluster-configs/p5.yaml")
