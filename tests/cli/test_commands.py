"""The command line: help, exit codes, clear errors, and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from efakit import __version__
from efakit.cli.main import COMMANDS, efakit
from tests.cli.running import COMMAND, Done, run_process
from tests.cli.running import run_here as run

INIT = [
    *("init", "--instance", "p5.48xlarge", "--nodes", "4", "--subnet", "subnet-0123456789abcdef1"),
    *("--key", "my-key", "--region", "us-east-1"),
]


def refused(done: Done, *words: str) -> None:
    """Assert a clear error: exit code 2, the words, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_the_version():
    assert run_process("--version").stdout.split()[-1] == __version__


def test_the_help_names_every_command_as_the_command_does_itself():
    text = run("--help").stdout
    context = efakit.make_context("efakit", ["--help"], resilient_parsing=True)
    for name, (_, _, short) in COMMANDS.items():
        command = efakit.get_command(context, name)
        assert command is not None
        assert command.short_help == short
        assert name in text


def test_a_command_that_is_not_called_is_not_imported():
    script = "import sys, efakit.cli.main; print([m for m in sys.modules if m in ('yaml', 'jinja2', 'rich')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command_and_option_are_refused():
    refused(run_process("rendr"), "No such command")
    refused(run("render", "--nonsense"), "No such option")


@pytest.mark.parametrize(("instance", "notes"), [("t3.micro", 1), ("p5.48xlarge", 0)])
def test_init_says_that_a_type_has_no_efa(tmp_path, instance, notes):
    words = [instance if word == "p5.48xlarge" else word for word in INIT]
    done = run(*words, "--output", tmp_path / "spec.yaml")
    assert done.returncode == 0
    assert done.stderr.count(f"efakit: note: {instance} has no EFA") == notes


def test_init_writes_a_spec_that_renders(tmp_path):
    assert run_process(*INIT, "--output", "spec.yaml", cwd=tmp_path).returncode == 0
    done = run_process("render", "spec.yaml", "--out", "bundle", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sudo sh install-hooks.sh" in done.stdout
    config = yaml.safe_load((tmp_path / "bundle/cluster.yaml").read_text())
    assert config["Scheduling"]["SlurmQueues"][0]["ComputeResources"][0]["MaxCount"] == 4
    assert (tmp_path / "bundle/jobs/train.sbatch").is_file()


def test_init_with_a_bucket_says_to_publish(tmp_path):
    run(*INIT, "--bucket", "s3://b-1/p", "--output", "spec.yaml", cwd=tmp_path)
    done = run("render", "spec.yaml", "--out", "bundle", cwd=tmp_path)
    assert "efakit hooks publish bundle" in done.stdout


def test_init_does_not_overwrite(tmp_path):
    (tmp_path / "spec.yaml").write_text("mine")
    refused(run(*INIT, "--output", "spec.yaml", cwd=tmp_path), "exists already", "--force")
    assert (tmp_path / "spec.yaml").read_text() == "mine"
    assert run(*INIT, "--output", "spec.yaml", "--force", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--instance", "p5.96xlarge", "p5.48xlarge"),
        ("--nodes", "0", "--nodes: 0 is not at least 1"),
        ("--nodes", "many", "not a valid integer"),
        ("--subnet", "mine", "--subnet: 'mine'"),
        ("--key", "a\nb", "--key"),
        ("--key", "", "--key"),
        ("--region", "us", "--region"),
        ("--os", "ubuntu2004", "--os: ParallelCluster"),
        ("--os", "ubuntu2405", "did you mean 'ubuntu2404'"),
        ("--bucket", "my-bucket", "--bucket"),
        ("--output", "/proc/none/spec.yaml", "cannot be written"),
        ("--output", "/", "is a folder"),
    ],
)
def test_init_refuses_what_would_not_render(tmp_path, option, value, word):
    refused(run(*INIT, "--output", "spec.yaml", option, value, cwd=tmp_path), word)
    assert list(tmp_path.iterdir()) == []


def test_init_without_a_terminal_names_what_is_missing():
    refused(run("init", "--instance", "p5.48xlarge"), "--nodes", "--subnet", "--region")


