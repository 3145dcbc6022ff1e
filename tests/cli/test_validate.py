"""``efakit validate``: lines of the user's file, who judged what, exit codes, odd files."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from efakit.catalog.stacks import newest_parallelcluster
from efakit.cli.main import efakit
from efakit.cli.validate import validate
from efakit.errors import EfakitError, MissingExtra, UsageError
from efakit.finding import Finding
from efakit.validate import judges
from efakit.validate.subject import read_subject
from efakit.vendor.account_checks import AccountFacts
from efakit.vendor.pcluster_process import PclusterProcess
from efakit.vendor.simulated_account import DryRun, installed_pcluster_version
from tests.pcluster.simulated import Account, config, standard_account, text

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "cluster-configs/p5.yaml").read_text()
INSTALLED = installed_pcluster_version()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(validate, [str(argument) for argument in arguments])


def found(*arguments: str | Path) -> dict[str, Any]:
    done = run(*arguments, "--format", "json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document: dict[str, Any] = json.loads(done.stdout)
    return {**document, "code": done.exit_code}


def written(folder: Path, content: str | bytes, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(*arguments: str | Path) -> str:
    """Return the message of bad input; the command line ends with 2 on it."""
    error = run(*arguments, "--no-vendor").exception
    assert isinstance(error, EfakitError), error
    assert error.exit_code == 2
    return str(error)


def test_a_good_spec_and_a_good_config_pass(tmp_path):
    assert run(written(tmp_path, SPEC), "--no-vendor").exit_code == 0
    assert run(ROOT / "cluster-configs/p5.cluster.yaml", "--no-vendor").exit_code == 0


def test_a_terminal_shows_who_is_asked_and_nothing_of_it_stays(tmp_path):
    command = [str(Path(sys.executable).with_name("efakit")), "validate", str(written(tmp_path, SPEC)), "--no-vendor"]
    quiet = subprocess.run(command, capture_output=True, check=True)
    assert quiet.stderr == b""
    master, slave = pty.openpty()
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=slave, check=True)
    os.close(slave)
    line = _all_of(master).decode()
    os.close(master)
    assert line.startswith("\rAsking ")
    assert line.endswith("\r\x1b[K")
    assert shown.stdout == quiet.stdout


def _all_of(terminal: int) -> bytes:
    """Return what was written to a terminal that nobody has open any more: it comes in parts, then EIO."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("content", ["- a\n", "cluster: {}\n", SPEC.replace("parallelcluster:", "parallelclusters:")])
def test_a_process_that_was_started_for_nothing_is_ended(tmp_path, monkeypatch, content):
    made = []

    def started() -> PclusterProcess:
        made.append(PclusterProcess())
        return made[0]

    monkeypatch.setattr("efakit.cli.validate.pcluster_process", started)
    run(written(tmp_path, content))
    assert made[0]._child._process.returncode is not None


def _started(folder: Path, *arguments: str) -> list[str]:
    """Run efakit validate; say for each process that it started whether click was imported before."""
    script = (
        "import sys\nsaid = open(sys.argv[1], 'w')\n"
        "def hear(event, what):\n"
        "    if event == 'subprocess.Popen': print('click' in sys.modules, file=said, flush=True)\n"
        "sys.addaudithook(hear)\nsys.argv[:2] = ['efakit']\nfrom efakit.cli.main import main\nmain()\n"
    )
    heard = folder / "heard"
    subprocess.run([sys.executable, "-c", script, str(heard), "validate", *arguments], capture_output=True, check=False)
    return heard.read_text().splitlines()


@pytest.mark.pcluster
def test_pcluster_s_validators_are_the_first_thing_that_validate_starts(tmp_path):
    assert _started(tmp_path, str(tmp_path / "not-there.yaml")) == ["False"]


@pytest.mark.parametrize("option", ["--help", "-h", "--no-vendor"])
def test_pcluster_s_validators_are_not_started_where_they_are_not_asked(tmp_path, option):
    assert _started(tmp_path, option, str(tmp_path / "not-there.yaml")) == []


def test_a_finding_in_a_spec_stands_on_the_specs_line(tmp_path):
    spec = SPEC.replace("  key: my-key\n", "  key: my-key\n  slurm_settings:\n    PrologFlags: X11\n    KilWait: 60\n")
    path = written(tmp_path, spec)
    done = run(path, "--no-vendor")
    assert done.exit_code == 1
    line = spec.splitlines().index("    KilWait: 60") + 1
    assert f"{path}:{line}:5: error slurm-unknown: unknown Slurm parameter 'KilWait' in slurm.conf" in done.stdout
    assert "    fix: did you mean 'KillWait'?" in done.stdout


