"""The Slurm cluster that jobs and hooks are for: one that a platform makes, or one that is up already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from efakit.catalog.layouts import DEFAULT
from efakit.plan.decision import Decision

INSTALLER = "install-hooks.sh"
PYXIS_SCRIPT = "enable-pyxis.sh"
EXPORTER_SCRIPT = "install-exporter.sh"
_INSTALL = "https://slurm.schedmd.com/prolog_epilog.html"
_Value = str | int | float | bool


@dataclass(frozen=True)
class Publication:
    """Where a script is published, such as the hooks' installer: ``address`` is s3://bucket/key."""

    bucket: str
    key: str

    @property
    def address(self) -> str:
        """The installer's address."""
        return f"s3://{self.bucket}/{self.key}"

    def beside(self, name: str) -> Publication:
        """Return where another file lies in the same folder."""
        folder, slash, _ = self.key.rpartition("/")
        return Publication(self.bucket, f"{folder}{slash}{name}")


@dataclass(frozen=True)
class SlurmSite:
    """What hooks depend on of a Slurm cluster. The texts are parts of a decision's reason."""

    installation: Callable[[Publication | None], Decision]
    """How the hooks get there, for the installer's address."""
    installs_itself: bool
    """Whether the cluster installs the hooks before its first job, where the installer has an address."""
    installed_late: str
    """Why the hooks may be missing when the first job starts."""
    how_to_set: Callable[[Mapping[str, _Value]], str]
    """What the user does to give settings of Slurm's their values."""
    writes_settings: bool
    """Whether efakit writes Slurm's settings, so that the user need not."""
    replaced_by: str
    """Who replaces an instance that Slurm drains; empty: nobody."""
    records_dir: str
    records_reason: str
    settings: Mapping[str, _Value] = field(default_factory=dict)
    """The Slurm settings that the user wrote into the spec."""
    pyxis_off: bool = False
    """Whether the platform's images hold Pyxis switched off; nodes then can switch it on by a script of ours."""
    brings_hooks: bool = False
    """Whether the cluster gets the installer without hooks.bucket, beside what the user uploads for it anyway."""
    fetches_exporter: str = ""
    """Who installs the exporter on the nodes where its installer has an address; empty: nobody."""
    brings_exporter: str = ""
    """Who installs it without an address, beside what the user uploads anyway; empty: nobody."""
    layout: str = DEFAULT
    """Where hooks and settings are: the name of a row of ``catalog/layouts.py``."""
    queues_with_limit: frozenset[str] = frozenset()
    """The queues whose jobs have a time limit without asking for one, as far as the spec says it."""


def plain_site() -> SlurmSite:
    """Return a Slurm cluster that is up already, of which nothing is known."""
    return SlurmSite(
        installation=_by_hand,
        installs_itself=False,
        installed_late="the hooks are not yet installed on the cluster",
        how_to_set=lambda wanted: f"set {' '.join(f'{name}={value}' for name, value in wanted.items())} in slurm.conf",
        writes_settings=False,
        replaced_by="",
        records_dir="/home/efakit/records",
        records_reason="most clusters share /home; hooks.records_dir names another folder that all nodes share",
    )


def _by_hand(publication: Publication | None) -> Decision:
    subject, run = "installation of the hooks", f"run 'sudo sh {INSTALLER}' on the head node once"
    if publication is None:
        reason = f"the cluster exists already; 'sh {INSTALLER} --help' shows how to use other folders"
        return Decision(subject, f"by hand: {run}", reason, _INSTALL)
    choice = f"by hand: fetch {publication.address} ('aws s3 cp'), and {run}"
    reason = "the cluster exists already; publish the installer first: efakit hooks publish"
    return Decision(subject, choice, reason, _INSTALL)
