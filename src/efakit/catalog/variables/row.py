"""What a row of an environment variable may say, and the words of its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from efakit.versions import COMPONENTS as _SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPONENTS = {
    **_SOFTWARE,
    "ranks_per_node": "ranks on a node",
    "cores_per_rank": "cores for each rank",
    "efa_interfaces": "EFA interfaces of a node",
}

WORKLOADS = {
    "nccl": "NCCL through aws-ofi-nccl",
    "mpi-launch": "NCCL, its ranks started by MPI",
    "openmpi": "Open MPI",
    "intelmpi": "Intel MPI",
    "neuron": "Neuron (Trainium, Inferentia)",
    "nvshmem": "NVSHMEM",
}

EFFECTS = {
    "needed": "a job must set it to the value",
    "set-by-plugin": "aws-ofi-nccl sets the value by itself where the job does not set the variable",
    "harmful": "setting it to such a value breaks the job, slows it or hides a fault",
    "no-effect": "setting it to such a value changes nothing",
    "workaround": "a workaround for one known fault, and a cost where that fault is not",
    "option": "a choice of the user, read within the bounds only",
}


class VariableRule(NamedTuple):
    """One row: what one variable, or a family, does within certain bounds."""

    id: str
    """The rule's name in findings."""
    name: str
    """The variable, or a pattern with *."""
    effect: str
    """A key of ``EFFECTS``."""
    reason: str
    """Why to set it, or what goes wrong; a clause that can follow a colon."""
    source: str
    value: str = "*"
    """``needed``, ``set-by-plugin``: the value, in which {ranks_per_node} stands for that count. Else a pattern of
    values: alternatives by |, each with *; ! before all for any other; <= or >= before a number; "" is empty."""
    workload: str = "*"
    """A key of ``WORKLOADS``, several by blanks, or *: whatever the program is."""
    severity: str = "warning"
    fix: str = ""
    """What to do about a value of this row; "" is what the effect suggests."""
    since: Mapping[str, str] = {}
    until: Mapping[str, str] = {}
    instances: str = "*"
    """Patterns of instance types, by blanks."""
    except_instances: str = ""
    os: str = "*"
    """Patterns of ParallelCluster's names of operating systems, by blanks."""
    except_os: str = ""
    """The same, where the row does not hold; an operating system that is not known is not among them."""
    items: str = ""
    """How ``value`` meets a list with commas: "" as a whole; "each": it matches every item; "some": at least one.
    What comes before an item (=) and behind it (:port) is left out. A list of what to leave out (^) is a whole."""
    efa: bool | None = None
    """True: not where the nodes surely have no EFA, as with every row of effect ``needed``. False: only there."""
    several_nodes: bool = False
    """Whether the row does not hold for a job that is surely on one node."""
    instead: str = ""
    """``needed``: variables, by blanks, of which one is enough in this one's place."""