def test_init_needs_no_key_pair(tmp_path):
    given = [word for word in INIT if word not in ("--key", "my-key")]
    run(*given, "--output", "spec.yaml", cwd=tmp_path)
    done = run("render", "spec.yaml", "--out", "bundle", cwd=tmp_path)
    head = yaml.safe_load((tmp_path / "bundle/cluster.yaml").read_text())["HeadNode"]
    assert "Ssh" not in head
    assert "AmazonSSMManagedInstanceCore" in str(head["Iam"])
    assert done.stderr == ""


@pytest.mark.parametrize("key", ["my-key", ""])
def test_init_prompts_on_a_terminal(tmp_path, monkeypatch, key):
    monkeypatch.setattr("efakit.cli.init._on_terminal", lambda: True)
    target = tmp_path / "spec.yaml"
    answers = f"p5.48xlarge\n4\nsubnet-0123456789abcdef1\n{key}\nus-east-1\n{target}\n"
    done = CliRunner().invoke(efakit, ["init"], input=answers)
    assert done.exit_code == 0, done.output
    assert "instance: p5.48xlarge" in target.read_text()
    assert ("\n  key: my-key" in target.read_text()) is bool(key)


def test_a_key_name_with_quotes_and_spaces_survives(tmp_path):
    run(*INIT, "--key", 'it\'s "my" key: #1', "--output", "spec.yaml", cwd=tmp_path)
    run("render", "spec.yaml", "--out", "bundle", cwd=tmp_path)
    config = yaml.safe_load((tmp_path / "bundle/cluster.yaml").read_text())
    assert config["HeadNode"]["Ssh"]["KeyName"] == 'it\'s "my" key: #1'


def test_the_schema_is_published():
    schema = json.loads(run("init", "--print-schema").stdout)
    assert schema["$defs"]["job"]["properties"]["template"]["enum"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "no such file"),
        ("", "empty"),
        ("cluster: [", "not valid YAML"),
        ("cluster:\n  regoin: x\n", "spec.yaml:2:3"),
    ],
)
def test_render_refuses_a_bad_spec_and_writes_nothing(tmp_path, content, word):
    if content is not None:
        (tmp_path / "spec.yaml").write_text(content)
    refused(run("render", "spec.yaml", "--out", "bundle", cwd=tmp_path), word)
    assert not (tmp_path / "bundle").exists()


def test_render_refuses_a_folder_and_a_device_as_spec(tmp_path):
    refused(run("render", tmp_path, "--out", tmp_path / "bundle"), "is a folder")
    refused(run("render", "/dev/null", "--out", tmp_path / "bundle"), "empty")


@pytest.fixture
def spec(tmp_path) -> Path:
    run(*INIT, "--output", "spec.yaml", cwd=tmp_path)
    return tmp_path / "spec.yaml"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_render_never_overwrites_foreign_files(spec):
    out = spec.parent / "bundle"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    refused(run("render", spec, "--out", out), "did not write", "mine.txt")
    assert tree(out) == {"mine.txt": b"mine"}
    assert run("render", spec, "--out", out, "--force").returncode == 0
    assert (out / "mine.txt").read_text() == "mine"


def test_render_again_replaces_its_own_files_and_keeps_changed_ones(spec):
    out = spec.parent / "bundle"
    run("render", spec, "--out", out)
    first = tree(out)
    assert run("render", spec, "--out", out).returncode == 0
    assert tree(out) == first
    (out / "jobs/train.sbatch").write_text("changed by hand")
    refused(run("render", spec, "--out", out), "train.sbatch", "was changed")
    assert (out / "jobs/train.sbatch").read_text() == "changed by hand"


def test_a_job_that_is_gone_from_the_spec_goes_from_the_bundle(spec):
    out = spec.parent / "bundle"
    run("render", spec, "--out", out)
    spec.write_text(spec.read_text().replace("name: train", "name: tune"))
    run("render", spec, "--out", out)
    assert [path.name for path in (out / "jobs").iterdir()] == ["tune.sbatch"]


def test_render_one_target_leaves_the_others(spec):
    out = spec.parent / "bundle"
    assert run("render", spec, "--out", out, "--target", "sbatch").returncode == 0
    assert set(tree(out)) == {"jobs/train.sbatch", "DECISIONS.md", ".efakit-bundle.json"}
    assert run("render", spec, "--out", out, "--target", "parallelcluster").returncode == 0
    assert {"jobs/train.sbatch", "cluster.yaml"} <= set(tree(out))


