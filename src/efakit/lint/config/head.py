"""The head node and the login nodes: architecture, memory, key, operating system."""

from __future__ import annotations

from collections.abc import Iterator

from efakit.catalog.policies import COMMON
from efakit.catalog.stacks import image_is_published
from efakit.lint.config.node import shown
from efakit.lint.config.rule import Problem, rule
from efakit.lint.config.view import ClusterView
from efakit.nearness import did_you_mean, is_slip

# Families that ParallelCluster does not start with some systems: family, systems, until (pcluster/constants.py).
_NOT_SUPPORTED = (
    ("p6e-gb200", ("rhel8", "rocky8", "rhel9", "alinux2"), ""),
    ("p6-b300", ("alinux2",), "3.16"),
)
_SMALL = ("micro", "nano")


@rule("head-architecture")
def head_architecture(view: ClusterView) -> Iterator[Problem]:
    """Refuse compute nodes whose architecture is not the head node's: they share /opt and the users' programs."""
    head = view.instance(view.head.at("InstanceType").text)
    if head is None:
        return
    for resource, node, instance in view.typed():
        if instance.architecture and head.architecture and instance.architecture != head.architecture:
            message = (
                f"{instance.name} of {resource.name} is {instance.architecture}, "
                f"but the head node {head.name} is {head.architecture}"
            )
            yield Problem(node.path, message, f"use a head node with {instance.architecture}")


@rule("login-architecture")
def login_architecture(view: ClusterView) -> Iterator[Problem]:
    """Refuse login nodes whose architecture is not the head node's."""
    head = view.instance(view.head.at("InstanceType").text)
    for pool in view.pools:
        node = pool.at("InstanceType")
        instance = view.instance(node.text)
        if head is None or instance is None or not head.architecture or not instance.architecture:
            continue
        if instance.architecture != head.architecture:
            name = pool.at("Name").text or f"number {pool.key}"
            message = (
                f"{instance.name} of the login nodes {name} is {instance.architecture}, "
                f"but the head node {head.name} is {head.architecture}"
            )
            yield Problem(node.path, message, f"use login nodes with {head.architecture}")


@rule("head-memory")
def head_memory(view: ClusterView) -> Iterator[Problem]:
    """Refuse a head node with less than nodes / 25 + 0.6 GiB of memory, 16 GiB being enough for any number."""
    node = view.head.at("InstanceType")
    head = view.instance(node.text)
    if head is None or head.memory_mib is None:
        return
    nodes = view.nodes()
    wanted_gib = min(nodes / 25 + 0.6, 16)
    if head.memory_mib / 1024 < wanted_gib:
        message = f"{head.name} has {head.memory_mib / 1024:g} GiB of memory, too little for {nodes} compute nodes"
        yield Problem(node.path, message, f"use a head node with at least {wanted_gib:.1f} GiB")


@rule("head-small")
def head_small(view: ClusterView) -> Iterator[Problem]:
    """Point out micro and nano sizes with anything but Amazon Linux."""
    name = view.os.text
    if name is None or name.startswith("alinux"):
        return
    for node in view.type_nodes():
        if any(size in (node.text or "") for size in _SMALL):
            message = f"{node.text} has too little memory for {shown(name)}"
            yield Problem(node.path, message, "use a type with at least 1.7 GB of memory")


@rule("os-unsupported-by-type")
def os_unsupported_by_type(view: ClusterView) -> Iterator[Problem]:
    """Refuse p6e-gb200 and p6-b300 with the systems that ParallelCluster leaves out for them."""
    for resource in view.resources:
        for node in resource.types:
            for family, systems, until in _NOT_SUPPORTED:
                old = not until or view.before(until)
                if (node.text or "").startswith(family) and view.os.text in systems and old:
                    message = f"ParallelCluster does not support {node.text} with {view.os.text}"
                    yield Problem(node.path, message, f"use another operating system than {', '.join(systems)}")


@rule("key-missing")
def key_missing(view: ClusterView) -> Iterator[Problem]:
    """Point out a head node without a key pair, where nothing says that people log in by other ways."""
    key = view.head.at("Ssh", "KeyName")
    if view.head.present and key.text is None and not _other_log_in(view):
        message = "the head node has no key pair, and no other way to log in"
        fix = "add Ssh: {KeyName: ...}, or the policy AmazonSSMManagedInstanceCore for Session Manager"
        yield Problem(key.path, message, fix)


def _other_log_in(view: ClusterView) -> bool:
    """Say whether sessions, a directory or rights of one's own are there; what the last allow is not known."""
    iam = view.head.at("Iam")
    policies = [item.at("Policy").text or "" for item in iam.at("AdditionalIamPolicies").items]
    sessions = any(policy.endswith("/AmazonSSMManagedInstanceCore") for policy in policies)
    return sessions or any(
        node.present for node in (iam.at("InstanceRole"), iam.at("InstanceProfile"), view.root.at("DirectoryService"))
    )


@rule("policy-misspelt")
def policy_misspelt(view: ClusterView) -> Iterator[Problem]:
    """Point out a policy of AWS's whose name is one slip away from one that there is."""
    sections = [view.head, *view.pools, *(queue.node for queue in view.queues)]
    for section in sections:
        for item in section.at("Iam", "AdditionalIamPolicies").items:
            node = item.at("Policy")
            owner, of_aws, name = (node.text or "").partition(":iam::aws:policy/")
            meant = next((known for known in COMMON if is_slip(name, known)), None)
            if of_aws and meant is not None:
                yield Problem(node.path, f"unknown AWS policy {name}", did_you_mean([f"{owner}{of_aws}{meant}"]))


@rule("ubuntu-key")
def ubuntu_key(view: ClusterView) -> Iterator[Problem]:
    """Say which kind of key Ubuntu wants: the config does not tell a key's kind."""
    key = view.head.at("Ssh", "KeyName")
    if key.text is not None and view.os.text in ("ubuntu2204", "ubuntu2404"):
        yield Problem(key.path, f"{view.os.text} refuses RSA keys", f"check that {shown(key.text)} is an ed25519 key")


@rule("rocky-image")
def rocky_image(view: ClusterView) -> Iterator[Problem]:
    """Refuse Rocky Linux without CustomAmi: ParallelCluster publishes no images of it."""
    if image_is_published(view.os.text or "") or view.root.at("Image", "CustomAmi").text is not None:
        return
    nodes = [view.head, *(queue.node for queue in view.queues), *view.pools]
    if any(node.at("Image", "CustomAmi").text is None for node in nodes):
        message = f"ParallelCluster publishes no images for {view.os.text}"
        yield Problem(
            view.os.path,
            message,
            "build one with pcluster build-image and set it as Image/CustomAmi (parallelcluster.ami in a spec)",
        )
