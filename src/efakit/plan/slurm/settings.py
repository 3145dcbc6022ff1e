"""Decides what Slurm's configuration must have for the hooks: flags are added to the user's own, never taken away."""

from __future__ import annotations

from collections.abc import Mapping

from efakit.plan.decision import Decision

_FLAGS_OF_ALLOC = "https://slurm.schedmd.com/prolog_epilog.html"
_Value = str | int | float | bool


def with_prolog_flags(wanted: Mapping[str, _Value]) -> tuple[dict[str, _Value], Decision]:
    """Return the user's Slurm settings with the PrologFlags that the hooks need."""
    settings = {name: value for name, value in wanted.items() if name.lower() != "prologflags"}
    theirs = next((str(value) for name, value in wanted.items() if name.lower() == "prologflags"), "")
    flags = [flag.strip() for flag in theirs.split(",") if flag.strip()]
    if "alloc" not in [flag.lower() for flag in flags]:
        flags.insert(0, "Alloc")
    merged = ",".join(flags)
    settings["PrologFlags"] = merged
    reason = "without Alloc the prolog runs on a node only when a step starts there, and other nodes have no baseline"
    return settings, Decision("Slurm's PrologFlags", merged, reason, _FLAGS_OF_ALLOC, "prolog-flags")
