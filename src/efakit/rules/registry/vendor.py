"""What vendors' own judges say: one row a judge, whose rules are JUDGE:VALIDATOR."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_VALIDATORS = "https://github.com/aws/aws-parallelcluster/tree/develop/cli/src/pcluster/validators"
_WRONG = """
    Scheduling:
      SlurmQueues:
        - ComputeResources:
            - InstanceType: m5.2xlarge
              Efa: {Enabled: true}
    """
_RIGHT = """
    Scheduling:
      SlurmQueues:
        - ComputeResources:
            - InstanceType: c5n.18xlarge
              Efa: {Enabled: true}
    """

RULES = (
    Rule(
        "pcluster:*",
        room="vendor",
        severity="error",
        what="A validator of the installed pcluster found something; the rule's name has the validator's.",
        why="pcluster create-cluster says the same. efakit asks its validators offline, on a simulated account that "
        "has whatever the config names: what they say of capacity, quota and permissions proves nothing. Its "
        "warnings and notes keep their severity.",
        wrong=_WRONG,
        right=_RIGHT,
        source=_VALIDATORS,
    ),
    Rule(
        "dstack:*",
        room="vendor",
        severity="error",
        what="The installed dstack's own parsers refuse a file that efakit renders for it.",
        why="dstack apply says the same. The parsers know keys and forms, and no instance type.",
        wrong="""
            dstack: {shm_size: 64 gigabytes}
        """,
        right="""
            dstack: {shm_size: 64GB}
        """,
        source="https://dstack.ai/docs/reference/dstack.yml/fleet/",
    ),
    Rule(
        "eks:*",
        room="vendor",
        severity="error",
        what="Schemas of Kubernetes, of Kubeflow Trainer or of eksctl, or cfn-lint, refuse a file that efakit renders "
        "for EKS.",
        why="The API server, eksctl or CloudFormation say the same. Schemas know keys and forms: what they pass and "
        "fails later has rules of its own.",
        wrong="""
            eks: {memory_percent: all}
        """,
        right="""
            eks: {memory_percent: 80}
        """,
        source="https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
    ),
    Rule(
        "aws:*",
        room="vendor",
        severity="error",
        what="pcluster's dry run on AWS found something; the rule's name has the validator's.",
        why="efakit validate --aws runs it with your credentials: pcluster create-cluster says the same. Its "
        "warnings and notes keep their severity.",
        wrong=_WRONG,
        right=_RIGHT,
        source=_VALIDATORS,
    ),
)
