"""Decides the environment variables of a job."""

from __future__ import annotations

from dataclasses import dataclass

from efakit.catalog.stacks import Stack, version_key
from efakit.plan.decision import Decision
from efakit.rules.environment import needed_variables
from efakit.spec.model import Job

_PLATFORM = "https://github.com/aws/aws-ofi-nccl/blob/master/src/platform-aws.cpp"
# From here on the plugin itself sets the tuned variables, for each instance type, unless the user set them.
_PLUGIN_SETS_ITS_OWN = "1.16.0"


@dataclass(frozen=True)
class Variable:
    """One exported variable and its reason."""

    name: str
    value: str
    reason: str


def decide_environment(
    job: Job, workload: str | None, stack: Stack, instance_type: str, efa: bool
) -> tuple[tuple[Variable, ...], tuple[Decision, ...]]:
    """Return the job's variables, and why each is set; the user's own come last and win.

    ``workload`` None: nothing is known of the program, so nothing is set for it.
    """
    subject = f"environment of job {job.name}"
    variables: list[Variable] = []
    if workload is None:
        decisions = [Decision(subject, "no EFA variable", "nothing is known of its program")]
    elif not efa:
        decisions = [Decision(subject, "no EFA variable", "EFA is off on its nodes", _PLATFORM)]
    else:
        rules = [rule for rule in needed_variables(stack, instance_type, workload) if rule.name not in job.env]
        variables = [Variable(rule.name, rule.value, rule.reason) for rule in rules]
        decisions = [Decision(subject, f"{rule.name}={rule.value}", rule.reason, rule.source) for rule in rules]
        decisions.append(Decision(subject, *_rest(stack), _PLATFORM))
    variables += [Variable(name, value, "from the spec") for name, value in job.env.items()]
    return tuple(variables), tuple(decisions)


def _rest(stack: Stack) -> tuple[str, str]:
    if not stack.has_plugin:
        reason = (
            f"EFA installer {stack.efa_installer} brings no aws-ofi-nccl, and NCCL needs it for EFA: install it, and "
            "name its release in cluster.plugin"
        )
        return "no variable that depends on the plugin", reason
    if stack.plugin is None:
        reason = f"EFA installer {stack.efa_installer} tells no release of aws-ofi-nccl; name yours in cluster.plugin"
        return "no variable that depends on the plugin", reason
    if version_key(stack.plugin) >= version_key(_PLUGIN_SETS_ITS_OWN):
        reason = (
            f"aws-ofi-nccl {stack.plugin} sets the tuned NCCL variables itself; an export would freeze an old tuning"
        )
        return "nothing else", reason
    return "nothing else", f"no further rule holds for aws-ofi-nccl {stack.plugin}"
