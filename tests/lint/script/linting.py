"""Lints text for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from efakit.catalog import instances
from efakit.finding import Finding
from efakit.lint.script import Surroundings, lint_script
from efakit.rules.releases import target_of
from efakit.rules.target import Target, any_supported

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


def found(
    text: str | bytes,
    *,
    file: str = "job.sbatch",
    target: Target | None = None,
    has_folder: Callable[[str], bool] | None = None,
    **given: str,
) -> list[Finding]:
    """Return the findings in a text, for any supported stack or for the one that ``given`` names."""
    data = text.encode() if isinstance(text, str) else text
    where = target or (target_of(**given) if given else any_supported())
    instance = instances.get(given["instance"]) if "instance" in given else None
    return lint_script(file, data, Surroundings(where, instance, has_folder))


def rules(text: str | bytes, **given: object) -> list[str]:
    """Return the rules that find something, in the order of the text."""
    return [finding.rule for finding in found(text, **given)]  # type: ignore[arg-type]


def job(body: str, *options: str) -> str:
    """Return an sbatch script of two whole nodes with a body."""
    lines = ["#!/bin/bash", "#SBATCH --nodes=2", "#SBATCH --exclusive", *(f"#SBATCH {option}" for option in options)]
    return "\n".join([*lines, body, ""])
