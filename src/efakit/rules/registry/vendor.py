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
        what="A validator of the installed pcluster reports a fault. The rule's name has the name of the validator.",
        why="pcluster create-cluster reports the same. efakit runs the validators offline, on a simulated account "
        "that has every resource that the config names, so they cannot check capacity, quotas and permissions. The "
        "severity is pcluster's.",
        wrong=_WRONG,
        right=_RIGHT,
        source=_VALIDATORS,
    ),
    Rule(
        "dstack:*",
        room="vendor",
        severity="error",
        what="The installed dstack's own parsers refuse a file that efakit renders for it.",
        why="dstack apply reports the same. The parsers check keys and the form of values, not instance types.",
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
        "pcs:*",
        room="vendor",
        severity="error",
        what="cfn-lint refuses the CloudFormation template that efakit renders for AWS PCS.",
        why="CloudFormation says the same when the stack is made. Its schemas know keys and forms only.",
        wrong="""
            pcs: {overrides: {Resources: {Cluster: {Properties: {Size: TINY}}}}}
        """,
        right="""
            pcs: {size: SMALL}
        """,
        source="https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_PCS.html",
    ),
    Rule(
        "hyperpod:*",
        room="vendor",
        severity="error",
        what="SageMaker's model of its requests refuses the request of create-cluster that efakit renders.",
        why="The service says the same when the request is sent. The model knows keys, forms and instance types only.",
        wrong="""
            hyperpod: {overrides: {NodeRecovery: Always}}
        """,
        right="""
            hyperpod: {node_recovery: Automatic}
        """,
        source="https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html",
    ),
    Rule(
        "sagemaker:*",
        room="vendor",
        severity="error",
        what="SageMaker's model of its requests, or the installed SDK, refuses what efakit renders for it.",
        why="The service says the same (model), or the SDK raises before it sends anything (sdk). Both know keys and "
        "forms, and nothing of capacity, quota and permissions.",
        wrong="""
            sagemaker: {output: "s3://my bucket/"}
        """,
        right="""
            sagemaker: {output: "s3://my-bucket/training"}
        """,
        source="https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html",
    ),
    Rule(
        "hadolint:*",
        room="vendor",
        severity="warning",
        what="hadolint finds an error or a warning in a Dockerfile that efakit renders.",
        why="The severity is hadolint's. It reads a Dockerfile and the shell in it, and builds nothing.",
        wrong="""
            RUN curl -fsSL https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz | tar -xz
        """,
        right="""
            SHELL ["/bin/bash", "-o", "pipefail", "-c"]
            RUN curl -fsSL https://efa-installer.amazonaws.com/aws-efa-installer-1.51.0.tar.gz | tar -xz
        """,
        source="https://github.com/hadolint/hadolint",
    ),
    Rule(
        "dockerfile:*",
        room="vendor",
        severity="error",
        what="BuildKit's parser refuses a Dockerfile that efakit renders, or reads other instructions in it.",
        why="A continued line goes on over an empty one: an ENV after it becomes a part of RUN, without a word.",
        wrong="""
            RUN ./efa_installer.sh -y --skip-kmod \\

            ENV PATH=/opt/amazon/openmpi/bin:$PATH
        """,
        right="""
            RUN ./efa_installer.sh -y --skip-kmod

            ENV PATH=/opt/amazon/openmpi/bin:$PATH
        """,
        source="https://docs.docker.com/reference/build-checks/no-empty-continuation/",
    ),
    Rule(
        "aws:*",
        room="vendor",
        severity="error",
        what="pcluster's dry run on AWS reports a fault. The rule's name has the name of the validator.",
        why="efakit validate --aws runs it with your credentials. pcluster create-cluster reports the same. The "
        "severity is pcluster's.",
        wrong=_WRONG,
        right=_RIGHT,
        source=_VALIDATORS,
    ),
)
