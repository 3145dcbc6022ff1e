"""sbatch's options as rows: those that a job passes through, and those that efakit decides.

Source of all rows: sbatch(1), https://slurm.schedmd.com/sbatch.html. Keys are sbatch's long names with _ for -.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = "https://slurm.schedmd.com/sbatch.html"


class SbatchOption(NamedTuple):
    """An option that a job's ``slurm`` may hold."""

    key: str
    what: str
    kind: str = "text"
    """text; number; flag (true or false); optional (true, or a text); time; list (a text, or a list of them)."""

    @property
    def option(self) -> str:
        """The long option, without its hyphens in front."""
        return self.key.replace("_", "-")


class DecidedOption(NamedTuple):
    """An option that efakit decides or that would undo what it decides, and what to write instead."""

    key: str
    instead: str


SBATCH_OPTIONS = (
    SbatchOption("acctg_freq", "How often accounting data are sampled"),
    SbatchOption("array", "Indices of a job array, such as 0-15%4"),
    SbatchOption("batch", "Features of the node on which the script runs"),
    SbatchOption("bb", "Burst buffer"),
    SbatchOption("bbf", "File with the burst buffer's description"),
    SbatchOption("begin", "Not to start before this time"),
    SbatchOption("chdir", "Folder in which the script runs"),
    SbatchOption("cluster_constraint", "Features of a cluster of the federation"),
    SbatchOption("clusters", "Clusters to submit to", "list"),
    SbatchOption("comment", "A comment of yours"),
    SbatchOption("constraint", "Features that the nodes must have"),
    SbatchOption("contiguous", "Nodes must be next to each other", "flag"),
    SbatchOption("core_spec", "Cores that are left to the system", "number"),
    SbatchOption("cpu_freq", "CPU frequency"),
    SbatchOption("deadline", "Give the job up if it cannot end by this time"),
    SbatchOption("delay_boot", "Minutes to wait before nodes are booted for a constraint", "number"),
    SbatchOption("dependency", "Jobs that have to end or start before", "list"),
    SbatchOption("distribution", "How ranks are laid out over nodes and sockets"),
    SbatchOption("error", "File for the errors, with Slurm's patterns"),
    SbatchOption("exclude", "Nodes not to take", "list"),
    SbatchOption("gpu_bind", "How tasks are bound to GPUs"),
    SbatchOption("gpu_freq", "GPU frequency"),
    SbatchOption("gres", "Generic resources but for GPUs", "list"),
    SbatchOption("gres_flags", "How generic resources are chosen", "list"),
    SbatchOption("hint", "How ranks are bound: compute_bound, memory_bound, nomultithread"),
    SbatchOption("hold", "Submit held", "flag"),
    SbatchOption("input", "File for the script's standard input"),
    SbatchOption("kill_on_invalid_dep", "yes: cancel a job whose dependency can never hold"),
    SbatchOption("licenses", "Licenses", "list"),
    SbatchOption("mail_type", "When to send mail, such as BEGIN, END, FAIL or TIME_LIMIT_90", "list"),
    SbatchOption("mail_user", "Who gets the mail"),
    SbatchOption("mcs_label", "Multi-category security label"),
    SbatchOption("mem", "Memory of a node; 0: all of it"),
    SbatchOption("mem_bind", "How tasks are bound to memory"),
    SbatchOption("mem_per_cpu", "Memory of a CPU"),
    SbatchOption("mem_per_gpu", "Memory of a GPU"),
    SbatchOption("mincpus", "Least CPUs of a node", "number"),
    SbatchOption("network", "Network options of the switch plugin"),
    SbatchOption("nice", "Lower the job's priority by this much", "number"),
    SbatchOption("no_kill", "Keep the job when a node fails", "flag"),
    SbatchOption("nodelist", "Nodes that the job must have", "list"),
    SbatchOption("oom_kill_step", "1: end the whole step when a task runs out of memory", "number"),
    SbatchOption("open_mode", "append or truncate the output file"),
    SbatchOption("prefer", "Features that the nodes should have"),
    SbatchOption("priority", "Priority, for operators", "number"),
    SbatchOption("profile", "What is sampled while the job runs", "list"),
    SbatchOption("propagate", "Limits that the job takes over from where it is submitted", "list"),
    SbatchOption("qos", "Quality of service"),
    SbatchOption("reboot", "Boot the nodes anew before the job", "flag"),
    SbatchOption("reservation", "Slurm reservations", "list"),
    SbatchOption("segment", "Nodes of one block", "number"),
    SbatchOption("spread_job", "Spread the job over as many nodes as there are", "flag"),
    SbatchOption("switches", "Most switches between the nodes, and how long to wait for that: COUNT[@TIME]"),
    SbatchOption("thread_spec", "Threads that are left to the system", "number"),
    SbatchOption("time_min", "Least time limit that is good enough", "time"),
    SbatchOption("tmp", "Least temporary disk space of a node"),
    SbatchOption("wait_all_nodes", "1: the script starts when all nodes are up", "number"),
    SbatchOption("wckey", "Workload characterization key"),
)

_WHOLE_NODES = "the queue's 'exclusive' decides whether jobs have whole nodes"
_GPUS = "the catalog tells them; fewer: the job's 'gpus_per_node'"
_RANKS = "write the job's 'ranks_per_node'"

DECIDED_OPTIONS = (
    *(
        DecidedOption(key, f"write the job's own key '{key}'")
        for key in ("account", "time", "output", "signal", "requeue", "nodes", "cpus_per_task", "gpus_per_node")
    ),
    DecidedOption("job_name", "write the job's 'name'"),
    DecidedOption("partition", "write the job's 'queue'"),
    DecidedOption("no_requeue", "write the job's own key 'requeue: false'"),
    DecidedOption("exclusive", _WHOLE_NODES),
    DecidedOption("oversubscribe", _WHOLE_NODES),
    DecidedOption("overcommit", _WHOLE_NODES),
    DecidedOption("ntasks", _RANKS),
    DecidedOption("ntasks_per_node", _RANKS),
    DecidedOption("tasks_per_node", _RANKS),
    DecidedOption("ntasks_per_core", _RANKS),
    DecidedOption("ntasks_per_gpu", _RANKS),
    DecidedOption("ntasks_per_socket", _RANKS),
    DecidedOption("gpus", _GPUS),
    # Slurm 24.11 and later refuse it beside --gpus-per-node.
    DecidedOption("gpus_per_task", _GPUS),
    DecidedOption("gpus_per_socket", _GPUS),
    DecidedOption("cpus_per_gpu", "write the job's own key 'cpus_per_task'"),
    DecidedOption("container", "write the job's own key 'container'"),
    DecidedOption("export", "variables stand in the job's 'env'; the rest of the environment always goes along"),
    DecidedOption("export_file", "variables stand in the job's 'env'"),
    DecidedOption("nodefile", "write 'nodelist'"),
    DecidedOption("wrap", "the script is efakit's; write your own below it with template: body"),
)

# sbatch's short options, for lines that are taken as they are.
SHORT_OPTIONS = {
    "A": "account", "t": "time", "o": "output", "N": "nodes", "c": "cpus_per_task", "J": "job_name", "p": "partition",
    "n": "ntasks", "G": "gpus", "s": "oversubscribe", "O": "overcommit", "F": "nodefile",
}  # fmt: skip


def sbatch_options() -> dict[str, SbatchOption]:
    """Return the options that pass through, by key."""
    return {row.key: row for row in SBATCH_OPTIONS}


def decided_options() -> dict[str, DecidedOption]:
    """Return the options that efakit decides, by key."""
    return {row.key: row for row in DECIDED_OPTIONS}
