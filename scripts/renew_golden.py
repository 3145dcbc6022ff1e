"""Renders the golden files anew: ``python scripts/renew_golden.py``. Read the diff before you commit it."""

from __future__ import annotations

from pathlib import Path

from efakit.emit.registry import emit
from efakit.plan.plan import make_plan
from efakit.spec.load import load_spec

ROOT = Path(__file__).resolve().parents[1]


def golden_files() -> dict[Path, bytes]:
    """Return each golden file and what it must hold: the configs beside their specs, and the scripts of p5."""
    files = {}
    for spec in sorted((ROOT / "cluster-configs").glob("*.yaml")):
        if spec.name.endswith(".cluster.yaml"):
            continue
        plan = make_plan(load_spec(spec))
        files[spec.with_suffix(".cluster.yaml")] = emit(plan, ("parallelcluster",))[0].content
        for file in emit(plan, ("sbatch",)):
            files[ROOT / "tests/emit/golden" / spec.stem / Path(file.path).name] = file.content
    return files


if __name__ == "__main__":
    for path, content in golden_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print(f"renewed {path.relative_to(ROOT)}")
