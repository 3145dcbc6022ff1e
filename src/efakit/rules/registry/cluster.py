"""Rules about a Slurm cluster: what ``efakit hooks status`` finds in Slurm's configuration and in what is installed."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script.sources import SLURM_FORGETS_CPUS

_PROLOG_GUIDE = "https://slurm.schedmd.com/prolog_epilog.html"
_SLURM_CONF = "https://slurm.schedmd.com/slurm.conf.html"
_CONFIGLESS = "https://slurm.schedmd.com/configless_slurm.html"
_PYXIS = "https://github.com/NVIDIA/pyxis/issues/83"
_OWN = "docs/architecture.md"

RULES = (
    Rule(
        "slurmd-user",
        room="cluster",
        severity="error",
        what="slurmd does not run as root.",
        why="The hooks read devices and write to the spool as root.",
        wrong="SlurmdUser=slurm",
        right="SlurmdUser=root",
        source=_SLURM_CONF,
    ),
    Rule(
        "configless",
        room="cluster",
        severity="info",
        what="Slurm is configless.",
        why="The nodes of a configless cluster get slurm.conf from the controller, and from Slurm 23.11 on single "
        "scripts with bare names, but no folders. What Prolog and Epilog name by absolute paths must be on each node. "
        "A bare name is a warning.",
        wrong="SlurmctldParameters=enable_configless and Prolog=prolog.d/*",
        right="Prolog=/opt/efakit/efakit-prolog, installed on each node: efakit hooks install --layout configless",
        source=_CONFIGLESS,
    ),
    Rule(
        "prolog-script",
        room="cluster",
        severity="error",
        what="Slurm does not run efakit's prolog, or runs other scripts between efakit's prolog and the job.",
        why="Without the prolog there is no baseline and no record. Traffic of a script in between is counted for "
        "the job; that is a warning.",
        wrong="Prolog is not set",
        right="Prolog=/opt/slurm/etc/scripts/prolog.d/*, with 00_efakit in the folder",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "epilog-script",
        room="cluster",
        severity="error",
        what="Slurm does not run efakit's epilog, or runs other scripts between the job and efakit's epilog.",
        why="Without the epilog no record is written. Traffic of a script in between is counted for the job; that is "
        "a warning.",
        wrong="Epilog is not set",
        right="Epilog=/opt/slurm/etc/scripts/epilog.d/*, with 99_efakit in the folder",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "script-unusable",
        room="cluster",
        severity="error",
        what="A file in a folder of prologs or epilogs cannot be run.",
        why="Slurm tries to run it, so every job fails and its node is drained.",
        wrong="-rw-r--r-- prolog.d/README",
        right="no file in prolog.d but scripts of mode 0755",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "script-twice",
        room="cluster",
        severity="error",
        what="The folder holds a second copy of efakit's script.",
        why="Slurm runs both, and the second run removes the baseline of the first.",
        wrong="prolog.d/00_efakit and prolog.d/00_efakit.orig",
        right="prolog.d/00_efakit",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "prolog-flags",
        room="cluster",
        severity="error",
        what="PrologFlags lacks Alloc.",
        why="Without Alloc a node's prolog runs only when a step starts on the node, or never, and the node has no "
        "baseline.",
        wrong="PrologFlags is not set",
        right="PrologFlags=Alloc",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "prolog-flags-serial",
        room="cluster",
        severity="info",
        what="PrologFlags has Serial.",
        why="Hooks of jobs that share a node run one after the other. Each can take as long as its deadline.",
        wrong="PrologFlags=Alloc,Serial",
        right="PrologFlags=Alloc",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "prolog-flags-runinjob",
        room="cluster",
        severity="warning",
        what="PrologFlags has RunInJob.",
        why="The hooks run within the job's limits of memory and devices, and may not see the node's EFA devices.",
        wrong="PrologFlags=Alloc,RunInJob",
        right="PrologFlags=Alloc",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "enforce-holds",
        room="cluster",
        severity="warning",
        what="The hooks are in mode enforce, and Slurm holds a job whose prolog fails.",
        why="Slurm requeues the job and then holds it, so it does not start on another node.",
        wrong="mode enforce without SchedulerParameters=nohold_on_prolog_fail",
        right="SchedulerParameters=nohold_on_prolog_fail",
        source=_SLURM_CONF,
    ),
    Rule(
        "enforce-requeue",
        room="cluster",
        severity="info",
        what="The hooks are in mode enforce, and Slurm does not requeue jobs that were submitted with --no-requeue.",
        why="Slurm cancels such a job when its prolog fails.",
        wrong="mode enforce with PrologFlags=Alloc",
        right="PrologFlags=Alloc,ForceRequeueOnFail",
        source=_SLURM_CONF,
    ),
    Rule(
        "files",
        room="cluster",
        severity="error",
        what="An installed file is missing or was changed, or the list of installed files is missing.",
        why="The hooks may behave differently from this release of efakit. Without the list the files cannot be "
        "checked; that is a warning.",
        wrong="run-hook was changed after the installation",
        right="sudo efakit hooks install",
        source=_OWN,
    ),
    Rule(
        "files-trust",
        room="cluster",
        severity="error",
        what="A user other than root may write an installed file or its folder.",
        why="Slurm runs the file as root on every node, so any user who may write it can become root on the cluster. "
        "The hook refuses such files.",
        wrong="drwxrwxrwx /opt/slurm/etc/efakit",
        right="drwxr-xr-x root root /opt/slurm/etc/efakit",
        source=_OWN,
    ),
    Rule(
        "version",
        room="cluster",
        severity="info",
        what="The installed hooks are from another release than this efakit.",
        why="Run efakit hooks install to install the hooks of this release.",
        wrong="hooks of efakit 0.1.0, and this is 0.2.0",
        right="sudo efakit hooks install",
        source=_OWN,
    ),
    Rule(
        "records",
        room="cluster",
        severity="error",
        what="Records cannot be published: records_dir is not set, or its folder cannot be used.",
        why="Records stay on the nodes, and are lost when the nodes are terminated.",
        wrong="records_dir: null",
        right="records_dir: /fsx/efakit/records, which root owns and nobody else may write",
        source=_OWN,
    ),
    Rule(
        "python",
        room="cluster",
        severity="error",
        what="This machine has no Python 3.9 or later that can run the hook.",
        why="Nodes with the same image write no records. If no Python was found at all it is a warning, since only "
        "the Python of the nodes matters.",
        wrong="/usr/bin/python3 is 3.6",
        right="/usr/bin/python3.9",
        source=_OWN,
    ),
    Rule(
        "task-prolog",
        room="cluster",
        severity="warning",
        what="Slurm has no TaskProlog, or its TaskProlog does not run efakit's.",
        why="Tasks do not get the environment that the software of their node needs. If the named file does not "
        "exist, every task fails; that is an error.",
        wrong="TaskProlog is not set",
        right="TaskProlog=/opt/slurm/etc/efakit/task-prolog",
        source=_SLURM_CONF,
    ),
    Rule(
        "task-prolog-pyxis",
        room="cluster",
        severity="error",
        what="Slurm loads Pyxis and has a TaskProlog.",
        why="Slurm looks for the file inside the container. If the image does not have it, the task fails.",
        wrong="TaskProlog=/opt/slurm/etc/efakit/task-prolog, and plugstack.conf loads spank_pyxis.so",
        right="hooks: {task_prolog: false} in the spec, or the file mounted into every container",
        source=_PYXIS,
    ),
    Rule(
        "health-check",
        room="cluster",
        severity="warning",
        what="Slurm has no HealthCheckProgram, or its HealthCheckProgram does not run efakit's.",
        why="libfabric, versions and limits are not checked before jobs start. If HealthCheckInterval is 0, Slurm "
        "never runs the health check; that is an error.",
        wrong="HealthCheckProgram is not set",
        right="HealthCheckProgram=/opt/slurm/etc/efakit/health-check, HealthCheckInterval=300",
        source=_SLURM_CONF,
    ),
    Rule(
        "timeouts",
        room="cluster",
        severity="error",
        what="One of Slurm's time limits is not longer than the hook's deadline.",
        why="Slurm kills the hook, reports a prolog that hangs or treats the job as lost, and drains the node.",
        wrong="PrologEpilogTimeout=5, with deadline_seconds 5",
        right="PrologEpilogTimeout=60",
        source=_PROLOG_GUIDE,
    ),
    Rule(
        "slurm-release",
        room="cluster",
        severity="info",
        what="The Slurm release of the cluster has a known fault that changes how jobs start.",
        why="A script that is right for other releases gets other CPUs or ranks. efakit lint --slurm finds such "
        "scripts.",
        wrong="Slurm 23.02.1",
        right="Slurm 23.11.0",
        source=SLURM_FORGETS_CPUS,
    ),
    Rule(
        "breaker-open",
        room="cluster",
        severity="warning",
        what="So many nodes failed their prolog on purpose within the hour that the circuit breaker is open.",
        why="In mode enforce a prolog that finds a fault now lets its job start. Many nodes at once often mean a wrong "
        "expectation in hook.json.",
        wrong="breaker_nodes_per_hour 2, and the folder .breaker has young notes of 2 nodes",
        right="no young note in the folder .breaker beside the records",
        source=_OWN,
    ),
)
