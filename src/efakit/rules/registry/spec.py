"""Rules about specs alone; those that a spec shares with ParallelCluster's config stand with the config's."""

from __future__ import annotations

from efakit.rules.registry import sagemaker, slurm_platforms
from efakit.rules.registry.row import Rule

_SPEC = "docs/spec.md"
_DSTACK = "https://dstack.ai/docs/concepts/tasks/"
_EKSCTL = "https://github.com/eksctl-io/eksctl/blob/main/pkg/apis/eksctl.io/v1alpha5/validation.go"
_MPI_JOB = "https://github.com/kubeflow/mpi-operator"
_EFA_IN_CONTAINERS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-installer-containers.html"
_SBATCH = "https://slurm.schedmd.com/sbatch.html"
_BASH = "https://www.gnu.org/software/bash/manual/bash.html#Bash-Variables"
_PYXIS = "https://github.com/NVIDIA/pyxis"

RULES = (
    Rule(
        "spec-unreadable",
        room="spec",
        severity="error",
        what="The file cannot be read, is empty, is not valid YAML, or has a duplicate key.",
        why="A spec is YAML 1.2: off is text, and 1:30:00 is not a number. With a duplicate key one of the values is "
        "lost.",
        wrong="""
            cluster:
              region: us-east-1
              region: us-west-2
        """,
        right="""
            cluster:
              region: us-east-1
        """,
        source="https://yaml.org/spec/1.2.2/",
    ),
    Rule(
        "key-moved",
        room="spec",
        severity="error",
        what="A key is in the place where older releases of efakit had it.",
        why="The section cluster has the keys that every platform needs. Keys of a single platform are in the "
        "section of that platform. The message names the new place.",
        wrong="""
            cluster:
              os: alinux2023
        """,
        right="""
            parallelcluster:
              os: alinux2023
        """,
        source=_SPEC,
    ),
    Rule(
        "option-of-another-kind",
        room="spec",
        severity="error",
        what="A job or a storage has a key that is not an option of its template or type.",
        why="efakit would not use the key.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, program: ./solver}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_SPEC,
    ),
    Rule(
        "dstack-job",
        room="spec",
        severity="error",
        what="dstack.jobs names a job that does not exist, or that dstack cannot run.",
        why="dstack starts one script on each node: torchrun, accelerate and mpirun can start ranks from it, but "
        "there is no srun. dstack's own image has EFA on some instance types only. Without dstack.jobs efakit leaves "
        "such a job out, and DECISIONS.md says why.",
        wrong="""
            dstack: {jobs: [count]}
            jobs:
              - {name: count, template: command, program: ./count}
        """,
        right="""
            dstack: {jobs: [train]}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_DSTACK,
    ),
    Rule(
        "eks-job",
        room="spec",
        severity="error",
        what="eks.jobs names a job that is not there, or that cannot run on EKS.",
        why="The operators start torchrun on each node, or mpirun on a launcher; Slurm's srun is not there. A pod "
        "needs an "
        "image of a registry and the number of the type's EFA devices. Without eks.jobs such a job is left out, and "
        "DECISIONS.md says why.",
        wrong="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], image: "me/efa:1", jobs: [count]}
            jobs:
              - {name: count, template: command, program: ./count}
        """,
        right="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], image: "me/efa:1", jobs: [train]}
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_MPI_JOB,
    ),
    Rule(
        "eks-zone",
        room="spec",
        severity="error",
        what="The section eks names a zone of another region, or nodes start in one that the cluster has nothing in.",
        why="eksctl takes the file and CloudFormation fails later: a zone's name begins with its region's.",
        wrong="""
            cluster: {region: us-west-2}
            eks: {name: my-cluster, zones: [us-east-1a, us-west-2b]}
        """,
        right="""
            cluster: {region: us-west-2}
            eks: {name: my-cluster, zones: [us-west-2a, us-west-2b]}
        """,
        source=_EKSCTL,
    ),
    Rule(
        "eks-offered",
        room="spec",
        severity="error",
        what="EKS nodes are of a type that the region, or the zone that the queue names by its id, does not offer.",
        why="eksctl and CloudFormation wait for nodes that never come. efakit uses the offerings in its catalog.",
        wrong="""
            cluster: {region: eu-west-3}
            eks: {name: my-cluster, zones: [eu-west-3a, eu-west-3b]}
        """,
        right="""
            cluster: {region: us-east-1}
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b]}
        """,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html",
    ),
    Rule(
        "eks-version",
        room="spec",
        severity="error",
        what="eks.version is a Kubernetes version with which EKS starts no cluster any more.",
        why="eksctl's JSON Schema passes it, and EKS refuses it.",
        wrong="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], version: "1.22"}
        """,
        right="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], version: "1.34"}
        """,
        source="https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html",
    ),
    Rule(
        "eks-dra",
        room="spec",
        severity="error",
        what="eks.devices is dra, and Kubernetes is too old for the EFA DRA driver.",
        why="Pods would wait for claims that no driver fills.",
        wrong="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], devices: dra, version: "1.33"}
        """,
        right="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], devices: dra, version: "1.34"}
        """,
        source="https://docs.aws.amazon.com/eks/latest/userguide/device-management-efa.html",
    ),
    Rule(
        "eks-reservation-group",
        room="spec",
        severity="error",
        what="Self-managed EFA nodes of EKS come from a reservation, and no placement group is named.",
        why="eksctl puts self-managed EFA nodes into a placement group of its own, whatever the group says of "
        "reservations: "
        "the reservation's instances are elsewhere, and some or all of the nodes do not start. In managed groups it "
        "leaves "
        "the placement group away.",
        wrong="""
            cluster:
              queues:
                - name: gpu
                  reservation: cr-0123456789abcdef0
                  compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], nodes: self-managed}
        """,
        right="""
            cluster:
              queues:
                - name: gpu
                  reservation: cr-0123456789abcdef0
                  compute_resources: [{name: p5, instance: p5.48xlarge, nodes: 4}]
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b]}
        """,
        source="https://github.com/eksctl-io/eksctl/issues/7949",
    ),
    Rule(
        "eks-self-managed",
        room="spec",
        severity="error",
        what="eks.nodes is self-managed, and a compute resource is on spot, or of a type whose EFA interfaces eksctl "
        "does not "
        "count right.",
        why="Such a type needs a launch template of its own, which eksctl takes for managed groups only; spot is a "
        "key of "
        "managed groups.",
        wrong="""
            cluster:
              queues:
                - name: gpu
                  compute_resources: [{name: b300, instance: p6-b300.48xlarge, nodes: 4}]
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], nodes: self-managed}
        """,
        right="""
            cluster:
              queues:
                - name: gpu
                  compute_resources: [{name: b300, instance: p6-b300.48xlarge, nodes: 4}]
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b]}
        """,
        source="https://github.com/eksctl-io/eksctl/pull/8692",
    ),
    Rule(
        "eks-launch-template",
        room="spec",
        severity="error",
        what="A node group of EKS on a launch template has several instance types, or an image of its own.",
        why="The launch template lists one type's network cards; with an image it would have to hold the nodes' "
        "bootstrap too.",
        wrong="""
            cluster:
              queues:
                - name: gpu
                  compute_resources: [{name: b300, instance: p6-b300.48xlarge, nodes: 4}]
            eks:
              name: my-cluster
              zones: [us-east-1a, us-east-1b]
              ami: ami-0123456789abcdef0
              ami_family: AmazonLinux2023
        """,
        right="""
            cluster:
              queues:
                - name: gpu
                  compute_resources: [{name: b300, instance: p6-b300.48xlarge, nodes: 4}]
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b]}
        """,
        source=_EKSCTL,
    ),
    Rule(
        "eks-image",
        room="spec",
        severity="error",
        what="eks.ami is there without a family whose bootstrap eksctl writes.",
        why="eksctl wants amiFamily beside an image, and for Ubuntu a bootstrap of your own.",
        wrong="""
            eks: {name: my-cluster, zones: [us-east-1a, us-east-1b], ami: ami-0123456789abcdef0}
        """,
        right="""
            eks:
              name: my-cluster
              zones: [us-east-1a, us-east-1b]
              ami: ami-0123456789abcdef0
              ami_family: AmazonLinux2023
        """,
        source=_EKSCTL,
    ),
    Rule(
        "container-unfit",
        room="spec",
        severity="error",
        what="The section container names a release that efakit has no row for, or parts that do not go together.",
        why="PyTorch decides NCCL and CUDA, and the EFA installer decides the plugin: an image of others builds, and "
        "its jobs go over TCP. Open MPI 5 in an MPIJob runs all ranks on the launcher, and ends with 0. An image of "
        "NVIDIA's that has PyTorch already hides what is installed beside it.",
        wrong="""
            container: {flavours: [eks], open_mpi: "5"}
        """,
        right="""
            container: {flavours: [eks], open_mpi: "4"}
        """,
        source=_EFA_IN_CONTAINERS,
    ),
    Rule(
        "queue-unknown",
        room="spec",
        severity="error",
        what="A job or the section parallelcluster names a queue or a compute resource that cluster.queues does not "
        "have.",
        why="Only the queues of cluster exist. The message has the most similar name.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, queue: gpo}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, queue: gpu}
        """,
        source=_SPEC,
    ),
    Rule(
        "installer-unknown",
        room="spec",
        severity="error",
        what="stack names a release of the EFA installer that is older or newer than all releases in efakit's catalog.",
        why="The installer decides the releases of libfabric, the plugin and Open MPI, and these decide the "
        "environment of a job. For a release between two rows efakit uses the earlier row.",
        wrong="""
            cluster:
              stack: {installer: "1.99.0"}
        """,
        right="""
            cluster:
              stack: {installer: "1.43.2"}
        """,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-changelog.html",
    ),
    Rule(
        "job-file",
        room="spec",
        severity="error",
        what="The folder of templates, or the file of a job's body, is not there or cannot be read, or a template "
        "cannot be used.",
        why="Both are read when the spec is rendered. Their paths are relative to the spec's folder.",
        wrong="""
            jobs:
              - {name: train, template: body, body: missing.sh}
        """,
        right="""
            jobs:
              - {name: train, template: body, body: train.sh}
        """,
        source=_SPEC,
    ),
    Rule(
        "job-body",
        room="spec",
        severity="error",
        what="The first line of a job's body names a program other than sh or bash, or the body has a NUL character.",
        why="The body becomes a part of efakit's script, and bash runs that script.",
        wrong="""
            jobs:
              - {name: train, template: body, body: train.py}  # its first line is #!/usr/bin/env python3
        """,
        right="""
            jobs:
              - {name: train, template: body, body: train.sh}  # which runs python3 train.py
        """,
        source=_SPEC,
    ),
    Rule(
        "job-directive",
        room="spec",
        severity="error",
        what="A job's setup or body has an #SBATCH line.",
        why="Slurm reads #SBATCH lines only before the first command of a script. setup and body come after it.",
        wrong="""
            jobs:
              - name: train
                template: torchrun
                script: train.py
                setup: |
                  #SBATCH --time=1:00:00
                  source venv/bin/activate
        """,
        right="""
            jobs:
              - name: train
                template: torchrun
                script: train.py
                time: "1:00:00"
                setup: source venv/bin/activate
        """,
        source=_SBATCH,
    ),
    Rule(
        "option-decided",
        room="spec",
        severity="error",
        what="A job's slurm section has an option that efakit decides.",
        why="The script depends on efakit's values for nodes, ranks, GPUs and the environment. The message says what "
        "to write instead.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, slurm: {nodes: 2}}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, nodes: 2}
        """,
        source=_SBATCH,
    ),
    Rule(
        "job-mixed-nodes",
        room="spec",
        severity="error",
        what="A job's queue has nodes that differ in GPUs, Neuron devices or CPUs.",
        why="efakit calculates the ranks on a node for one kind of node, and Slurm could give the job another kind.",
        wrong="""
            cluster:
              queues:
                - compute_resources:
                    - {name: p5, instance: p5.48xlarge, nodes: 4}
                    - {name: g6e, instance: g6e.48xlarge, nodes: 4, smt: false}
        """,
        right="""
            cluster:
              queues:
                - compute_resources:
                    - {name: p5, instance: p5.48xlarge, nodes: 4}
        """,
        source=_SPEC,
    ),
    Rule(
        "job-pair",
        room="spec",
        severity="error",
        what="A benchmark of the OSU suite that measures one pair of ranks does not have two ranks.",
        why="osu_latency, osu_bw and similar benchmarks end with an error unless there are two ranks.",
        wrong="""
            jobs:
              - {name: latency, template: osu, program: /opt/osu/osu_latency, nodes: 4}
        """,
        right="""
            jobs:
              - {name: latency, template: osu, program: /opt/osu/osu_latency, nodes: 2}
        """,
        source="https://mvapich.cse.ohio-state.edu/benchmarks/",
    ),
    Rule(
        "job-template-unfit",
        room="spec",
        severity="error",
        what="A job's template needs GPUs, Neuron devices or x86_64, and the nodes of its queue do not have them.",
        why="The job would fail at start.",
        wrong="""
            jobs:
              - {name: train, template: neuron, script: train.py}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py}
        """,
        source=_SPEC,
    ),
    Rule(
        "job-node-too-small",
        room="spec",
        severity="error",
        what="A job has more ranks, or uses more CPUs, than a node of its queue has CPUs or NeuronCores.",
        why="Slurm refuses such a job or keeps it pending forever.",
        wrong="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, ranks_per_node: 200}
        """,
        right="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, ranks_per_node: 192}
        """,
        source=_SBATCH,
    ),
    Rule(
        "job-variable",
        room="spec",
        severity="error",
        what="A job's env sets a read-only variable of bash, or a variable that efakit's script uses.",
        why="Bash refuses to set a read-only variable, and efakit's script uses its own variables for other values.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, env: {port: "29500"}}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, env: {MY_PORT: "29500"}}
        """,
        source=_BASH,
    ),
    Rule(
        "launcher-arguments",
        room="spec",
        severity="error",
        what="A job gives arguments to a launcher that does not start its ranks.",
        why="srun_args are for srun; launcher_args are for mpirun, torchrun and similar launchers. Another launcher "
        "would ignore them or read them differently.",
        wrong="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, mpi: mpirun, srun_args: [--label]}
        """,
        right="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, mpi: mpirun, launcher_args: [--tag-output]}
        """,
        source=_SPEC,
    ),
    Rule(
        "intelmpi-start",
        room="spec",
        severity="error",
        what="A job of the template intelmpi has mpi: pmix or mpi: none.",
        why="Intel MPI's ranks find each other through PMI-2 or Intel MPI's own launcher. Otherwise each rank runs "
        "alone.",
        wrong="""
            jobs:
              - {name: solve, template: intelmpi, program: ./solver, mpi: pmix}
        """,
        right="""
            jobs:
              - {name: solve, template: intelmpi, program: ./solver, mpi: pmi2}
        """,
        source="https://slurm.schedmd.com/mpi_guide.html#intel_mpi",
    ),
    Rule(
        "exporter-open",
        room="spec",
        severity="error",
        what="The exporter listens where other machines reach it, and not all of its three files for TLS are named.",
        why="Everybody who reaches the node could read which users run which jobs there. The exporter refuses to start "
        "so. Prometheus shows a certificate that exporter_client_ca has signed.",
        wrong="""
            hooks: {exporter: true, exporter_listen: "0.0.0.0:9764"}
        """,
        right="""
            hooks:
              exporter: true
              exporter_listen: "0.0.0.0:9764"
              exporter_cert: /etc/efakit/node.pem
              exporter_key: /etc/efakit/node.key
              exporter_client_ca: /etc/efakit/ca.pem
        """,
        source="docs/metrics.md",
    ),
    Rule(
        "signal-mpirun",
        room="spec",
        severity="error",
        what="mpirun starts the ranks of a job, and the job has a signal before its time limit.",
        why="Slurm sends the signal to the processes that srun starts. Ranks that mpirun starts do not get it.",
        wrong="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, mpi: mpirun, signal: {seconds: 300}}
        """,
        right="""
            jobs:
              - {name: solve, template: openmpi, program: ./solver, mpi: pmix, time: "8:00:00", signal: {seconds: 300}}
        """,
        source=_SBATCH,
    ),
    Rule(
        "signal-time",
        room="spec",
        severity="error",
        what="A job's signal is due before the job starts, or with requeue each run would start again.",
        why="The seconds of the signal count back from the time limit, and Slurm may send the signal a minute early. "
        "With requeue, a run that gets the signal is put back into the queue, also if it ends in its last seconds.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, time: "0:05:00", signal: {seconds: 600}}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, time: "1:00:00", signal: {seconds: 600}}
        """,
        source=_SBATCH,
    ),
    Rule(
        "watch-requeue",
        room="spec",
        severity="error",
        what="A job has watch: requeue, and the spec does not let Slurm requeue it.",
        why="The watch puts the job back into the queue where its ranks do not use EFA. Slurm refuses that for a job "
        "that may not be requeued, and without requeue: true nobody knows whether the job may.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, watch: requeue}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, watch: requeue, requeue: true}
        """,
        source=_SBATCH,
    ),
    Rule(
        "signal-no-time",
        room="spec",
        severity="warning",
        what="A job has a signal before its time limit, but no time limit.",
        why="Without its own limit a job has the limit of its partition, and by default a partition has none. Slurm "
        "then never sends the signal, and the program writes no checkpoint.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, signal: {seconds: 300}}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, time: "8:00:00", signal: {seconds: 300}}
        """,
        source="https://slurm.schedmd.com/slurm.conf.html#OPT_MaxTime",
    ),
    Rule(
        "pyxis-off",
        room="spec",
        severity="error",
        what="A job runs in a Pyxis container, and the spec does not enable Pyxis on the cluster.",
        why="ParallelCluster's images have Pyxis and Enroot since 3.11.0. Since 3.11.1 they are disabled: their "
        "settings are in /opt/parallelcluster/examples, which Slurm does not read, and srun ends with an unknown "
        "option. With hooks.bucket the rendered cluster enables them with a script of efakit. Without it, custom "
        "actions of the head node and of the queue must do it.",
        wrong="""
            jobs:
              - name: train
                template: torchrun
                script: train.py
                container: {runtime: pyxis, image: /shared/train.sqsh}
        """,
        right="""
            hooks: {bucket: "s3://my-bucket/efakit"}
            jobs:
              - name: train
                template: torchrun
                script: train.py
                container: {runtime: pyxis, image: /shared/train.sqsh}
        """,
        source="https://docs.aws.amazon.com/parallelcluster/latest/ug/"
        "tutorials_11_running-containerized-jobs-with-pyxis.html",
    ),
    Rule(
        "pyxis-mpirun",
        room="spec",
        severity="error",
        what="mpirun starts the ranks of a job in a Pyxis container.",
        why="Pyxis is a plugin of srun. Processes that mpirun starts run outside of the container.",
        wrong="""
            jobs:
              - name: solve
                template: openmpi
                program: ./solver
                mpi: mpirun
                container: {runtime: pyxis, image: /shared/solver.sqsh}
        """,
        right="""
            jobs:
              - name: solve
                template: openmpi
                program: ./solver
                mpi: pmix
                container: {runtime: pyxis, image: /shared/solver.sqsh}
        """,
        source=_PYXIS,
    ),
    Rule(
        "pyxis-option",
        room="spec",
        severity="error",
        what="A Pyxis container has an argument that is not an option of Pyxis.",
        why="srun gets the container's arguments. Options of Pyxis begin with --container- or --no-container-.",
        wrong="""
            jobs:
              - name: train
                template: torchrun
                script: train.py
                container: {runtime: pyxis, image: /shared/train.sqsh, args: [--writable]}
        """,
        right="""
            jobs:
              - name: train
                template: torchrun
                script: train.py
                container: {runtime: pyxis, image: /shared/train.sqsh, args: [--container-writable]}
        """,
        source=_PYXIS,
    ),
    *sagemaker.RULES,
    *slurm_platforms.RULES,
)
