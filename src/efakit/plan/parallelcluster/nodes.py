"""Decides head node and login nodes: their types, what they run when they are made, what they may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from efakit.catalog import head_nodes
from efakit.plan.cluster import ClusterPlan
from efakit.plan.decision import Decision
from efakit.plan.slurm.site import Publication
from efakit.spec.parallelcluster.model import CustomAction, HeadNode, Iam, LoginPool, ParallelCluster, S3Access

_ACCESS = "https://docs.aws.amazon.com/parallelcluster/latest/ug/HeadNode-v3.html#yaml-HeadNode-Iam-S3Access"
_SESSIONS = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html"
_INSTALL_ON = ("on_node_configured", "on_node_updated")


@dataclass(frozen=True)
class HeadNodePlan:
    """The head node: the user's own actions and rights, and after them what the hooks need."""

    node: HeadNode
    instance: str
    custom_actions: Mapping[str, tuple[CustomAction, ...]]
    iam: Iam


@dataclass(frozen=True)
class LoginPlan:
    """A pool of login nodes and its instance type."""

    pool: LoginPool
    instance: str


def plan_head_node(
    section: ParallelCluster,
    cluster: ClusterPlan,
    publication: Publication | None,
    pyxis: Publication | None,
    region: str,
) -> tuple[HeadNodePlan, list[Decision]]:
    """Return the head node; ``publication`` is where it fetches the hooks' installer (None: it does not).

    ``pyxis`` is where it fetches the script that switches Pyxis on (None: it does not).
    """
    node = section.head_node
    instance, decision = _head_type(node, cluster)
    decisions = [decision]
    actions, iam = dict(node.custom_actions), node.iam
    if section.key is None:
        iam, decision = _with_sessions(iam, region)
        decisions.append(decision)
    if publication is not None:
        installer = CustomAction(publication.address, ("--custom-action",))
        for event in _INSTALL_ON:
            actions[event] = (*actions.get(event, ()), installer)
        decision = _access(iam, publication)
        iam = with_access(iam, publication)
        decisions.append(decision)
    if pyxis is not None:
        actions["on_node_configured"] = (*actions["on_node_configured"], CustomAction(pyxis.address, ("head",)))
        iam = with_access(iam, pyxis)
    return HeadNodePlan(node, instance, actions, iam), decisions


def plan_login_nodes(section: ParallelCluster, head_instance: str) -> tuple[tuple[LoginPlan, ...], list[Decision]]:
    """Return the pools of login nodes, and a decision for each whose type the spec does not name."""
    plans, decisions = [], []
    for pool in section.login_nodes:
        plans.append(LoginPlan(pool, pool.instance.name if pool.instance else head_instance))
        if pool.instance is None:
            reason = "the same as the head node's: login nodes start from the same image, so they need its architecture"
            subject = f"login nodes of {pool.name}"
            decisions.append(Decision(subject, head_instance, reason, head_nodes.SOURCE, "login-nodes", (pool.name,)))
    return tuple(plans), decisions


def _head_type(node: HeadNode, cluster: ClusterPlan) -> tuple[str, Decision]:
    if node.instance is not None:
        name = node.instance.name
        return name, Decision("head node", name, "as the spec says", topic="head-node")
    architecture = cluster.queues[0].resources[0].resource.instance.architecture or "x86_64"
    size = next(
        row
        for row in head_nodes.HEAD_NODE_SIZES
        if row.architecture == architecture and cluster.nodes <= row.most_nodes
    )
    reason = f"{architecture}, the same as the compute nodes; {size.reason}"
    return size.instance, Decision("head node", size.instance, reason, head_nodes.SOURCE, "head-node")


def with_access(iam: Iam, publication: Publication) -> Iam:
    """Return the rights with the one to read a published script; a role or profile of the user's own must have it.

    ParallelCluster refuses S3Access beside such a role or profile.
    """
    if iam.role or iam.profile:
        return iam
    return replace(iam, s3_access=(*iam.s3_access, S3Access(publication.bucket, publication.key)))


def _with_sessions(iam: Iam, region: str) -> tuple[Iam, Decision]:
    """Return the rights with those of Session Manager, by which people log in where there is no key pair."""
    subject = "log-in to the head node"
    choice = "by Session Manager: aws ssm start-session --target INSTANCE"
    theirs = iam.role or iam.profile
    if theirs:
        reason = f"the spec names no key pair; {theirs} must allow sessions (AmazonSSMManagedInstanceCore)"
        return iam, Decision(subject, choice, reason, _SESSIONS, "log-in")
    reason = "the spec names no key pair, so the head node gets the policy AmazonSSMManagedInstanceCore"
    policy = f"arn:{_partition(region)}:iam::aws:policy/AmazonSSMManagedInstanceCore"
    policies = iam.policies if policy in iam.policies else (*iam.policies, policy)
    return replace(iam, policies=policies), Decision(subject, choice, reason, _SESSIONS, "log-in")


def _partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _access(iam: Iam, publication: Publication) -> Decision:
    subject = "the head node's access to the hooks' installer"
    theirs = iam.role or iam.profile
    if theirs:
        reason = (
            "ParallelCluster does not allow S3Access together with your own role or profile, which must allow "
            "the access"
        )
        return Decision(subject, f"that of {theirs}", reason, _ACCESS, "installer-access")
    reason = "it fetches the installer with its own role, which may read from S3 only what the config names"
    return Decision(subject, f"to read {publication.address}", reason, _ACCESS, "installer-access")
