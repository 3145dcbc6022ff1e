"""The text of slurm.conf, gres.conf, cgroup.conf and the hosts file of a lab. Pure."""

from __future__ import annotations

from .labspec import HEAD_NAME, LabSpec, head_address, node_address

DATABASE = "efakit_acct"


def slurm_settings(spec: LabSpec, slot: int) -> dict[str, str]:
    """The global settings: ParallelCluster's where a job or a hook can notice them, else what a small machine needs."""
    settings: dict[str, str | None] = {
        "ClusterName": f"efakitlab{slot}",
        "SlurmctldHost": f"{HEAD_NAME}({head_address(slot)})",
        "AuthType": "auth/munge",
        "CryptoType": "crypto/munge",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "StateSaveLocation": str(spec.ctld_state_dir),
        # Each host has a /run of its own. Below a long work directory slurmstepd's socket would not get its name: 107
        # characters are all that the address of a Unix socket holds.
        "SlurmdSpoolDir": "/run/slurmd",
        "SlurmctldPidFile": "/run/slurmctld.pid",
        "SlurmdPidFile": "/run/slurmd.pid",
        "SlurmctldLogFile": f"{spec.log_dir}/slurmctld.log",
        "SlurmdLogFile": f"{spec.log_dir}/slurmd.%n.log",
        # As shipped by ParallelCluster (aws-parallelcluster-cookbook, slurm.conf.erb).
        "Prolog": f"{spec.scripts_dir}/prolog.d/*",
        "Epilog": f"{spec.scripts_dir}/epilog.d/*",
        "MessageTimeout": "60",
        "BatchStartTimeout": "180",
        "UnkillableStepTimeout": "180",
        "GresTypes": "gpu",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU",
        # efakit asks for this one itself: the prolog runs on every node when the job is allocated.
        "PrologFlags": "Alloc",
        "MpiDefault": "none",
        "JobRequeue": "1",
        "MinJobAge": "3600",  # squeue --states=all still shows finished jobs
        "JobAcctGatherType": "jobacct_gather/none",
        # The first as ParallelCluster; the others because a job otherwise starts up to 3 s after its submission, and
        # up to 60 s after its requeue.
        "SchedulerParameters": "nohold_on_prolog_fail,batch_sched_delay=0,sched_interval=1",
        # A requeued job starts when its old credential has expired, after 121 s by default (slurm 22.05.8, job_mgr.c:
        # begin_time = now + cred_lifetime + 1). An earlier start by `scontrol update StartTime=now` is no substitute:
        # slurmd may then take the job for one it has seen and skip the prolog (slurm_cred.c, handle_reissue).
        "AuthInfo": "cred_expire=10",
        # Settings which let a small machine play large nodes, and need no cgroups.
        "SlurmdParameters": "config_overrides",
        "ProctrackType": "proctrack/pgid",
        "TaskPlugin": "task/none",
        "ReturnToService": "2",
        "KillWait": "5",
    }
    if spec.configless:
        settings["SlurmctldParameters"] = "enable_configless"
    if spec.accounting:
        settings["AccountingStorageType"] = "accounting_storage/slurmdbd"
        settings["AccountingStorageHost"] = HEAD_NAME
    settings.update(spec.slurm_settings)
    return {name: value for name, value in settings.items() if value is not None}


def slurm_conf(spec: LabSpec, slot: int) -> str:
    """The whole slurm.conf. A value of None in `spec.slurm_settings` leaves a setting out."""
    lines = [f"{name}={value}" for name, value in slurm_settings(spec, slot).items()]
    gres = f" Gres=gpu:{spec.gpus_per_node}" if spec.gpus_per_node else ""
    lines.append(
        f"NodeName=DEFAULT CPUs={spec.cpus} Sockets={spec.sockets} CoresPerSocket={spec.cpus // spec.sockets}"
        f" ThreadsPerCore=1 RealMemory={spec.real_memory_mib}{gres} State=UNKNOWN"
    )
    lines += [f"NodeName={name} NodeAddr={node_address(slot, index)}" for index, name in enumerate(spec.node_names)]
    # JobExclusiveAllocation in a ParallelCluster config becomes OverSubscribe=EXCLUSIVE.
    oversubscribe = "EXCLUSIVE" if spec.exclusive else "NO"
    lines.append(
        f"PartitionName={spec.partition} Nodes={','.join(spec.node_names)} Default=YES MaxTime=INFINITE"
        f" OverSubscribe={oversubscribe} State=UP"
    )
    return "\n".join(lines) + "\n"


def gres_conf(spec: LabSpec) -> str:
    """GPUs with stand-in device files.

    A mere Count does not do: slurmd 22.05 drops GPUs without a file and the node becomes INVAL (`src/common/gres.c`,
    "Removing file-less GPU"). With files, jobs and prologs get CUDA_VISIBLE_DEVICES as on real nodes.
    """
    if not spec.gpus_per_node:
        return ""
    numbers = "0" if spec.gpus_per_node == 1 else f"[0-{spec.gpus_per_node - 1}]"
    return f"NodeName={','.join(spec.node_names)} Name=gpu File={spec.gpu_dir}/nvidia{numbers}\n"


def cgroup_conf(slurm_release: tuple[int, int]) -> str:
    """No plugin of the lab uses a cgroup, but slurmd loads a cgroup plugin all the same.

    Before 23.02 there is no "disabled". "autodetect" refuses some mixtures, and cgroup/v2 wants systemd's D-Bus, while
    cgroup/v1 opens nothing until somebody asks for a controller (slurm 22.05.8, `src/plugins/cgroup/v1/cgroup_v1.c`,
    init): so it does on a machine with cgroup v2 as well.
    """
    return "CgroupPlugin=disabled\n" if slurm_release >= (23, 2) else "CgroupPlugin=cgroup/v1\n"


def slurmdbd_conf(spec: LabSpec, slot: int) -> str:
    """A database on this host is asked through MariaDB's usual socket, which the head node has in a /run of its own."""
    settings = {
        "DbdHost": HEAD_NAME,
        "DbdAddr": head_address(slot),
        "SlurmUser": "root",
        "AuthType": "auth/munge",
        "CommitDelay": "1",
        "LogFile": f"{spec.log_dir}/slurmdbd.log",
        "PidFile": "/run/slurmdbd.pid",
        "StorageType": "accounting_storage/mysql",
        "StorageHost": "localhost",
        "StorageUser": "root",
        "StorageLoc": DATABASE,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def mpi_conf() -> str:
    """Where `srun --mpi=pmix` keeps its sockets: by default in /tmp, which the lab's hosts share as nodes do not."""
    return "PMIxCliTmpDirBase=/dev/shm\n"


def hosts_file(spec: LabSpec, slot: int) -> str:
    """The lab's own /etc/hosts; the machine's stays as it is, so two labs may use the same node names."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"{head_address(slot)} {HEAD_NAME}"]
    lines += [f"{node_address(slot, index)} {name}" for index, name in enumerate(spec.node_names)]
    return "\n".join(lines) + "\n"


def with_shells(passwd: str) -> str:
    """The machine's /etc/passwd with a login shell, and a home that exists, for those who have none.

    For `sbatch --export=NAME=...` slurmd asks the user's login shell for its environment. Where that fails, releases
    after 22.05 hold the job ("user env retrieval failed requeued held").
    """
    lines = []
    for line in passwd.splitlines():
        fields = line.split(":")
        if fields[-1].endswith(("/nologin", "/false")):
            fields[-2:] = ["/", "/bin/sh"]
        lines.append(":".join(fields) + "\n")
    return "".join(lines)
