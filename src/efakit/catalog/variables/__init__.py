"""Environment variables as rows: what each does to an EFA job, on what stack, on which instance, and why.

A row speaks of one variable, or of a family by a pattern (``NCCL_OFI_*``), and holds within its bounds: ``since`` is
the first release for which it holds and ``until`` the first for which it holds no more, for each component of
``COMPONENTS``. Three of the components are no software but counts of the job. What reads the rows: the renderer,
``efakit explain``, ``efakit lint`` and the task prolog, all through ``efakit.rules.environment``.

``row`` says what a row is; the rows themselves stand by workload: ``nccl``, ``libfabric``, ``mpi`` and
``neuron``, those of network interfaces in ``interfaces``.
``efakit.catalog.variable_names`` lists every name that exists.
"""

from __future__ import annotations

from efakit.catalog.variables.row import COMPONENTS, EFFECTS, WORKLOADS, VariableRule

__all__ = ["COMPONENTS", "EFFECTS", "WORKLOADS", "VariableRule", "rows"]


def rows() -> tuple[VariableRule, ...]:
    """Return every row; loads the files of rows on the first call."""
    global _ROWS
    if not _ROWS:
        from efakit.catalog.variables import interfaces, libfabric, mpi, nccl, neuron

        _ROWS = nccl.ROWS + interfaces.ROWS + libfabric.ROWS + mpi.ROWS + neuron.ROWS
    return _ROWS


_ROWS: tuple[VariableRule, ...] = ()
