"""What a spec's jobs may say: each fault is named with its place and with what to write instead."""

from __future__ import annotations

import pytest

from efakit.catalog.job_templates import JOB_TEMPLATES, OWN_KEYS
from efakit.catalog.sbatch_options import DECIDED_OPTIONS, SBATCH_OPTIONS
from efakit.emit.resources import folder
from efakit.errors import SpecError
from efakit.spec.load import load_spec
from efakit.spec.schema import spec_schema
from tests.emit.jobscript import plan_of

TORCHRUN = {"template": "torchrun", "script": "train.py"}
MPI = {"template": "openmpi", "program": "x"}


def refusal(job, instance="p5.48xlarge", spec_folder=None, **cluster) -> str:
    with pytest.raises(SpecError) as caught:
        plan_of(job, instance, *([spec_folder] if spec_folder else []), **cluster)
    return str(caught.value)


def test_every_template_has_its_row_and_every_row_its_template():
    files = {path.name.removesuffix(".sbatch.j2") for path in folder("job-templates").glob("*.sbatch.j2")}
    assert files == {row.name for row in JOB_TEMPLATES}
    assert set(spec_schema()["$defs"]["job"]["properties"]["template"]["enum"]) == files


def test_a_row_names_keys_that_a_job_has():
    job = spec_schema()["$defs"]["job"]["properties"]
    assert set(OWN_KEYS) <= set(job)
    for row in JOB_TEMPLATES:
        assert set(row.required) <= set(row.keys) <= set(OWN_KEYS)


@pytest.mark.parametrize(
    ("job", "instance", "words"),
    [
        (MPI | {"ranks_per_node": 193}, "hpc7a.96xlarge", ["ranks_per_node", "193 is more than the 192 vCPUs"]),
        (TORCHRUN | {"cpus_per_task": 193}, "p5.48xlarge", ["cpus_per_task", "more than the 192 CPUs"]),
        (MPI | {"ranks_per_node": 96, "cpus_per_task": 3}, "hpc7a.96xlarge", ["3 for each of 96 tasks", "192 CPUs"]),
        (TORCHRUN, "hpc7a.96xlarge", ["torchrun needs GPUs, but hpc7a.96xlarge"]),
        (MPI | {"template": "intelmpi"}, "hpc7g.16xlarge", ["Intel MPI supports x86_64 only", "is arm64"]),
        ({"template": "neuron", "script": "x"}, "p5.48xlarge", ["neuron needs Neuron devices, but p5.48xlarge"]),
        (
            {"template": "neuron", "script": "x", "ranks_per_node": 33},
            "trn1.32xlarge",
            ["33 is more than the 32 NeuronCores"],
        ),
        ({"template": "osu", "program": "/x/osu_bw"}, "hpc7a.96xlarge", ["osu_bw measures one pair", "nodes: 2"]),
        ({"template": "torchrun"}, "p5.48xlarge", ["the key 'script' is missing"]),
        (MPI | {"script": "x"}, "hpc7a.96xlarge", ["script", "not an option of this job's template"]),
        (MPI | {"mpi": "mpirun", "signal": {}}, "hpc7a.96xlarge", ["signal", "write mpi: pmix"]),
        (MPI | {"mpi": "mpirun", "srun_args": ["-l"]}, "hpc7a.96xlarge", ["srun_args", "write launcher_args"]),
        (MPI | {"launcher_args": ["-l"]}, "hpc7a.96xlarge", ["launcher_args", "write srun_args"]),
        (TORCHRUN | {"signal": {"name": "USR9"}}, "p5.48xlarge", ["'USR9' is not one of USR1, USR2"]),
        (
            {"template": "intelmpi", "program": "x", "mpi": "pmix"},
            "hpc7a.96xlarge",
            ["mpi", "write mpi: pmi2 or mpi: mpirun"],
        ),
        (
            TORCHRUN | {"signal": {"seconds": 3600}, "time": "1:00:00"},
            "p5.48xlarge",
            ["signal", "earlier than the start of the job"],
        ),
        (
            TORCHRUN | {"signal": {"seconds": 300}, "requeue": True, "time": "6"},
            "p5.48xlarge",
            ["time", "more than 360 seconds"],
        ),
        (TORCHRUN | {"setup": "true\n#SBATCH --time=1"}, "p5.48xlarge", ["setup", "#SBATCH --time=1"]),
        (TORCHRUN | {"script": "-m"}, "p5.48xlarge", ["script", "without a hyphen first"]),
        (TORCHRUN | {"script": ""}, "p5.48xlarge", ["script", "not empty"]),
        (TORCHRUN | {"env": {"A\n": "1"}}, "p5.48xlarge", ["is not a valid name here"]),
        (TORCHRUN | {"time": "1:00:00\n"}, "p5.48xlarge", ["a time limit such as"]),
    ],
)
def test_a_job_that_cannot_be_is_refused(job, instance, words):
    said = refusal(job, instance)
    for part in words:
        assert part in said


