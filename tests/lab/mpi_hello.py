#!/usr/bin/env python3
"""An MPI program without a compiler: Open MPI's C library through ctypes. Each rank says who it is, and sums."""

from __future__ import annotations

import ctypes
import json
import os
import socket


def main() -> None:
    """Sum the ranks' numbers over MPI, and print one line of JSON."""
    mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)
    world = _handle(mpi, "ompi_mpi_comm_world")
    mpi.MPI_Init(None, None)
    rank, size, mine, total = (ctypes.c_int() for _ in range(4))
    mpi.MPI_Comm_rank(world, ctypes.byref(rank))
    mpi.MPI_Comm_size(world, ctypes.byref(size))
    mine.value = rank.value + 1
    kinds = (_handle(mpi, "ompi_mpi_int"), _handle(mpi, "ompi_mpi_op_sum"))
    mpi.MPI_Allreduce(ctypes.byref(mine), ctypes.byref(total), 1, *kinds, world)
    says = {
        "rank": rank.value,
        "size": size.value,
        "sum": total.value,
        "host": socket.gethostname(),
        "launcher": _launcher(),
        "greeting": os.environ["GREETING"],
    }
    os.write(1, f"{json.dumps(says)}\n".encode())  # at once, so that the ranks' lines stay whole
    mpi.MPI_Finalize()


def _launcher() -> str:
    """Return what started this rank, by a variable of Open MPI 4 or the name space of a newer one's mpirun."""
    namespace = os.environ.get("PMIX_NAMESPACE", "")
    return "mpirun" if "OMPI_MCA_orte_app_num" in os.environ or namespace.startswith("prterun") else "srun"


def _handle(mpi: ctypes.CDLL, symbol: str) -> ctypes.c_void_p:
    """Return the address of one of the library's predefined objects: what mpi.h's macros are."""
    return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, symbol)))


main()