def test_render_shows_one_job(spec):
    assert run("render", spec, "--show", "train").stdout.startswith("#!/bin/bash\n#SBATCH --job-name=train\n")
    refused(run("render", spec, "--show", "trian"), "did you mean 'train'")


def test_render_into_a_file_is_refused(spec):
    refused(run("render", spec, "--out", spec), "is a file")
    refused(run("render", spec), "--out")


def test_hooks_publish_says_what_is_missing(spec):
    out = spec.parent / "bundle"
    refused(run("hooks", "publish", out), "efakit render")
    run("render", spec, "--out", out)
    refused(run("hooks", "publish", out), "hooks.bucket")
    done = run("hooks", "publish", out, "--to", "s3://b-1/p/install-hooks.sh", "--dry-run")
    assert "would upload" in done.stdout


def test_hooks_publish_takes_the_address_that_the_bundle_was_rendered_with(spec):
    """Also beside actions of the user's own, among which the installer is one of several in cluster.yaml."""
    out, own = spec.parent / "bundle", "    custom_actions: {on_node_configured: {script: s3://theirs/own.sh}}\n"
    text = spec.read_text().replace("  head_node:\n", f"  head_node:\n{own}")
    spec.write_text(text.replace("  mode: observe", "  bucket: s3://b-1/p\n  mode: observe"))
    address = "to s3://b-1/p/install-hooks.sh"
    assert run("render", spec, "--out", out).returncode == 0
    assert "Sequence" in (out / "cluster.yaml").read_text()
    assert address in run("hooks", "publish", out, "--dry-run").stdout
    assert run("render", spec, "--out", out, "--target", "sbatch").returncode == 0
    assert address in run("hooks", "publish", out, "--dry-run").stdout, "hooks/ is as it was"
    spec.write_text(spec.read_text().replace("  bucket: s3://b-1/p\n", ""))
    assert run("render", spec, "--out", out).returncode == 0
    refused(run("hooks", "publish", out, "--dry-run"), "has no address")


def test_a_target_without_its_section_is_refused_and_nothing_is_written(spec):
    text = spec.read_text()
    start, end = text.index("# What only ParallelCluster"), text.index("hooks:")
    spec.write_text(text[:start] + text[end:])
    out = spec.parent / "bundle"
    refused(run("render", spec, "--out", out, "--target", "parallelcluster"), "the section 'parallelcluster'")
    assert not out.exists()
    done = run("render", spec, "--out", out)
    assert done.returncode == 0
    assert "for an existing Slurm cluster" in done.stdout
    assert not (out / "cluster.yaml").exists()


@pytest.mark.parametrize("arguments", [("--help",), ("catalog", "list"), ("lint", "--help")])
def test_a_reader_of_the_output_that_has_gone_is_no_finding(arguments):
    source, sink = os.pipe()
    os.close(source)
    done = subprocess.run([*COMMAND, *arguments], stdout=sink, stderr=subprocess.PIPE, text=True, check=False)
    os.close(sink)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [("lint", "--help"), ("explain", "--instance", "p5.48xlarge")])
def test_output_that_cannot_be_written_is_said(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("efakit: standard output cannot be written: No space left")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("catalog", "list"), 0),
        (("init",), 2),
        (("diagnose", "log"), 0),
        (("lint", "log"), 0),
        (("top",), 2),
        (("render", "none.yaml", "--out", "bundle"), 2),
    ],
)
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_standard_streams_that_are_closed_change_no_exit_code(tmp_path, arguments, code, closed):
    (tmp_path / "log").write_text("#!/bin/bash\nsrun ./app\n")
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, *arguments]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr


def test_what_a_program_of_ours_prints_goes_into_no_file_where_stdout_is_closed(tmp_path):
    program = "from efakit.cli.main import _open_standard_streams as opened; opened()\n"
    program += "import subprocess; file = open('file', 'w'); subprocess.run(['echo', 'said'], close_fds=False)"
    subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", program], cwd=tmp_path, check=True)
    assert (tmp_path / "file").read_text() == ""