def test_what_a_job_sets_itself_is_judged_on_its_line(tmp_path):
    spec = SPEC.replace("    script: train.py\n", "    script: train.py\n    env:\n      FI_PROVIDER: tcp\n", 1)
    line = spec.splitlines().index("      FI_PROVIDER: tcp") + 1
    (finding,) = [
        item for item in found(written(tmp_path, spec), "--no-vendor")["findings"] if "FI_PROVIDER" in item["message"]
    ]
    assert (finding["rule"], finding["severity"]) == ("fi-provider-other", "error")
    assert (finding["line"], finding["fix"]) == (line, "remove it")


def test_a_finding_in_an_override_stands_there(tmp_path):
    own = "  queues:\n    gpu:\n      compute_resources:\n        p5:\n          overrides:\n            MaxCont: 4\n"
    spec = SPEC.replace("  key: my-key\n", f"  key: my-key\n{own}")
    path = written(tmp_path, spec)
    [finding] = [item for item in found(path, "--no-vendor")["findings"] if item["rule"] == "unknown-key"]
    assert spec.splitlines()[finding["line"] - 1].strip() == "MaxCont: 4"


def test_a_spec_that_efakit_refuses_has_its_faults_as_findings(tmp_path):
    path = written(tmp_path, SPEC.replace("p5.48xlarge\n", "p5.96xlarge\n").replace("nodes: 4", "nodez: 4"))
    answer = found(path)
    assert answer["code"] == 1
    assert {item["rule"] for item in answer["findings"]} == {"unknown-key", "missing-key"}
    assert all(item["line"] > 1 and item["severity"] == "error" for item in answer["findings"])
    assert {item["source"] for item in answer["findings"]} == {"docs/spec.md"}
    assert [item["outcome"] for item in answer["judged_by"]] == ["refused", "not asked"]


def test_a_spec_s_fault_has_the_rule_and_source_of_a_config_s(tmp_path):
    path = written(tmp_path, SPEC.replace("nodes: 4", "nodes: 4\n          min_nodes: 8"))
    [finding] = [item for item in found(path, "--no-vendor")["findings"] if item["severity"] == "error"]
    assert (finding["rule"], finding["fix"]) == (
        "counts",
        "raise MaxCount (nodes in a spec), or lower MinCount (min_nodes)",
    )
    assert path.read_text().splitlines()[finding["line"] - 1].strip() == "min_nodes: 8"
    config_s = found(written(tmp_path, text(config(standard_account(), {"resource": {"MinCount": 9}}))), "--no-vendor")
    assert finding["source"] in [item["source"] for item in config_s["findings"] if item["rule"] == "counts"]


PLAIN = """\
cluster:
  stack: {plugin: "1.15.0"}
  queues:
    - name: gpu
      compute_resources:
        - {name: p5, instance: p5.4xlarge, nodes: 2}
jobs:
  - {name: train, template: torchrun, script: train.py, env: {FI_PROVIDER: tcp}}
"""


def test_a_spec_without_a_platform_is_judged_by_what_it_says_itself(tmp_path):
    answer = found(written(tmp_path, PLAIN), "--aws")
    assert answer["code"] == 1
    assert [(item["rule"], item["line"]) for item in answer["findings"]] == [
        ("software-broken", 6),
        ("fi-provider-other", 8),
    ]
    assert [(item["judge"], item["outcome"]) for item in answer["judged_by"]] == [
        ("efakit", "refused"),
        ("pcluster", "not asked"),
        ("aws", "not asked"),
    ]
    assert "no section 'parallelcluster', so there is no config" in answer["judged_by"][1]["detail"]


def test_json_has_every_field_of_a_finding_and_who_judged(tmp_path):
    path = written(tmp_path, text(config(standard_account(), {"resource": {"InstanceType": "m5.2xlarge"}})))
    answer = found(path, "--no-vendor", "--parallelcluster", "3.16.1")
    assert answer["code"] == 1
    finding = next(item for item in answer["findings"] if item["rule"] == "efa-unsupported")
    assert set(finding) == set(Finding("x", "info", "x").as_data())
    assert finding["file"] == str(path)
    assert answer["judged_by"][0]["judge"] == "efakit"
    assert answer["judged_by"][0]["version"] == "3.16.1"
    assert answer["judged_by"][1]["outcome"] == "not asked"


