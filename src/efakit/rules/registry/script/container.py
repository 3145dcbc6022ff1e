"""Rules for scripts: what a container's image overrides, and what it may not have."""

from __future__ import annotations

from efakit.rules.registry.row import Rule
from efakit.rules.registry.script import sources

RULES = (
    Rule(
        "container-env-missing",
        room="script",
        severity="info",
        what="A job in a Pyxis container sets network variables, and --container-env does not name them.",
        why="A variable that the image sets keeps the image's value, also if the job exports it, unless "
        "--container-env names it. Images from NGC and AWS set some of these variables, such as NCCL_NET_PLUGIN.",
        wrong="""
            export NCCL_DEBUG=INFO
            srun --container-image=my.sqsh ./app
        """,
        right="""
            export NCCL_DEBUG=INFO
            srun --container-image=my.sqsh --container-env=NCCL_DEBUG ./app
        """,
        source=sources.PYXIS,
    ),
    Rule(
        "container-path-of-host",
        room="script",
        severity="info",
        what="A job in a container names a file of the host in NCCL_NET_PLUGIN, NCCL_TUNER_PLUGIN or LD_PRELOAD, and "
        "does not mount its folder.",
        why="The path is looked up in the image. If the image does not have the file, NCCL uses another plugin or "
        "none, and the loader prints one line.",
        wrong="""
            export NCCL_NET_PLUGIN=/opt/amazon/ofi-nccl/lib/libnccl-net.so
            srun --container-image=my.sqsh --container-env=NCCL_NET_PLUGIN ./app
        """,
        right="srun --container-image=my.sqsh ./app",
        source=sources.NCCL_PLUGIN,
    ),
    Rule(
        "container-without-devices",
        room="script",
        severity="warning",
        what="docker run starts ranks of several nodes, or a program that uses EFA, without EFA's devices.",
        why="Docker and Podman give a container no /dev/infiniband unless an option names it. There "
        "fi_info -p efa finds no data, and NCCL uses TCP or ends. Pyxis and Apptainer mount the devices themselves.",
        wrong="""
            #SBATCH --nodes=2
            srun docker run --gpus all --net=host my-image /opt/nccl-tests/build/all_reduce_perf -b 8 -e 4G
        """,
        right="""
            #SBATCH --nodes=2
            srun docker run --gpus all --net=host --device=/dev/infiniband --ulimit memlock=-1:-1 my-image \\
                /opt/nccl-tests/build/all_reduce_perf -b 8 -e 4G
        """,
        source="https://github.com/aws/aws-ofi-nccl/issues/1020",
    ),
    Rule(
        "preload-plugin",
        room="script dockerfile",
        severity="warning",
        what="LD_PRELOAD names aws-ofi-nccl, which NCCL loads itself.",
        why="Every program of the job then loads the plugin and libfabric, also programs without NCCL. NCCL finds "
        "the plugin by its name or through NCCL_NET_PLUGIN.",
        wrong="""
            export LD_PRELOAD=/opt/amazon/ofi-nccl/lib/libnccl-net.so
            srun ./app
        """,
        right="""
            export LD_LIBRARY_PATH=/opt/amazon/ofi-nccl/lib:$LD_LIBRARY_PATH
            srun ./app
        """,
        source=sources.NCCL_PLUGIN,
    ),
)
