"""What is wrong with a spec's jobs that the schema cannot see: queues, counts, containers, sbatch's options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from efakit.catalog import instances
from efakit.catalog.instances import Instance
from efakit.catalog.job_templates import OSU_PAIRS, JobTemplate, job_template
from efakit.catalog.neuron_cores import physical_cores
from efakit.catalog.sbatch_options import SHORT_OPTIONS, decided_options, sbatch_options
from efakit.catalog.stacks import nearest_installers, stack_of
from efakit.finding import Finding
from efakit.spec.faults import At, unknown_name
from efakit.spec.job_files import NOT_READ, NOT_READ_FIX, directives
from efakit.spec.model import Signal

_Data = Mapping[str, Any]
_SIGNAL_EARLY_SECONDS = 60
# What bash does not let a script set, and the names of the scripts' own variables (job-templates/).
_READ_ONLY = ("BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID")
_WATCH = ("watch_input", "watch_process")
_OURS = (
    "hosts",
    "head_node",
    "head_address",
    "port",
    "this_job",
    "log",
    "log_start",
    "relay",
    "resume",
    "scripts",
    *_WATCH,
)
_OPTION = re.compile(r"(?:^|\s)(--[A-Za-z-]+|-[A-Za-z])")


def job_faults(cluster: _Data, jobs: list[_Data], at: At) -> Iterator[Finding]:
    """Give what is wrong with each job."""
    queues = {queue["name"]: queue for queue in cluster["queues"]}
    for number, job in enumerate(jobs):
        yield from _container_faults(job, ["jobs", number], at)
        for _, directive in directives(job.get("setup", "")):
            yield at("job-directive", ["jobs", number, "setup"], f"{directive!r}: {NOT_READ}", NOT_READ_FIX)
        yield from _variable_faults(job.get("env", {}), ["jobs", number, "env"], at)
        yield from _launcher_faults(job, ["jobs", number], at)
        yield from _signal_faults(job, ["jobs", number], at)
        if job.get("watch") == "requeue" and not job.get("requeue"):
            message = "the watch can requeue only a job that Slurm may requeue"
            yield at("watch-requeue", ["jobs", number, "watch"], message, "write requeue: true, or watch: stop")
        yield from _option_faults(job.get("slurm", {}), ["jobs", number, "slurm"], at)
        name = job.get("queue", cluster["queues"][0]["name"])
        if name not in queues:
            yield unknown_name("queue", name, queues, ["jobs", number, "queue"], at)
            continue
        yield from _queue_faults(job, queues[name], ["jobs", number], at)


def _queue_faults(job: _Data, queue: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    resources = queue["compute_resources"]
    most = sum(resource["nodes"] for resource in resources)
    pairs = {
        (name, resource.get("smt", True))
        for resource in resources
        for name in resource.get("instances", [resource.get("instance")])
        if instances.known(name)
    }
    if len({_shape(instances.get(name), smt) for name, smt in pairs}) > 1:
        kinds = ", ".join(sorted({name for name, _ in pairs}))
        message = f"queue {queue['name']!r} mixes {kinds}, but the ranks per node depend on the kind of node"
        yield at("job-mixed-nodes", keys, message, "give each kind its own queue")
        return
    row = job_template(job["template"])
    for name, smt in sorted(pairs)[:1]:
        yield from _count_faults(job, row, instances.get(name), smt, queue["name"], keys, at)
    benchmark = PurePosixPath(job.get("program", "")).name
    if row.name == "osu" and benchmark in OSU_PAIRS and job.get("nodes", most) * job.get("ranks_per_node", 1) != 2:
        message = f"{benchmark} measures one pair of ranks"
        yield at("job-pair", [*keys, "program"], message, "write nodes: 2")


def _count_faults(
    job: _Data, row: JobTemplate, instance: Instance, smt: bool, queue: str, keys: list[str | int], at: At
) -> Iterator[Finding]:
    kind, cpus = instance.name, cpus_of(instance, smt)
    unfit = ""
    if row.needs == "gpu" and instance.gpus == 0:
        unfit = f"{row.name} needs GPUs, but {kind} of queue {queue!r} has none"
    if row.needs == "neuron" and instance.neuron_devices == 0:
        unfit = f"{row.name} needs Neuron devices, but {kind} of queue {queue!r} has none"
    if row.name == "intelmpi" and instance.architecture == "arm64":
        unfit = f"Intel MPI supports x86_64 only, but {kind} of queue {queue!r} is arm64"
    if unfit:
        yield at("job-template-unfit", [*keys, "template"], unfit, "use another template or another queue")
    ranks = job.get("ranks_per_node", 1)
    most, what = _most_ranks(row, instance, cpus)
    if most and ranks > most:
        message = f"{ranks} is more than the {most} {what} of {kind}"
        yield at("job-node-too-small", [*keys, "ranks_per_node"], message, f"write at most {most}")
    elif cpus and "cpus_per_task" in job:
        tasks = 1 if row.launcher == "node" else ranks
        if job["cpus_per_task"] * tasks > cpus:
            message = f"{job['cpus_per_task']} for each of {tasks} tasks is more than the {cpus} CPUs of {kind}"
            yield at("job-node-too-small", [*keys, "cpus_per_task"], message, f"write at most {max(cpus // tasks, 1)}")


def _most_ranks(row: JobTemplate, instance: Instance, cpus: int | None) -> tuple[int | None, str]:
    """Return the most ranks that a node can hold, None where that is not known, and what bounds them.

    Ranks that are one a GPU are judged by the rules of scripts (``rules/job.py``).
    """
    if row.launcher == "node" and row.needs == "gpu":
        return None, "GPUs"
    if row.launcher == "node" and row.needs == "neuron":
        cores = physical_cores(instance.accelerators.name) if instance.accelerators else None
        return (cores or 0) * (instance.neuron_devices or 0), "NeuronCores"
    return cpus, "vCPUs" if cpus == instance.vcpus else "CPUs"


def cpus_of(instance: Instance, smt: bool) -> int | None:
    """Return the CPUs that Slurm sees on a node; None where they are not known."""
    return instance.vcpus if smt else instance.cores


def _container_faults(job: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    container = job.get("container")
    if container is None:
        return
    where = [*keys, "container"]
    if container["runtime"] == "pyxis":
        if _starts_by_mpirun(job):
            message = "Pyxis works through srun, but mpirun starts the ranks without srun"
            yield at("pyxis-mpirun", [*keys, "mpi"] if "mpi" in job else where, message, f"write {_by_srun(job)}")
        for number, option in enumerate(container.get("args", [])):
            if not option.startswith(("--container-", "--no-container-")):
                message, fix = (
                    f"{option!r} is not an option of Pyxis",
                    "its options begin with --container- or --no-container-",
                )
                yield at("pyxis-option", [*where, "args", number], message, fix)
    stack = container.get("stack", {})
    try:
        stack_of(**stack)
    except KeyError:
        message = f"EFA installer {stack['installer']} is not known"
        fix = f"the nearest are {' and '.join(nearest_installers(stack['installer']))}"
        yield at("installer-unknown", [*where, "stack", "installer"], message, fix)


def _variable_faults(variables: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    for name in variables:
        if name in _READ_ONLY:
            yield at(
                "job-variable", [*keys, name], f"{name} is a variable of bash that scripts cannot set", "remove it"
            )
        elif name in _OURS:
            message = f"efakit's script uses the variable {name!r} itself"
            yield at("job-variable", [*keys, name], message, "use another name, or set yours in 'setup'")


def _launcher_faults(job: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    if job["template"] == "intelmpi" and job.get("mpi") in ("pmix", "none"):
        message = "Intel MPI's ranks connect through PMI-2 or Intel MPI's own launcher"
        yield at("intelmpi-start", [*keys, "mpi"], message, "write mpi: pmi2 or mpi: mpirun")
    if _starts_by_mpirun(job):
        if "signal" in job:
            message = "Slurm signals the processes that srun starts, not mpirun's ranks"
            yield at("signal-mpirun", [*keys, "signal"], message, f"write {_by_srun(job)}")
        if "srun_args" in job:
            yield at("launcher-arguments", [*keys, "srun_args"], "mpirun starts the ranks", "write launcher_args")
    elif "launcher_args" in job and job_template(job["template"]).launcher in ("srun", "mpirun"):
        yield at("launcher-arguments", [*keys, "launcher_args"], "srun starts the ranks", "write srun_args")
    if "srun_args" in job and job_template(job["template"]).launcher == "none":
        message = "efakit starts only the body"
        yield at("launcher-arguments", [*keys, "srun_args"], message, "write srun's arguments in the body")


def _signal_faults(job: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    if "signal" not in job or "time" not in job:
        return
    limit, ahead = _limit_seconds(str(job["time"])), job["signal"].get("seconds", Signal.seconds)
    if limit <= ahead:
        message = f"{ahead} seconds before a time limit of {limit} is earlier than the start of the job"
        yield at("signal-time", [*keys, "signal"], message, "write fewer seconds or a longer time")
    if not job.get("requeue"):
        return
    # Slurm may send the signal this much early, so a run that ends within both of its limit starts anew.
    least = ahead + _SIGNAL_EARLY_SECONDS
    if ahead < limit <= least:
        message = (
            f"with requeue and this signal the time limit must be more than {least} seconds: otherwise Slurm "
            "requeues each run, even one that has finished its work"
        )
        yield at("signal-time", [*keys, "time"], message, "write fewer seconds or a longer time")


def _limit_seconds(text: str) -> int:
    """Return the seconds of a time limit in Slurm's words: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    days, dash, rest = text.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, (minutes, seconds) = 0, (*parts, 0)[:2]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _by_srun(job: _Data) -> str:
    return "mpi: pmi2" if job["template"] == "intelmpi" else "mpi: pmix or mpi: pmi2"