def test_warnings_fail_only_where_asked_for(tmp_path):
    path = written(tmp_path, text(config(standard_account(), {"resource": {"Efa": {"Enabled": False}}})))
    assert run(path, "--no-vendor").exit_code == 0
    assert run(path, "--no-vendor", "--fail-on", "warning").exit_code == 1


def test_the_output_says_that_offline_nothing_is_known_of_capacity_quota_and_permissions(tmp_path):
    done = run(written(tmp_path, SPEC), "--no-vendor")
    assert "Capacity, quota and permissions are not checked without --aws" in done.stdout
    assert "efakit's rules for ParallelCluster 3.16.3" in done.stdout


def test_without_the_extra_the_output_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "why_unavailable", lambda node: "x is not installed: pip install 'efakit[pcluster]'")
    done = run(written(tmp_path, SPEC))
    assert done.exit_code == 0
    assert "not asked: x is not installed: pip install 'efakit[pcluster]'" in done.stdout


def test_a_named_release_counts_for_a_spec_and_a_config(tmp_path):
    spec = written(tmp_path, SPEC.replace("os: alinux2023", "os: ubuntu2404"))
    answer = found(spec, "--no-vendor", "--parallelcluster", "3.12.0")
    errors = {item["rule"] for item in answer["findings"] if item["severity"] == "error"}
    assert errors == {"os-not-in-release", "release-lambda-runtime"}
    rendered = config(standard_account(), {"DevSettings": {"EfaInterfaceType": "efa"}})
    path = written(tmp_path, text(rendered), "c.yaml")
    answer = found(path, "--no-vendor", "--parallelcluster", "3.14.0")
    assert "key-not-in-release" in [item["rule"] for item in answer["findings"]]


def test_without_a_named_release_a_config_is_for_the_installed_one(tmp_path, monkeypatch):
    path = written(tmp_path, text(config(standard_account())))
    monkeypatch.setattr("efakit.validate.ask.installed_pcluster_version", lambda: "3.15.0")
    assert found(path, "--no-vendor")["judged_by"][0]["version"] == "3.15.0"
    monkeypatch.setattr("efakit.validate.ask.installed_pcluster_version", lambda: None)
    assert found(path, "--no-vendor")["judged_by"][0]["version"] == newest_parallelcluster()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n- b\n", "it holds no mapping"),
        ("just words", "it holds no mapping"),
        ("a: 1\nb: 2\n", "a spec has the key 'cluster'"),
        ("a: [1\n", "not valid YAML"),
        (
            "; mine\n[aws]\naws_region_name = us-east-1\n[cluster a]\nenable_efa = compute\n",
            "of ParallelCluster 2 (INI)",
        ),
        ("#!/bin/bash\n#SBATCH --nodes=2\nexport A='x\n", "'efakit lint' judges scripts"),
        ("ARG CUDA=13\nFROM ubuntu:${CUDA}\n", "'efakit lint' judges Dockerfiles"),
        ("FROM ubuntu\nRUN [ -e /x ]: y\n", "'efakit lint' judges Dockerfiles"),
        ("# mine\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\n", "'efakit lint' judges those"),
        ("apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n", "'efakit lint' judges those"),
        ("{{ region }}: x\n{% if a %}\n", "judge what it renders to"),
        ("Region: a\nRegion: b\n", "duplicate key 'Region'"),
        ("Region: !Ref x\n", "not valid YAML"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        ("Region: \x1f", "not valid YAML"),
        ("[" * 3000, "not valid YAML"),
    ],
)
def test_what_is_neither_spec_nor_config_is_bad_input(tmp_path, content, words):
    assert words in refused(written(tmp_path, content))


def test_files_that_are_not_there_are_bad_input(tmp_path):
    assert "No such file" in refused(tmp_path / "nothing.yaml")
    assert "is a folder; name a file" in refused(tmp_path)


def test_a_release_that_is_none_is_bad_input(tmp_path):
    assert "not a release" in refused(written(tmp_path, SPEC), "--parallelcluster", "newest")
    assert "knows no such release" in refused(written(tmp_path, SPEC), "--parallelcluster", "3.10.0")


