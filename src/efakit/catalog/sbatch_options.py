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
    SbatchOption(key="acctg_freq", what="How often accounting data are sampled"),
    SbatchOption(key="array", what="Indices of a job array, such as 0-15%4"),
    SbatchOption(key="batch", what="Features of the node on which the script runs"),
    SbatchOption(key="bb", what="Burst buffer"),
    SbatchOption(key="bbf", what="File with the burst buffer's description"),
    SbatchOption(key="begin", what="Earliest start time"),
    SbatchOption(key="chdir", what="Folder in which the script runs"),
    SbatchOption(key="cluster_constraint", what="Features of a cluster of the federation"),
    SbatchOption(key="clusters", what="Clusters to submit to", kind="list"),
    SbatchOption(key="comment", what="A comment"),
    SbatchOption(key="constraint", what="Features that the nodes must have"),
    SbatchOption(key="contiguous", what="Nodes must be next to each other", kind="flag"),
    SbatchOption(key="core_spec", what="Cores that are left to the system", kind="number"),
    SbatchOption(key="cpu_freq", what="CPU frequency"),
    SbatchOption(key="deadline", what="Cancel the job if it cannot end by this time"),
    SbatchOption(key="delay_boot", what="Minutes to wait before nodes are booted for a constraint", kind="number"),
    SbatchOption(key="dependency", what="Jobs that must end or start first", kind="list"),
    SbatchOption(key="distribution", what="How ranks are distributed over nodes and sockets"),
    SbatchOption(key="error", what="File for the errors, with Slurm's patterns"),
    SbatchOption(key="exclude", what="Nodes that the job must not use", kind="list"),
    SbatchOption(key="gpu_bind", what="How tasks are bound to GPUs"),
    SbatchOption(key="gpu_freq", what="GPU frequency"),
    SbatchOption(key="gres", what="Generic resources other than GPUs", kind="list"),
    SbatchOption(key="gres_flags", what="How generic resources are chosen", kind="list"),
    SbatchOption(key="hint", what="How ranks are bound: compute_bound, memory_bound, nomultithread"),
    SbatchOption(key="hold", what="Submit held", kind="flag"),
    SbatchOption(key="input", what="File for the script's standard input"),
    SbatchOption(key="kill_on_invalid_dep", what="yes: cancel a job whose dependency can never hold"),
    SbatchOption(key="licenses", what="Licenses", kind="list"),
    SbatchOption(key="mail_type", what="When to send mail, such as BEGIN, END, FAIL or TIME_LIMIT_90", kind="list"),
    SbatchOption(key="mail_user", what="Who gets the mail"),
    SbatchOption(key="mcs_label", what="Multi-category security label"),
    SbatchOption(key="mem", what="Memory of a node; 0: all of it"),
    SbatchOption(key="mem_bind", what="How tasks are bound to memory"),
    SbatchOption(key="mem_per_cpu", what="Memory of a CPU"),
    SbatchOption(key="mem_per_gpu", what="Memory of a GPU"),
    SbatchOption(key="mincpus", what="Minimum number of CPUs of a node", kind="number"),
    SbatchOption(key="network", what="Network options of the switch plugin"),
    SbatchOption(key="nice", what="Lower the job's priority by this much", kind="number"),
    SbatchOption(key="no_kill", what="Keep the job when a node fails", kind="flag"),
    SbatchOption(key="nodelist", what="Nodes that the job must have", kind="list"),
    SbatchOption(key="oom_kill_step", what="1: end the whole step when a task runs out of memory", kind="number"),
    SbatchOption(key="open_mode", what="append or truncate the output file"),
    SbatchOption(key="prefer", what="Features that the nodes should have"),
    SbatchOption(key="priority", what="Priority, for operators", kind="number"),
    SbatchOption(key="profile", what="What is sampled while the job runs", kind="list"),
    SbatchOption(key="propagate", what="Limits that the job takes over from the submitting shell", kind="list"),
    SbatchOption(key="qos", what="Quality of service"),
    SbatchOption(key="reboot", what="Reboot the nodes before the job", kind="flag"),
    SbatchOption(key="reservation", what="Slurm reservations", kind="list"),
    SbatchOption(key="segment", what="Nodes of one block", kind="number"),
    SbatchOption(key="spread_job", what="Spread the job over as many nodes as there are", kind="flag"),
    SbatchOption(
        key="switches", what="Maximum number of switches between the nodes, and how long to wait for that: COUNT[@TIME]"
    ),
    SbatchOption(key="thread_spec", what="Threads that are left to the system", kind="number"),
    SbatchOption(key="time_min", what="Minimum time limit", kind="time"),
    SbatchOption(key="tmp", what="Minimum temporary disk space of a node"),
    SbatchOption(key="wait_all_nodes", what="1: the script starts when all nodes are up", kind="number"),
    SbatchOption(key="wckey", what="Workload characterization key"),
)

_WHOLE_NODES = "the queue's 'exclusive' decides whether jobs have whole nodes"
_GPUS = "efakit takes the number from its catalog; for fewer write the job's 'gpus_per_node'"
_RANKS = "write the job's 'ranks_per_node'"

DECIDED_OPTIONS = (
    *(
        DecidedOption(key=key, instead=f"write the job's own key '{key}'")
        for key in ("account", "time", "output", "signal", "requeue", "nodes", "cpus_per_task", "gpus_per_node")
    ),
    DecidedOption(key="job_name", instead="write the job's 'name'"),
    DecidedOption(key="partition", instead="write the job's 'queue'"),
    DecidedOption(key="no_requeue", instead="write the job's own key 'requeue: false'"),
    DecidedOption(key="exclusive", instead=_WHOLE_NODES),
    DecidedOption(key="oversubscribe", instead=_WHOLE_NODES),
    DecidedOption(key="overcommit", instead=_WHOLE_NODES),
    DecidedOption(key="ntasks", instead=_RANKS),
    DecidedOption(key="ntasks_per_node", instead=_RANKS),
    DecidedOption(key="tasks_per_node", instead=_RANKS),
    DecidedOption(key="ntasks_per_core", instead=_RANKS),
    DecidedOption(key="ntasks_per_gpu", instead=_RANKS),
    DecidedOption(key="ntasks_per_socket", instead=_RANKS),
    DecidedOption(key="gpus", instead=_GPUS),
    # Slurm 24.11 and later refuse it beside --gpus-per-node.
    DecidedOption(key="gpus_per_task", instead=_GPUS),
    DecidedOption(key="gpus_per_socket", instead=_GPUS),
    DecidedOption(key="cpus_per_gpu", instead="write the job's own key 'cpus_per_task'"),
    DecidedOption(key="container", instead="write the job's own key 'container'"),
    DecidedOption(
        key="export", instead="write variables in the job's 'env'; the job always gets the rest of the environment"
    ),
    DecidedOption(key="export_file", instead="write variables in the job's 'env'"),
    DecidedOption(key="nodefile", instead="write 'nodelist'"),
    DecidedOption(key="wrap", instead="efakit writes the script; add your own commands with template: body"),
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
