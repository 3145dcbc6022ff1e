"""What a row of the registry says about a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where a rule finds something, and in words.
ROOMS = {
    "script": "sbatch scripts, launchers and env files, and specs by the scripts that they render to",
    "dockerfile": "Dockerfiles and Containerfiles",
    "variable": "environment variables in scripts, Dockerfiles, manifests and a spec's jobs",
    "config": "ParallelCluster configs, and specs by the config that they render to",
    "spec": "specs",
    "manifest": "eksctl configs and Kubernetes manifests",
    "stack": "software versions: of a spec, a container or a node",
    "hook": "a compute node, in the hook's records",
    "cluster": "a Slurm cluster, by efakit doctor and efakit hooks status",
    "doctor": "a node, several nodes or an image, by efakit doctor",
    "submit": "a job, by efakit submit before it submits it",
    "job": "a job's records, by efakit report",
    "log": "logs of jobs and nodes, by efakit diagnose",
    "vendor": "ParallelCluster configs, by a vendor's own judge",
    "input": "what a command is given",
}


class Rule(NamedTuple):
    """One rule: what it finds, why that matters, an example that is wrong and the same one right."""

    id: str
    room: str
    """A key of ``ROOMS``; several by blanks where rooms share the rule."""
    severity: str
    """How bad it is by default: info, warning or error."""
    what: str
    """What the rule finds: a sentence."""
    why: str
    """Why it matters, and what follows: sentences."""
    source: str
    wrong: str
    right: str
    given: Mapping[str, Any] = {}
    """What must be known beside the wrong example, such as ``parallelcluster`` or ``instance``."""
    right_given: Mapping[str, Any] | None = None
    """The same of the right example; None: as of the wrong one."""
    mends: bool = False
    """Whether ``efakit lint --fix`` can mend what it finds."""
    vendor: str = ""
    """The validator of pcluster that says the same; ConfigSchema is its schema."""
    stricter: str = ""
    """Why efakit refuses what pcluster accepts; empty where it does not."""
    enforce: str = ""
    """``default`` or ``allowed``: in mode enforce a prolog fails for it by default, or where the spec says so."""
    stops_render: bool = False
    """Whether a spec whose rendered config has the fault is refused by every command, and not by validate alone."""
    where: str = ""
    """The bounds within which it holds, in words; empty: everywhere."""