def test_a_config_with_windows_line_ends_and_a_mark_at_its_beginning_is_read(tmp_path):
    rendered = text(config(standard_account(), {"resource": {"MaxCount": 0}}))
    path = written(tmp_path, b"\xef\xbb\xbf" + rendered.replace("\n", "\r\n").encode())
    [finding] = [item for item in found(path, "--no-vendor")["findings"] if item["rule"] == "value-not-allowed"]
    assert "MaxCount: 0" in rendered.splitlines()[finding["line"] - 1]


def test_a_config_as_json_is_read(tmp_path):
    path = written(tmp_path, json.dumps(config(standard_account()), indent=1))
    assert run(path, "--no-vendor").exit_code == 0


# pcluster's own validators


@pytest.mark.pcluster
def test_pcluster_judges_too_and_its_findings_stand_on_the_line_that_they_mean(tmp_path):
    rendered = text(
        config(
            standard_account(), {"resource": {"InstanceType": "m5.2xlarge"}, "HeadNode": {"InstanceType": "m5.xlarge"}}
        )
    )
    path = written(tmp_path, rendered)
    answer = found(path)
    assert answer["code"] == 1
    assert {"judge": "pcluster", "version": INSTALLED, "outcome": "refused"}.items() <= answer["judged_by"][1].items()
    finding = next(item for item in answer["findings"] if item["rule"] == "pcluster:EfaValidator")
    assert "InstanceType: m5.2xlarge" in rendered.splitlines()[finding["line"] - 1]
    assert finding["severity"] == "error"


@pytest.mark.pcluster
@pytest.mark.usefixtures("running_judge")
def test_pcluster_judges_what_a_spec_renders_to(tmp_path):
    answer = found(written(tmp_path, SPEC), "--parallelcluster", str(INSTALLED))
    assert (answer["code"], answer["findings"]) == (0, [])
    assert [item["outcome"] for item in answer["judged_by"]] == ["accepted", "accepted"]
    assert any("a pass never proves" in note for note in answer["notes"])


@pytest.mark.pcluster
def test_another_release_than_the_installed_one_is_not_judged_by_pcluster(tmp_path):
    answer = found(written(tmp_path, SPEC), "--parallelcluster", "3.13.2")
    judgement = answer["judged_by"][1]
    assert judgement["outcome"] == "not asked"
    assert f"pcluster {INSTALLED} is installed, and the config is for 3.13.2" in judgement["detail"]


@pytest.mark.pcluster
@pytest.mark.usefixtures("running_judge")
def test_what_the_simulation_lacks_is_a_note_and_no_finding(tmp_path):
    changes = ({"HeadNode": {"InstanceType": "m7g.xlarge"}}, {"resource": {"InstanceType": "p6e-gb200.36xlarge"}})
    answer = found(written(tmp_path, text(config(standard_account(), *changes))), "--parallelcluster", str(INSTALLED))
    assert not [item for item in answer["findings"] if item["rule"].startswith("pcluster:")]
    assert any("could not judge" in note and "p6e-gb200" in note for note in answer["notes"])
    assert answer["judged_by"][1]["outcome"] == "undecided"


@pytest.mark.pcluster
def test_a_region_that_cannot_be_simulated_is_not_judged_by_pcluster(tmp_path):
    path = written(tmp_path, text(config(standard_account("us-gov-west-1"))))
    answer = found(path)
    assert answer["judged_by"][1]["outcome"] == "not asked"
    assert "us-gov-west-1" in answer["judged_by"][1]["detail"]


# AWS


def test_aws_is_asked_with_what_the_config_names_and_its_answer_is_judged(tmp_path, monkeypatch):
    asked: dict[str, Any] = {}

    def look_at_account(region: str, **names: Any) -> AccountFacts:
        asked.update(names, region=region)
        return AccountFacts(
            region,
            zones={Account.compute_subnet: "use1-az1"},
            free_addresses={Account.compute_subnet: 1},
            open_to_themselves={Account.inbound_group: False},
            offers=frozenset({("p5.48xlarge", "use1-az6")}),
            asked_types=frozenset({"p5.48xlarge"}),
            missing=("subnet-00000000",),
        )

    def real_dry_run(rendered: str, *, region: str) -> DryRun:
        assert "SlurmQueues" in rendered
        return DryRun(False, (Finding("aws:KeyPairValidator", "error", "The key pair 'ed25519-key' does not exist"),))

    monkeypatch.setattr(judges, "look_at_account", look_at_account)
    monkeypatch.setattr(judges, "real_dry_run", real_dry_run)
    own = {"queue": {"Networking": {"SecurityGroups": [Account.inbound_group]}}}
    path = written(tmp_path, text(config(standard_account(), own)))
    answer = found(path, "--no-vendor", "--aws")
    assert asked["region"] == "us-east-1"
    assert asked["subnets"] == [Account.compute_subnet]
    assert asked["security_groups"] == [Account.inbound_group]
    errors = {item["rule"] for item in answer["findings"] if item["severity"] == "error"}
    assert errors == {"aws:KeyPairValidator", "offering-zone", "security-group-self", "subnet-too-small"}
    finding = next(item for item in answer["findings"] if item["rule"] == "aws:KeyPairValidator")
    assert "KeyName: ed25519-key" in path.read_text().splitlines()[finding["line"] - 1]
    assert answer["judged_by"][-1]["judge"] == "aws"
    assert "the account has no subnet-00000000, or not in us-east-1" in answer["notes"]
    assert not any("Without AWS" in note for note in answer["notes"])


