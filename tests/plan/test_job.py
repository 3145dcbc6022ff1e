"""A job's plan: ranks, GPUs and CPUs from the catalog, Slurm's options passed through, the environment it runs in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efakit.catalog.job_templates import JOB_TEMPLATES
from efakit.catalog.sbatch_options import DECIDED_OPTIONS, SBATCH_OPTIONS
from efakit.plan.make import make_plan
from efakit.plan.slurm.options import Directive
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from tests.emit.jobscript import plan_of

TORCHRUN = {"template": "torchrun", "script": "train.py"}


def layout(job, instance="p5.48xlarge", **more):
    found = plan_of(job, instance, **more).slurm.jobs[0].layout
    return found.ranks_per_node, found.ntasks_per_node, found.gpus_per_node, found.cpus_per_task


@pytest.mark.parametrize(
    ("job", "instance", "expected"),
    [
        (TORCHRUN, "p5.48xlarge", (8, 1, 8, 192)),
        (TORCHRUN, "p4d.24xlarge", (8, 1, 8, 96)),
        ({**TORCHRUN, "ranks_per_node": 2}, "p5.48xlarge", (2, 1, 8, 192)),
        ({**TORCHRUN, "gpus_per_node": 4}, "p5.48xlarge", (4, 1, 4, 192)),
        ({**TORCHRUN, "cpus_per_task": 96}, "p5.48xlarge", (8, 1, 8, 96)),
        ({"template": "nccl-tests"}, "p5.48xlarge", (8, 8, 8, 24)),
        # 16 Trainium with two NeuronCores each; 16 Trainium2 with eight, two of which make a logical one.
        ({"template": "neuron", "script": "train.py"}, "trn1.32xlarge", (32, 1, 0, 128)),
        ({"template": "neuron", "script": "train.py"}, "trn2.48xlarge", (64, 1, 0, 192)),
        ({"template": "openmpi", "program": "x"}, "hpc7a.96xlarge", (192, 192, 0, 1)),
        ({"template": "openmpi", "program": "x", "ranks_per_node": 96}, "hpc7a.96xlarge", (96, 96, 0, 2)),
        # Cores, and not their hardware threads.
        ({"template": "openmpi", "program": "x"}, "c6in.32xlarge", (64, 64, 0, 2)),
        ({"template": "osu", "program": "/x/osu_latency", "nodes": 2}, "hpc7a.96xlarge", (1, 1, 0, 192)),
        ({"template": "osu", "program": "/x/osu_allreduce"}, "hpc7a.96xlarge", (192, 192, 0, 1)),
    ],
)
def test_ranks_tasks_gpus_and_cpus_follow_from_the_catalog(job, instance, expected):
    assert layout(job, instance) == expected


def directives(job, **more):
    return [(line.option, line.value) for line in plan_of(job, **more).slurm.jobs[0].directives]


def test_every_option_that_passes_through_becomes_its_line():
    values = {"number": 3, "flag": True, "time": "1:00:00", "list": ["a", "b"], "text": "words of mine"}
    given = {row.key: values[row.kind] for row in SBATCH_OPTIONS}
    lines = directives({**TORCHRUN, "slurm": {**given, "gres": "nvme:1"}})
    for row in SBATCH_OPTIONS:
        value = {"flag": None, "list": "a,b"}.get(row.kind, str(values[row.kind]))
        assert (row.option, "nvme:1" if row.key == "gres" else value) in lines


def test_a_flag_that_is_false_and_numbers_as_they_are():
    lines = directives({**TORCHRUN, "slurm": {"hold": False, "mem": 0, "nice": -5}})
    assert ("mem", "0") in lines
    assert ("nice", "-5") in lines
    assert all(option != "hold" for option, _ in lines)


def test_raw_lines_come_last_and_as_they_are():
    lines = plan_of({**TORCHRUN, "slurm": {"extra": ["--spread-job --bell"], "qos": "high"}}).slurm.jobs[0].directives
    assert lines[-1] == Directive("--spread-job --bell", raw=True) or lines[-2].raw
    assert Directive("qos", "high") in lines


def test_no_option_both_passes_through_and_is_decided():
    keys = [row.key for row in (*SBATCH_OPTIONS, *DECIDED_OPTIONS)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("job", "output"),
    [
        (TORCHRUN, "%x-%j.out"),
        ({**TORCHRUN, "slurm": {"array": "0-3"}}, "%x-%A_%a.out"),
        ({**TORCHRUN, "output": "logs/%x.out"}, "logs/%x.out"),
    ],
)
def test_each_job_of_an_array_has_an_output_of_its_own(job, output):
    assert ("output", output) in directives(job)


def test_an_output_folder_is_told_of_as_slurm_makes_it():
    decisions = plan_of({**TORCHRUN, "output": "logs/%x.out"}).slurm.jobs[0].decisions
    assert any("creates the folder logs" in decision.reason for decision in decisions)


def test_a_job_that_goes_on_keeps_what_its_first_run_wrote():
    assert {("requeue", None), ("open-mode", "append")} <= set(directives({**TORCHRUN, "requeue": True}))
    assert ("no-requeue", None) in directives({**TORCHRUN, "requeue": False})
    assert not {"requeue", "no-requeue", "open-mode"} & {option for option, _ in directives(TORCHRUN)}


def test_slurm_s_own_signal_goes_to_the_steps():
    assert ("signal", "USR1@300") in directives({**TORCHRUN, "signal": {"seconds": 300}})


@pytest.mark.parametrize(
    ("job", "found"), [(TORCHRUN, 32), ({**TORCHRUN, "preflight": False}, None), ({**TORCHRUN, "nodes": 1}, None)]
)
def test_the_check_of_the_nodes_wants_as_many_devices_as_the_type_has(job, found):
    preflight = plan_of(job).jobs[0].preflight
    assert (preflight and preflight.devices) == found


@pytest.mark.parametrize(
    ("more", "mode", "why"),
    [
        ({}, None, None),
        ({"watch": False}, None, None),
        ({"watch": "stop"}, "stop", "as the spec says (watch: stop)"),
        ({"watch": "warn", "nodes": 1}, None, "ranks on one node do not need EFA"),
    ],
)
def test_a_job_is_watched_only_where_the_spec_asks_and_its_ranks_need_efa(more, mode, why):
    job = plan_of({**TORCHRUN, **more}).slurm.jobs[0]
    assert (job.watch and job.watch.mode) == mode
    told = [decision for decision in job.decisions if decision.subject == "watch of job job"]
    assert [decision.choice for decision in told] == ([] if why is None else [mode or "none"])
    assert all(decision.reason.startswith(why) for decision in told)


def test_a_job_without_efa_is_not_watched():
    assert plan_of({"template": "command", "program": "x", "watch": "warn"}, "c5.large").slurm.jobs[0].watch is None


def test_a_container_s_stack_decides_the_environment():
    """The host's plugin is too new to need the tuning; the image's is not."""
    image = {"runtime": "pyxis", "image": "image", "stack": {"plugin": "1.13.2"}}
    names = [variable.name for variable in plan_of({**TORCHRUN, "container": image}).slurm.jobs[0].variables]
    assert "NCCL_BUFFSIZE" in names
    assert "NCCL_BUFFSIZE" not in [variable.name for variable in plan_of(TORCHRUN).slurm.jobs[0].variables]


def test_pyxis_is_told_the_names_of_exactly_what_is_exported():
    job = {"template": "nccl-tests", "env": {"OWN": "1"}, "container": {"runtime": "pyxis", "image": "image"}}
    plan = plan_of(job).slurm.jobs[0]
    names = ",".join(variable.name for variable in plan.variables)
    assert f"--container-env={names}" in plan.container.srun_options
    assert "OWN" in names.split(",")


def test_apptainer_gets_the_fabric_the_gpus_and_the_mounts():
    image = {"runtime": "apptainer", "image": "a.sif", "mounts": ["/fsx:/data"], "workdir": "/data"}
    command = plan_of({**TORCHRUN, "container": image}).slurm.jobs[0].container.command
    assert command == (
        *("apptainer", "exec", "--nv", "--bind=/dev/infiniband", "--bind=/fsx:/data"),
        *("--pwd=/data", "a.sif"),
    )
    cpu = {"template": "openmpi", "program": "x", "container": image}
    assert "--nv" not in plan_of(cpu, "hpc7a.96xlarge").slurm.jobs[0].container.command


def test_the_user_s_own_value_of_a_template_s_variable_wins():
    plan = plan_of({"template": "nccl-tests", "env": {"NCCL_DEBUG": "WARN"}}).slurm.jobs[0]
    assert [variable.value for variable in plan.variables if variable.name == "NCCL_DEBUG"] == ["WARN"]


def test_intel_mpi_under_srun_is_told_where_slurm_s_pmi_is():
    job = {"template": "intelmpi", "program": "x"}
    for mpi, there in ((None, False), ("mpirun", False), ("pmi2", True)):
        plan = plan_of(job | ({"mpi": mpi} if mpi else {}), "hpc7a.96xlarge").slurm.jobs[0]
        assert ("I_MPI_PMI_LIBRARY" in [variable.name for variable in plan.variables]) is there


def test_what_is_wrong_with_the_user_s_own_variables_is_told():
    env = {"FI_LOG_LEVEL": "1", "FI_PROVIDER": "tcp", "NCCL_DEBUG": "INFO"}
    found = plan_of(TORCHRUN | {"env": env}).findings
    assert [(item.severity, item.rule, item.about) for item in found] == [
        ("warning", "fi-log-level", ("FI_LOG_LEVEL",)),
        ("error", "fi-provider-other", ("FI_PROVIDER",)),
    ]
    assert found[0].place.keys == ("jobs", 0, "env", "FI_LOG_LEVEL")


def test_a_decision_is_no_finding():
    env = {"FI_LOG_LEVEL": "1", "FI_PROVIDER": "tcp"}
    choices = [decision.choice for decision in plan_of(TORCHRUN | {"env": env}).decisions]
    assert not [choice for choice in choices if choice.startswith(("error:", "warning:", "info:"))]


def test_mpi_and_nccl_have_opposite_environments():
    nccl = {variable.name: variable.value for variable in plan_of({"template": "nccl-tests"}).slurm.jobs[0].variables}
    job = {"template": "openmpi", "program": "x"}
    mpi = {variable.name: variable.value for variable in plan_of(job, "hpc7a.96xlarge").slurm.jobs[0].variables}
    assert (nccl["OMPI_MCA_pml"], mpi["OMPI_MCA_pml"]) == ("^cm,ucx", "cm")


@pytest.mark.parametrize("template", JOB_TEMPLATES, ids=lambda row: row.name)
def test_every_decision_of_a_job_has_a_reason(template, tmp_path):
    (tmp_path / "run.sh").write_text("true\n")
    values = {"script": "a.py", "program": "a", "body": "run.sh"}
    instance = {"gpu": "p5.48xlarge", "neuron": "trn1.32xlarge"}.get(template.needs, "hpc7a.96xlarge")
    job = {"template": template.name, **{key: values[key] for key in template.required}}
    for decision in plan_of(job, instance, tmp_path).slurm.jobs[0].decisions:
        assert decision.subject
        assert decision.choice
        assert decision.reason


@pytest.mark.parametrize(
    ("job", "instance", "sourced"),
    [
        ({"template": "torchrun", "script": "a.py"}, "p5.48xlarge", True),
        ({"template": "openmpi", "program": "a"}, "hpc7a.96xlarge", False),
        ({"template": "neuron", "script": "a.py"}, "trn2.48xlarge", False),
    ],
)
def test_the_plugin_s_source_stands_only_behind_what_is_said_of_the_plugin(job, instance, sourced):
    decisions = plan_of(job, instance).slurm.jobs[0].decisions
    (rest,) = [item for item in decisions if item.choice == "nothing else"]
    assert ("aws-ofi-nccl" in rest.source) is sourced


def test_the_ranks_that_do_not_follow_from_the_type_have_no_source_of_types():
    for job in ({"program": "osu_bw"}, {"program": "osu_allreduce", "ranks_per_node": 4}):
        decisions = plan_of({"template": "osu", "nodes": 2, **job}, "hpc7a.96xlarge").slurm.jobs[0].decisions
        (ranks,) = [item for item in decisions if item.subject.startswith("ranks of job")]
        assert ranks.source == ""


@pytest.mark.parametrize(
    ("stack", "choice"),
    [({}, "nothing else that is certain"), ({"kernel": "6.1.134"}, "nothing else")],
    ids=["a kernel that nobody names", "a kernel that needs nothing"],
)
def test_of_a_variable_that_depends_on_what_is_not_known_no_decision_says_that_it_is_not_needed(stack, choice):
    resource = {"name": "main", "instance": "hpc7a.96xlarge", "nodes": 4}
    data = {
        "cluster": {"queues": [{"name": "queue", "compute_resources": [resource]}], "stack": stack},
        "jobs": [{"name": "job", "template": "openmpi", "program": "a"}],
    }
    plan = make_plan(read_spec(Document(Path("spec.yaml"), json.dumps(data))))
    last = [item for item in plan.slurm.jobs[0].decisions if item.subject == "environment of job job"][-1]
    assert last.choice == choice
    assert ("FI_EFA_FORK_SAFE" in last.reason) is (not stack)


def job_in(job, *instances, **cluster):
    resources = [{"name": f"r{number}", "instance": name, "nodes": 2} for number, name in enumerate(instances)]
    data = {
        "cluster": {"queues": [{"name": "queue", "compute_resources": resources}], **cluster},
        "jobs": [{"name": "job", **job}],
    }
    return make_plan(read_spec(Document(Path("spec.yaml"), json.dumps(data)))).slurm.jobs[0]


@pytest.mark.parametrize(
    ("job", "stack", "instances", "variable"),
    [
        # The variable ends every process on g4dn: its EFA has no RDMA.
        (TORCHRUN, {"plugin": "1.5.0"}, ("p4d.24xlarge", "g4dn.metal"), "FI_EFA_USE_DEVICE_RDMA=1"),
        ({"template": "intelmpi", "program": "x"}, {}, ("hpc7a.96xlarge", "c7a.48xlarge"), "I_MPI_MULTIRAIL=1"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_variable_that_only_some_types_of_the_queue_need_is_not_set_for_all(job, stack, instances, variable, turned):
    alone = job_in(job, instances[0], stack=stack)
    assert variable in [f"{item.name}={item.value}" for item in alone.variables]
    both = job_in(job, *(reversed(instances) if turned else instances), stack=stack)
    assert variable not in [f"{item.name}={item.value}" for item in both.variables]
    (said,) = [item for item in both.decisions if item.choice == f"not {variable}"]
    assert f"only {instances[0]} needs it" in said.reason


def test_a_variable_that_all_types_of_the_queue_need_is_set():
    both = job_in(TORCHRUN, "p5.48xlarge", "p5en.48xlarge", stack={"plugin": "1.18.0"})
    assert "NCCL_NET" in [item.name for item in both.variables]


def test_what_the_plugin_sets_is_said_of_all_types_of_the_queue():
    job, stack = {"template": "nccl-tests"}, {"plugin": "1.18.0", "nccl": "2.29.2"}
    alone, both = (
        " ".join(item.reason for item in job_in(job, *types, stack=stack).decisions)
        for types in (("p5en.48xlarge",), ("p5en.48xlarge", "p5.48xlarge"))
    )
    assert "NCCL_NETDEVS_POLICY" in alone
    assert "NCCL_NETDEVS_POLICY" not in both


def test_the_ranks_of_a_job_with_some_of_the_gpus_are_not_said_to_be_one_for_each_gpu_of_the_type():
    for gpus, said in ((8, "one for each GPU of p5.48xlarge"), (4, "one for each GPU that the job has on a node")):
        decisions = plan_of({**TORCHRUN, "gpus_per_node": gpus}).slurm.jobs[0].decisions
        assert [(item.choice, item.reason) for item in decisions if item.subject == "ranks of job job"] == [
            (f"{gpus} on each node", said)
        ]


@pytest.mark.parametrize(
    ("instance", "ranks", "pinned"),
    [
        ("hpc7a.96xlarge", None, True),
        ("hpc7a.96xlarge", 192, True),
        ("hpc7a.96xlarge", 100, True),
        ("hpc7a.96xlarge", 96, False),
        ("hpc7a.96xlarge", 8, False),
        # 64 cores with two hardware threads each.
        ("c6in.32xlarge", 64, True),
        ("c6in.32xlarge", 128, False),
        ("c6in.32xlarge", 32, False),
    ],
)
def test_ranks_of_intel_mpi_are_pinned_to_one_core_only_where_they_have_no_more(instance, ranks, pinned):
    job = {"template": "intelmpi", "program": "x", **({} if ranks is None else {"ranks_per_node": ranks})}
    names = [item.name for item in plan_of(job, instance).slurm.jobs[0].variables]
    assert ("I_MPI_PIN_DOMAIN" in names) is pinned


@pytest.mark.parametrize(
    ("job", "unknown"),
    [
        (TORCHRUN, "GPUs"),
        ({"template": "nccl-tests"}, "GPUs"),
        ({"template": "osu", "program": "osu_allreduce"}, "cores"),
    ],
)
def test_the_reason_of_one_rank_names_what_is_not_known_of_the_type(job, unknown):
    decisions = plan_of(job, "p6e-gb300.36xlarge").slurm.jobs[0].decisions
    (ranks,) = [item for item in decisions if item.subject == "ranks of job job"]
    assert (ranks.choice, ranks.reason) == (
        "1 on each node",
        f"the {unknown} of p6e-gb300.36xlarge are not known",
    )