def _starts_by_mpirun(job: _Data) -> bool:
    return bool(job.get("mpi", job_template(job["template"]).launcher) == "mpirun")


def _option_faults(options: _Data, keys: list[str | int], at: At) -> Iterator[Finding]:
    gres = options.get("gres", [])
    if any(str(item).partition(":")[0] == "gpu" for item in (gres if isinstance(gres, list) else [gres])):
        fix = "remove it; for fewer GPUs set the job's 'gpus_per_node'"
        yield at("option-decided", [*keys, "gres"], "efakit takes the number of GPUs from the catalog", fix)
    for number, line in enumerate(options.get("extra", [])):
        for option in _OPTION.findall(line):
            row = next((row for row in decided_options().values() if _means(option, row.key)), None)
            if row is not None:
                yield at("option-decided", [*keys, "extra", number], f"{option!r} is not allowed here", row.instead)


def _means(option: str, key: str) -> bool:
    """Return whether an option of a line is the one of a key, by its short name or by what getopt takes for it."""
    if not option.startswith("--"):
        return SHORT_OPTIONS.get(option[1:]) == key
    name = option[2:].replace("-", "_")
    return name not in sbatch_options() and key.startswith(name)


def _shape(instance: Instance, smt: bool) -> tuple[int | None, int | None, int | None]:
    """Return what a job's ranks follow from: GPUs, Neuron devices and CPUs."""
    return instance.gpus, instance.neuron_devices, cpus_of(instance, smt)
