"""Target eks: eksctl's config, launch templates, values of charts, a manifest for each job, and the commands."""

from __future__ import annotations

from efakit.emit.eks.cluster import cluster_config, group_config
from efakit.emit.eks.launch_template import launch_template
from efakit.emit.eks.manifests import manifest
from efakit.emit.eks.readme import readme
from efakit.emit.eks.values import values_files
from efakit.emit.registry import File, target
from efakit.plan.eks import EksPlan
from efakit.plan.plan import Plan


@target("eks")
def emit_eks(plan: Plan) -> list[File]:
    """Return the files below eks/."""
    section = plan.section(EksPlan)
    if section is None:
        return []
    texts = {"cluster.yaml": cluster_config(section)}
    for group in section.groups:
        if group.launch_template:
            texts[f"{group.name}.launch-template.yaml"] = launch_template(section, group)
            texts[f"{group.name}.nodegroup.yaml"] = group_config(section, group)
    texts.update(values_files(section))
    for pods in section.jobs:
        texts[f"{pods.name}.job.yaml"] = manifest(section, pods)
    texts["README.md"] = readme(section)
    return [File(f"eks/{name}", text.encode()) for name, text in texts.items()]
