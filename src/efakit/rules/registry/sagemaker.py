"""Rules about a spec's section sagemaker."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_TRAINING = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html"
_SMDDP = "https://docs.aws.amazon.com/sagemaker/latest/dg/distributed-data-parallel-support.html"

RULES = (
    Rule(
        "sagemaker-job",
        room="spec",
        severity="error",
        what="sagemaker.jobs names a job that is not there, or that cannot be a training job.",
        why="SageMaker starts one script an instance: torchrun, accelerate and mpirun start ranks from there, and "
        "Slurm's srun is not there. Training jobs take some instance types only, each as ml.TYPE. Without "
        "sagemaker.jobs such a job is left out, and DECISIONS.md says why.",
        wrong="""
            sagemaker: {jobs: [count]}
            jobs:
              - {name: count, template: command, program: ./count}
        """,
        right="""
            sagemaker: {jobs: [train]}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_TRAINING,
    ),
    Rule(
        "sagemaker-smddp",
        room="spec",
        severity="error",
        what="SageMaker's data parallel library (SMDDP) is wanted where it does not exist.",
        why="Its last release is for PyTorch 2.4.1 on ml.p4d and ml.p4de. The SDK lets p5e, p5en and p6 pass, refuses "
        "p5 only when the job is sent, and line 3 has no SMDDP at all. PyTorch's own DistributedDataParallel runs on "
        "NCCL over EFA everywhere.",
        wrong="""
            cluster: {queues: [{name: gpu, compute_resources: [{name: n, instance: p5.48xlarge, nodes: 2}]}]}
            sagemaker: {smddp: true, pytorch: "2.0.1", source: ../..}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        right="""
            cluster: {queues: [{name: gpu, compute_resources: [{name: n, instance: p4d.24xlarge, nodes: 2}]}]}
            sagemaker: {smddp: true, pytorch: "2.0.1", source: ../..}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_SMDDP,
    ),
    Rule(
        "sagemaker-environment",
        room="spec",
        severity="error",
        what="A job's variable is longer than SageMaker takes, or there are too many.",
        why="A request holds at most 100 variables of at most 512 characters; the SDK sends it all the same, and the "
        "service refuses the job.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, env: {WORDS: "%s"}}
            sagemaker: {}
        """
        % ("x" * 513),
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, setup: "export WORDS='as many as you like'"}
            sagemaker: {}
        """,
        source=_TRAINING + "#sagemaker-CreateTrainingJob-request-Environment",
    ),
    Rule(
        "sagemaker-network",
        room="spec",
        severity="error",
        what="sagemaker.security_groups are named, and the job's queue has no subnet.",
        why="Training jobs are in a network of yours by both, or by none.",
        wrong="""
            cluster: {queues: [{name: gpu}]}
            sagemaker: {security_groups: [sg-0123456789abcdef0]}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        right="""
            cluster: {queues: [{name: gpu, subnet: subnet-0123456789abcdef0}]}
            sagemaker: {security_groups: [sg-0123456789abcdef0]}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source="https://docs.aws.amazon.com/sagemaker/latest/dg/train-vpc.html",
    ),
)
