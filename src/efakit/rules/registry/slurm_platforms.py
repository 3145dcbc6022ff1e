"""Rules about a spec's sections pcs and hyperpod."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_PCS_GROUP = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-pcs-computenodegroup.html"
)
_PCS_SETTINGS = "https://docs.aws.amazon.com/pcs/latest/userguide/slurm-custom-settings-cluster.html"
_PCS_EFA = "https://docs.aws.amazon.com/pcs/latest/userguide/working-with_networking_efa.html"

_HYPERPOD_CREATE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html"
_HYPERPOD_HEALTH = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-resiliency-slurm.html"

_HYPERPOD = (
    "{name: my-cluster, security_groups: [sg-0123456789abcdef0], lifecycle: 's3://sagemaker-my-bucket/efakit', "
    "execution_role: 'arn:aws:iam::123456789012:role/hyperpod'"
)
_PROFILE = "'arn:aws:iam::123456789012:instance-profile/nodes'"
_PCS = f"{{name: my-cluster, security_groups: [sg-0123456789abcdef0], instance_profile: {_PROFILE}"


def _with(resource: str, more: str = "") -> str:
    queue = f"{{name: gpu, subnet: subnet-0123456789abcdef0, compute_resources: [{{name: n, {resource}, nodes: 2}}]}}"
    return f"cluster:\n  region: us-east-1\n  queues: [{queue}]\npcs: {_PCS}{more}}}"


RULES = (
    Rule(
        "pcs-setting",
        room="spec",
        severity="error",
        what="pcs.slurm_settings has a setting that AWS PCS does not let a cluster set.",
        why="PCS takes the Slurm settings of a list. Time limits of prolog and epilog, PrologSlurmctld, "
        "EpilogSlurmctld, JobSubmitPlugins and SlurmctldParameters are not on it.",
        wrong=f"pcs: {_PCS}, slurm_settings: {{PrologEpilogTimeout: 60}}}}",
        right=f"pcs: {_PCS}, slurm_settings: {{SelectTypeParameters: CR_CPU}}}}",
        source=_PCS_SETTINGS,
    ),
    Rule(
        "pcs-interfaces",
        room="spec",
        severity="error",
        what="A compute resource for AWS PCS has EFA, and the number of its type's EFA interfaces is unknown.",
        why="PCS attaches no EFA by itself: the launch template lists each interface.",
        wrong=_with("instance: p6e-gb300.36xlarge", ", ami: ami-0123456789abcdef0"),
        right=_with("instance: p5.48xlarge"),
        source=_PCS_EFA,
    ),
    Rule(
        "pcs-image",
        room="spec",
        severity="error",
        what="A type that is not x86_64 starts from the default image of the section pcs.",
        why="The public parameter that efakit names is for x86_64.",
        wrong=_with("instance: hpc7g.16xlarge"),
        right=_with("instance: hpc7g.16xlarge", ", ami: ami-0123456789abcdef0"),
        source=_PCS_GROUP,
    ),
    Rule(
        "pcs-mixed-types",
        room="spec",
        severity="error",
        what="A compute resource for AWS PCS mixes types that differ in vCPUs, architecture or EFA interfaces.",
        why="All instances of a compute node group must be alike in these, and its launch template lists one type's "
        "network cards.",
        wrong=_with("instance: p5.48xlarge, nodes: 2}, {name: mixed, instances: [p5.48xlarge, p5en.48xlarge]"),
        right=_with("instance: p5.48xlarge, nodes: 2}, {name: mixed, instances: [p5.48xlarge, p5e.48xlarge]"),
        source=_PCS_EFA,
    ),
    Rule(
        "hyperpod-partition",
        room="spec",
        severity="error",
        what="A queue has the name of a partition that belongs to HyperPod.",
        why="HyperPod moves nodes into it while it repairs or checks them.",
        wrong=f"cluster: {{queues: [{{name: hyperpod-system-maintenance}}]}}\nhyperpod: {_HYPERPOD}}}",
        right=f"cluster: {{queues: [{{name: gpu}}]}}\nhyperpod: {_HYPERPOD}}}",
        source=_HYPERPOD_HEALTH,
    ),
    Rule(
        "hyperpod-capacity",
        room="spec",
        severity="error",
        what="Nodes of HyperPod are to come from a capacity reservation or a Capacity Block of EC2's.",
        why="The request of create-cluster has no place for one: HyperPod takes training plans.",
        wrong=f"cluster: {{queues: [{{name: gpu, reservation: cr-0123456789abcdef0}}]}}\nhyperpod: {_HYPERPOD}}}",
        right=f"hyperpod: {_HYPERPOD}, training_plan: 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/mine'}}",
        source=_HYPERPOD_CREATE,
    ),
    Rule(
        "hyperpod-types",
        room="spec",
        severity="error",
        what="A compute resource of HyperPod has several instance types.",
        why="An instance group has one type.",
        wrong="cluster:\n  queues:\n    - compute_resources:\n"
        "        - {name: p5}\n        - {name: mixed, instances: [p5.48xlarge, p5e.48xlarge], nodes: 2}\n"
        f"hyperpod: {_HYPERPOD}}}",
        right=f"hyperpod: {_HYPERPOD}}}",
        source=_HYPERPOD_CREATE,
    ),
)