@pytest.mark.parametrize("time", ["7", "6:01", "0:06:01", "0-01", "1-00:00:00", "0-00:07"])
def test_a_run_that_starts_anew_at_its_limit_has_time_to_work(time):
    (job,) = plan_of(TORCHRUN | {"signal": {"seconds": 300}, "requeue": True, "time": time}, "p5.48xlarge").jobs
    assert job.job.time == time


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"runtime": "docker", "image": "x"}, ["container.runtime", "one of pyxis, apptainer"]),
        ({"runtime": "pyxis", "image": "x", "args": ["--time=1"]}, ["container.args[0]", "--container-"]),
        ({"runtime": "pyxis", "image": "x", "mounts": ["/fsx"]}, ["mounts[0]", "SOURCE:TARGET"]),
        ({"runtime": "pyxis", "image": "x", "mounts": ["/a:/b,/c:/d"]}, ["mounts[0]", "without commas"]),
        ({"runtime": "pyxis", "image": "x", "stack": {"installer": "1.17.0"}}, ["1.17.0 is not known", "1.18.0"]),
        ({"runtime": "pyxis", "image": "x", "stack": {"plugn": "1.39.0"}}, ["did you mean 'plugin'"]),
        ({"runtime": "pyxis", "image": "--x"}, ["image", "without a hyphen first"]),
    ],
)
def test_a_container_that_cannot_be_is_refused(container, words):
    said = refusal(TORCHRUN | {"container": container})
    for part in words:
        assert part in said


def test_both_kinds_of_pyxis_options_are_taken():
    arguments = ["--container-writable", "--no-container-entrypoint"]
    job = TORCHRUN | {"container": {"runtime": "pyxis", "image": "x", "args": arguments}}
    container = plan_of(job, "p5.48xlarge").jobs[0].job.container
    assert container is not None
    assert list(container.args) == arguments


def test_mpirun_cannot_start_ranks_in_pyxis():
    job = {"template": "intelmpi", "program": "x", "container": {"runtime": "pyxis", "image": "x"}}
    assert "without srun; write mpi: pmi2" in refusal(job, "hpc7a.96xlarge")
    assert plan_of(job | {"mpi": "pmi2"}, "hpc7a.96xlarge").slurm.jobs[0].mpi == "pmi2"


def test_an_unknown_option_of_sbatch_is_refused_with_all_there_are_and_the_nearest_first():
    said = refusal(TORCHRUN | {"slurm": {"reservatoin": "x"}})
    assert "unknown key 'reservatoin'; did you mean 'reservation'? (allowed: reservation, " in said
    for row in SBATCH_OPTIONS:
        assert row.key in said


@pytest.mark.parametrize("row", DECIDED_OPTIONS, ids=lambda row: row.key)
def test_an_option_that_efakit_decides_is_refused_with_what_to_write_instead(row):
    assert f"{row.key!r} is not allowed here; {row.instead}" in refusal(TORCHRUN | {"slurm": {row.key: "1"}})


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("--nodes=3", True),
        ("--nod=3", True),
        ("-N 3", True),
        ("--bell --ntasks-per-node 2", True),
        ("-p other", True),
        ("--wrap=x", True),
        ("-w node-1", False),
        ("--spread-job", False),
        ("--no-kill", False),
        ("--something-newer=1", False),
    ],
)
def test_raw_lines_cannot_undo_what_efakit_decides(line, refused):
    job = TORCHRUN | {"slurm": {"extra": [line]}}
    if refused:
        assert "is not allowed here" in refusal(job)
    else:
        assert plan_of(job).jobs


@pytest.mark.parametrize("line", ["no option", "", "--a\n--b", "--comment=x\r"])
def test_a_raw_line_is_one_line_of_options(line):
    assert "an option of sbatch" in refusal(TORCHRUN | {"slurm": {"extra": [line]}})


@pytest.mark.parametrize(("name", "words"), [("UID", "scripts cannot set"), ("port", "itself"), ("log", "itself")])
def test_variables_that_the_script_could_not_have_are_refused(name, words):
    assert words in refusal(TORCHRUN | {"env": {name: "1"}})


def test_two_jobs_whose_files_a_mac_takes_for_one_are_refused(tmp_path):
    text = (folder("cluster-configs") / "p5.yaml").read_text().partition("jobs:")[0]
    text += "jobs:\n  - {name: a, template: command, program: x}\n  - {name: A, template: command, program: x}\n"
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(SpecError, match="duplicate job name 'A': 'a' differs by capitals only"):
        load_spec(tmp_path / "spec.yaml")


@pytest.mark.parametrize("gres", ["gpu:8", ["nvme:1", "gpu:h100:8"]])
def test_gpus_are_no_other_resource(gres):
    assert "gpus_per_node" in refusal(TORCHRUN | {"slurm": {"gres": gres}})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.sh", "#!/bin/bash\n#SBATCH --nodes=2\n", ["run.sh:2", "Slurm does not read it"]),
        ("run.sh", "#!/usr/bin/python3\nprint()\n", ["run.sh:1", "the body of a job is a shell script"]),
        ("missing.sh", "", ["missing.sh: cannot be read: No such file"]),
    ],
)
def test_a_body_that_cannot_be_is_refused(tmp_path, name, text, words):
    (tmp_path / "run.sh").write_text(text)
    said = refusal({"template": "body", "body": name}, spec_folder=tmp_path)
    for part in words:
        assert part in said


def test_a_body_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "run.sh").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refusal({"template": "body", "body": "run.sh"}, spec_folder=tmp_path)
    assert "not a file" in refusal({"template": "body", "body": "."}, spec_folder=tmp_path)


def test_a_folder_of_templates_must_be_there(tmp_path):
    assert "templates: " in refusal(TORCHRUN, spec_folder=tmp_path, templates="mine")
    (tmp_path / "mine").mkdir()
    assert "'own' is not one of torchrun" in refusal({"template": "own"}, spec_folder=tmp_path, templates="mine")
