"""What SageMaker HyperPod with Slurm asks for, as rows: the guide, the API's model and public samples say it."""

from __future__ import annotations

CREATE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html"
LIFECYCLE = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterLifeCycleConfig.html"
STRATEGY = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterOrchestratorSlurmConfig.html"
HEALTH = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-resiliency-slurm.html"
_SAMPLES = (
    "https://github.com/awslabs/awsome-distributed-ai/blob/95b939cdc5b24ded03a70da21533964f9354b731/"
    "1.architectures/5.sagemaker-hyperpod"
)
PARAMETERS = _SAMPLES + "/README.md"
"""What provisioning_parameters.json has."""
FOLDERS = _SAMPLES + "/Extensions/observability/README.md"
"""Which scripts of HyperPod's are in prolog.d and epilog.d."""

CONTROLLER, LOGIN = "controller", "login"
"""Names of the instance groups that efakit adds to those of the queues."""
