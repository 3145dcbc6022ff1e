"""Writes the golden files and the reference pages anew: ``python -m scripts.renew_golden``. Read the diff."""

from __future__ import annotations

from pathlib import Path

from efakit.emit.registry import applying, emit
from efakit.plan.make import make_plan
from efakit.spec.load import load_spec
from scripts.golden_jobs import golden_jobs
from scripts.golden_reports import golden_page, golden_reports
from scripts.outdated_advice import document as advice_page
from scripts.reference import architecture, cli_reference, spec_reference
from scripts.report_reference import report_page
from scripts.write_rules_docs import document as rules_page
from scripts.write_stricter import document as stricter_page

ROOT = Path(__file__).resolve().parents[1]


def golden_files() -> dict[Path, bytes]:
    """Return each golden file and what it must hold: configs beside their specs, their scripts, reference pages."""
    files = {}
    for spec in sorted((ROOT / "cluster-configs").glob("*.yaml")):
        if spec.name.endswith(".cluster.yaml"):
            continue
        plan = make_plan(load_spec(spec))
        if "parallelcluster" not in plan.sections:  # a folder of its own, with each target's
            # The hooks are the same for all clusters, and change with each change of theirs.
            names = tuple(name for name in applying(plan) if name != "hooks")
            files.update({spec.with_suffix("") / file.path: file.content for file in emit(plan, names)})
            continue
        files[spec.with_suffix(".cluster.yaml")] = emit(plan, ("parallelcluster",))[0].content
        for file in emit(plan, ("sbatch",)):
            files[ROOT / "tests/emit/golden" / spec.stem / Path(file.path).name] = file.content
        for file in emit(plan, ("container",)) if "container" in plan.sections else ():
            # The check is the same file in every image: one copy is enough to look at.
            if not file.path.endswith("verify-efa.sh") or spec.stem == "p5-container":
                files[ROOT / "tests/emit/golden" / spec.stem / file.path] = file.content
    for name, text in golden_jobs().items():
        files[ROOT / "tests/emit/golden/jobs" / name] = text.encode()
    for name, text in golden_reports().items():
        files[ROOT / "tests/report/golden" / name] = text.encode()
    files[ROOT / "tests/report/golden/mixed.html"] = golden_page().encode()
    files[ROOT / "docs/cli.md"] = cli_reference().encode()
    files[ROOT / "docs/spec.md"] = spec_reference().encode()
    files[ROOT / "docs/rules.md"] = rules_page().encode()
    files[ROOT / "docs/outdated-advice.md"] = advice_page().encode()
    files[ROOT / "docs/stricter.md"] = stricter_page().encode()
    files[ROOT / "docs/report.md"] = report_page().encode()
    files[ROOT / "docs/architecture.md"] = architecture().encode()
    return files


if __name__ == "__main__":
    for path, content in golden_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
            print(f"renewed {path.relative_to(ROOT)}")
