"""What differs between releases of Slurm, and is not a row elsewhere: measured on 22.05.8, 24.11.5, 25.11.7
and 26.05.5."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

Release = tuple[int, int]

# sinfo's word for a node's state -> that of other releases for the same: newer ones call an idle node planned, from one
# round of the scheduler to the next.
WORDS = {"planned": "idle"}


def slurm_release() -> Release:
    """Slurm's year and month, such as (22, 5), by `slurmctld -V` ("slurm-wlm 22.05.8")."""
    text = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)\.(\d+)\.", text)
    if match is None:
        raise RuntimeError(f"slurmctld -V says {text!r}")
    return int(match[1]), int(match[2])


def why_no_pmix() -> str | None:
    """Why `srun --mpi=pmix` starts nothing here; None where it does."""
    built_by_hand = os.environ.get("EFAKIT_LAB_SLURM")  # scripts/lab-own-slurm.sh
    plugins = Path(built_by_hand, "lib").glob("slurm") if built_by_hand else Path("/usr/lib").glob("*/slurm*")
    if not any(list(folder.glob("mpi_pmix*.so")) for folder in plugins):
        return "this Slurm has no mpi/pmix plugin (Debian's of 26.05 has none)"
    if not list(Path("/usr/lib").glob("*/pmix2/lib/libpmix.so")):
        return "srun --mpi=pmix needs libpmix.so: apt-get install libpmix-dev"
    return None


def open_mpi() -> str:
    """The release of Open MPI, such as 5.0.7; empty where there is none."""
    try:
        text = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""
    match = re.search(r"Open MPI\) (\S+)", text)
    return match[1] if match else ""


def why_no_open_mpi() -> str | None:
    """Why no Open MPI program runs here; None where one does."""
    release = open_mpi()
    if not release:
        return "no Open MPI: apt-get install openmpi-bin"
    if "rc" in release:
        return f"Open MPI {release} is a candidate: its ranks on several hosts hang (Debian testing, November 2026)"
    return None


def tells_start_time(release: Release) -> bool:
    """Whether prolog and epilog are told the start of the run, which tells it from others of the same job id."""
    return release >= (23, 2)


# What prolog and epilog get, with PrologFlags=Alloc and without accounting, each with the first release that has it.
# "gpu": each job in an exclusive partition of nodes with GPUs; "asked": one that was submitted with --account,
# --comment, --ntasks, --error and --output.
_ALL, _23, _25, _26 = (0, 0), (23, 2), (25, 11), (26, 5)
_HOOK_VARIABLES: dict[str, dict[str, Release]] = {
    "always": {
        "SLURMD_NODENAME": _ALL,
        "SLURM_CLUSTER_NAME": _ALL,
        "SLURM_CONF": _ALL,
        "SLURM_JOBID": _ALL,
        "SLURM_JOB_CORE_SPEC_COUNT": _23,
        "SLURM_JOB_CORE_SPEC_TYPE": _23,
        "SLURM_JOB_CPUS_PER_NODE": _ALL,
        "SLURM_JOB_END_TIME": _23,
        "SLURM_JOB_EXCLUSIVE": _26,
        "SLURM_JOB_GID": _ALL,
        "SLURM_JOB_ID": _ALL,
        "SLURM_JOB_NODELIST": _23,
        "SLURM_JOB_NUM_NODES": _ALL,
        "SLURM_JOB_OVERSUBSCRIBE": _23,
        "SLURM_JOB_PARTITION": _ALL,
        "SLURM_JOB_RESTART_COUNT": _ALL,
        "SLURM_JOB_SLUID": _25,
        "SLURM_JOB_START_TIME": _23,
        "SLURM_JOB_STDIN": _ALL,
        "SLURM_JOB_STDOUT": _25,  # of a batch job, also where it asked for none
        "SLURM_JOB_UID": _ALL,
        "SLURM_JOB_USER": _ALL,
        "SLURM_JOB_WORK_DIR": _ALL,
        "SLURM_NODELIST": _ALL,
        "SLURM_SCRIPT_CONTEXT": _ALL,
        "SLURM_UID": _ALL,
    },
    "gpu": {
        "CUDA_VISIBLE_DEVICES": _ALL,
        "GPU_DEVICE_ORDINAL": _ALL,
        "ROCR_VISIBLE_DEVICES": _ALL,
        "SLURM_JOB_GPUS": _ALL,
        "ZE_AFFINITY_MASK": _ALL,
    },
    "epilog": {"SLURM_JOB_DERIVED_EC": _ALL, "SLURM_JOB_EXIT_CODE": _ALL, "SLURM_JOB_EXIT_CODE2": _ALL},
    "asked": {
        "SLURM_JOB_ACCOUNT": _ALL,
        "SLURM_JOB_COMMENT": _ALL,
        "SLURM_JOB_NTASKS": _ALL,
        "SLURM_JOB_STDERR": _ALL,
        "SLURM_JOB_STDOUT": _ALL,
    },
}


def hook_variables(release: Release, *kinds: str) -> set[str]:
    """The variables that prolog and epilog get, of these kinds and of those that are always there."""
    rows = [row for kind in ("always", *kinds) for row in _HOOK_VARIABLES[kind].items()]
    return {name for name, since in rows if release >= since}
