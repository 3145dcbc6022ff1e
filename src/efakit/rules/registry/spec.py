"""Rules about specs alone; those that a spec shares with ParallelCluster's config stand with the config's."""

from __future__ import annotations

from efakit.rules.registry.row import Rule

_SPEC = "docs/spec.md"
_DSTACK = "https://dstack.ai/docs/concepts/tasks/"
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
        why="A spec is YAML 1.2: off is a word, and 1:30:00 is not a number. A duplicate key loses a value.",
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
        what="A key stands where specs of an older efakit had it.",
        why="cluster holds what every platform needs to know; what only one platform knows stands in its own section. "
        "The message has the key's place of now.",
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
        why="Nothing would read the key.",
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
        what="dstack.jobs names a job that is not there, or that dstack cannot run.",
        why="dstack starts one script a node: torchrun, accelerate and mpirun start ranks from there, and Slurm's srun "
        "is not there. Its own image has EFA on some instance types only. Without dstack.jobs such a job is left out, "
        "and DECISIONS.md says why.",
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
        why="The queues of cluster are all there are. The message has the nearest name.",
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
        what="stack names a release of the EFA installer that is older or newer than all that efakit has rows of.",
        why="From the installer follow libfabric, the plugin and Open MPI, and from them a job's environment. A "
        "release between two rows is taken as the nearest earlier one.",
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
        what="The folder of templates, or the file of a job's body, is not there or cannot be read.",
        why="Both are read when the spec is rendered, as seen from the spec's folder.",
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
        what="The body of a job begins with another program than sh or bash, or has a NUL.",
        why="The body becomes a part of efakit's script, which bash runs.",
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
        why="Slurm reads #SBATCH lines only above a script's first command, and these stand below.",
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
        why="It would undo what the script rests on: nodes, ranks, GPUs, the environment. The message says what to "
        "write instead.",
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
        why="A job's ranks a node follow from one kind of node, and Slurm would choose among several.",
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
        what="A benchmark of the OSU suite that measures one pair of ranks has more or fewer ranks.",
        why="osu_latency, osu_bw and their like end with an error unless there are two ranks.",
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
        what="A job's template needs GPUs, Neuron devices or x86_64, and the nodes of its queue have none.",
        why="The job would end at its start.",
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
        what="A job asks for more GPUs, ranks or CPUs a node than a node of its queue has.",
        why="Slurm refuses such a job or keeps it pending for ever.",
        wrong="""
            jobs:
              - {name: train, template: torchrun, script: train.py, ranks_per_node: 16}
        """,
        right="""
            jobs:
              - {name: train, template: torchrun, script: train.py, ranks_per_node: 8}
        """,
        source=_SBATCH,
    ),
    Rule(
        "job-variable",
        room="spec",
        severity="error",
        what="A job's env sets a variable that bash does not let a script set, or one of efakit's script.",
        why="Bash refuses to set a read-only variable, and efakit's script needs its own for other values.",
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
        why="srun_args are for srun, launcher_args for mpirun, torchrun and the like. The others would read them as "
        "nothing or as something else.",
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
        what="A job of the template intelmpi is started by PMIx or by nothing.",
        why="Intel MPI's ranks find each other through PMI-2 or its own launcher; otherwise each is alone.",
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
        "signal-mpirun",
        room="spec",
        severity="error",
        what="A job whose ranks mpirun starts asks for a signal ahead of its time limit.",
        why="Slurm signals what srun starts; mpirun's ranks would not see it.",
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
        what="A job's signal comes before the job begins, or its requeue starts each run anew.",
        why="The seconds of the signal count back from the time limit, and Slurm may send it a minute early. With "
        "requeue, a run that gets the signal is put back into the queue, also one that ends in its last seconds.",
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
        "signal-no-time",
        room="spec",
        severity="warning",
        what="A job asks for a signal ahead of its time limit and has no time.",
        why="Without a limit of its own a job has its partition's, and a partition has none by default: then Slurm "
        "never sends the signal, and the program writes no checkpoint.",
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
        what="A job runs in a pyxis container, and nothing in the spec switches Pyxis on in the cluster.",
        why="ParallelCluster's images hold Pyxis and Enroot from 3.11.0 on, and from 3.11.1 on they are switched off: "
        "the settings of both lie in /opt/parallelcluster/examples, where nothing reads them, and srun ends with an "
        "unknown option. With hooks.bucket the rendered cluster switches them on by a script of efakit's; without, "
        "custom actions of the head node and of the queue have to do it.",
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
        what="A job in a pyxis container has its ranks started by mpirun.",
        why="pyxis is a plugin of srun: what mpirun starts is outside of the container.",
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
        what="A pyxis container has an argument that is not an option of pyxis.",
        why="The container's arguments go to srun; pyxis' options begin with --container- or --no-container-.",
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
)