def test_aws_without_the_extra_says_which(tmp_path, monkeypatch):
    def look_at_account(*_: Any, **__: Any) -> AccountFacts:
        raise MissingExtra("aws", "looking at the account")

    monkeypatch.setattr(judges, "look_at_account", look_at_account)
    error = run(written(tmp_path, SPEC), "--aws", "--no-vendor").exception
    assert isinstance(error, MissingExtra)
    assert "efakit[aws]" in str(error)


def test_a_subject_without_a_region_takes_the_users(tmp_path, monkeypatch):
    pytest.importorskip("boto3", reason="the extra 'aws' brings boto3")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    path = written(tmp_path, text(config(standard_account(), {"Region": ""})))
    subject = read_subject(path, None, None)
    with pytest.raises(UsageError, match="AWS_DEFAULT_REGION"):
        judges.look(subject)


_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_BOMB + "cluster: *i\n", "its aliases"),
        (_BOMB + "HeadNode: *i\nScheduling: *i\n", "its aliases"),
        ("HeadNode: &x\n  Networking: *x\nScheduling: {Scheduler: slurm}\n", "its aliases"),
        ("cluster: &x\n  queues: [*x]\n", "its aliases"),
        ("HeadNode: " + "{a: " * 3000 + "1" + "}" * 3000, "nested too deeply"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "lint", "explain", "render"])
def test_yaml_without_end_is_refused_by_every_command(tmp_path, command, content, words):
    path = written(tmp_path, content)
    out = ["--out", str(tmp_path / "out")] if command == "render" else []
    done = CliRunner().invoke(efakit, [command, str(path), *out], standalone_mode=False)
    assert isinstance(done.exception, EfakitError)
    assert words in str(done.exception)


def test_aliases_that_people_write_are_read(tmp_path):
    queue = "{Name: NAME, Networking: &net {SubnetIds: [subnet-0123456789abcdef0]}, ComputeResources: []}"
    other = queue.replace("NAME", "b").replace("&net {SubnetIds: [subnet-0123456789abcdef0]}", "*net")
    text = f"HeadNode: {{}}\nScheduling: {{SlurmQueues: [{queue.replace('NAME', 'a')}, {other}]}}\n"
    done = CliRunner().invoke(efakit, ["validate", str(written(tmp_path, text)), "--no-vendor"])
    assert "its aliases" not in done.output


@pytest.mark.parametrize("command", ["validate", "lint", "explain", "render"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path, command):
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    out = ["--out", str(tmp_path / "out")] if command == "render" else []
    for place in (path, Path("/dev/zero")):
        done = CliRunner().invoke(efakit, [command, str(place), *out], standalone_mode=False)
        assert isinstance(done.exception, EfakitError)
        assert "standard input" in str(done.exception)


@pytest.mark.parametrize("command", ["validate", "explain", "render", "lint"])
@pytest.mark.parametrize("given", ["file", "stdin"])
def test_a_spec_of_more_than_1_mib_is_refused_before_it_is_read(tmp_path, command, given):
    """Readers of YAML take seconds for each MiB."""
    path, text = tmp_path / "large.yaml", "cluster: {region: us-east-1}\n" + "# a line\n" * (1 << 17)
    path.write_text(text)
    out = ["--out", str(tmp_path / "out")] if command == "render" else []
    word = str(path) if given == "file" else "-"
    done = CliRunner().invoke(efakit, [command, word, *out], input=text, standalone_mode=False)
    assert "larger than 1 MiB, and no spec or config is" in f"{done.exception} {done.output}"
