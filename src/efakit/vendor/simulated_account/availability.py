"""Whether the judges can run here, and what to install where they cannot."""

from __future__ import annotations

import shutil
from functools import cache
from importlib import metadata, util
from pathlib import Path

from efakit.errors import MissingExtra, UsageError

_INSTALL = "pip install 'efakit[pcluster]'"


def installed_pcluster_version() -> str | None:
    """The version of the aws-parallelcluster that is installed, or None.

    Asked of the package's metadata: any folder named ``pcluster`` on the path can be imported as a namespace.
    """
    return _installed("aws-parallelcluster")


@cache
def _installed(package: str) -> str | None:
    """The version of a package; kept, since the whole of its metadata is read for it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def why_unavailable(*, node: bool) -> str | None:
    """What is missing for a dry run, with the way to get it, or None.

    ``node``: whether node.js is needed: the pcluster command line refuses to start without it, and CDK synthesis
    runs in it (https://docs.aws.amazon.com/parallelcluster/latest/ug/install-v3-virtual-environment.html); the
    validators alone do not need it.
    """
    if installed_pcluster_version() is None:
        return f"aws-parallelcluster is not installed: {_INSTALL}"
    for package in ("moto", "flask"):  # flask comes with moto[server]
        if _installed(package) is None:
            return f"{package} is not installed: {_INSTALL}"
    if node and shutil.which("node") is None:
        return "node.js is not on PATH, and pcluster needs it: install node.js (https://nodejs.org)"
    return None


def why_not_judged(region: str) -> str | None:
    """Why no config for ``region`` can be judged, or None.

    moto has no instance types for some regions that pcluster supports, those of GovCloud and China among them: every
    type would be refused. A region that pcluster does not know is pcluster's to refuse.
    """
    regions = _package_folder("pcluster") / "resources" / "supported-regions"
    types = _package_folder("moto") / "ec2" / "resources" / "instance_type_offerings" / "region"
    if region not in regions.read_text(encoding="utf-8").split() or list(types.glob(f"{region}.json*")):
        return None
    return f"moto knows no instance types of region {region}, so its configs cannot be judged without AWS"


def _package_folder(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = util.find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingExtra("pcluster", "judging a cluster config with ParallelCluster's own validators")
    return Path(spec.origin).parent


def require(*, node: bool) -> None:
    """Raise `MissingExtra` or `UsageError` where the judges cannot run here."""
    reason = why_unavailable(node=node)
    if reason is None:
        return
    if _INSTALL in reason:
        raise MissingExtra("pcluster", "judging a cluster config with ParallelCluster's own validators")
    raise UsageError(reason)


def require_region(region: str) -> None:
    """Raise `UsageError` where no config for ``region`` can be judged."""
    reason = why_not_judged(region)
    if reason is not None:
        raise UsageError(reason)
