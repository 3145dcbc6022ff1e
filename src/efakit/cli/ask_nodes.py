"""Asks other nodes through srun, by this release's hooks where the cluster has them (``doctor``, ``hooks status``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from efakit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from efakit.doctor.document import Document


def ask(
    names: Sequence[str], home: dict[str, Any] | None, options: Sequence[str], start_seconds: int
) -> tuple[list[Document], list[tuple[str, str]]]:
    """Return the documents of the nodes that answered, and of the others why they did not.

    ``home`` is the hooks' folder and version, as a collected cluster has them.
    """
    from efakit import __version__
    from efakit.doctor.ask import ask_nodes, installed_hooks, own_file
    from efakit.slurm.job import SourceError

    if home is None or home["version"] != __version__:
        from efakit.emit.hook_archive import hook_archive

        means = own_file(hook_archive(), f"{home['path']}/hook.json" if home else "")
    else:
        means = installed_hooks(home["path"])
    try:
        return ask_nodes(names, means, options=options, start_seconds=start_seconds)
    except SourceError as error:
        raise UsageError(f"--node: {error}") from error
