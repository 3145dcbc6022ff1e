"""Layouts: where a Slurm cluster keeps hooks and settings, by who made the cluster. One row each.

The installer carries the rows (``installer_rows``), ``efakit hooks install --layout`` offers their names, and plans
read them. ``unverified`` says what no public source states: nobody acts on it.
"""

from __future__ import annotations

from dataclasses import dataclass

FOLDERS, FILE = "folders", "file"
"""The two forms: Slurm's Prolog names all files of a folder (a glob), or one file."""

_CONFIGLESS = "https://slurm.schedmd.com/configless_slurm.html"
_SLURM_CONF = "https://slurm.schedmd.com/slurm.conf.html"
_PCLUSTER = "https://docs.aws.amazon.com/parallelcluster/latest/ug/slurm-prolog-epilog-v3.html"
PCS_SETTINGS = "https://docs.aws.amazon.com/pcs/latest/userguide/slurm-custom-settings-cluster.html"
PCS_LIFECYCLE = "https://docs.aws.amazon.com/pcs/latest/APIReference/API_NodeLifecycleScript.html"
HYPERPOD_SLURM = "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ClusterOrchestratorSlurmConfig.html"
HYPERPOD_FOLDERS = (
    "https://github.com/awslabs/awsome-distributed-ai/blob/95b939cdc5b24ded03a70da21533964f9354b731/"
    "1.architectures/5.sagemaker-hyperpod/Extensions/observability/README.md"
)
HYPERPOD_SAMPLE = (
    "https://github.com/awslabs/awsome-distributed-ai/blob/95b939cdc5b24ded03a70da21533964f9354b731/"
    "1.architectures/5.sagemaker-hyperpod/LifecycleScripts/base-config/start_slurm.sh"
)

SHIPPED_SINCE = "23.11"
"""From here on the controller of a configless cluster sends Prolog and Epilog to its nodes, where they are bare names
beside slurm.conf (SchedMD/slurm, ``src/common/fetch_config.c``, tags slurm-23-02-7-1 and slurm-23-11-0-1)."""
SEVERAL_SINCE = "24.05"
"""From here on Prolog and Epilog may be given several times (``src/common/read_config.c``)."""


@dataclass(frozen=True)
class Layout:
    """One layout."""

    name: str
    title: str
    form: str
    """``folders`` or ``file``."""
    scripts_dir: str
    """The folder that holds prolog.d and epilog.d, where the form is ``folders``."""
    home: str
    """The folder of the hook itself."""
    on_each_node: bool
    """Whether the installer runs on each node; else once, on storage that all nodes see."""
    makes_folders: bool
    """Whether the installer makes prolog.d and epilog.d: nobody else does there."""
    mark: str
    """A file or folder by which a machine of such a cluster is known; empty: there is none."""
    settings_in: str
    """Where Slurm's settings are made."""
    takes_effect: str
    """What makes a changed setting count, and who does it."""
    source: str
    settings: frozenset[str] | None = None
    """Settings of Slurm's that surely can be made, in lower case; None: all of them."""
    refused: frozenset[str] = frozenset()
    """Settings that surely cannot be made. Of others nothing is known."""
    partitions: tuple[str, ...] = ()
    """Partitions that belong to the platform: nothing of ours changes their nodes' state."""
    reservations: tuple[str, ...] = ()
    """Reservations likewise."""
    unverified: tuple[str, ...] = ()

    def allows(self, setting: str) -> bool:
        """Say whether a setting of Slurm's surely can be made there."""
        return self.settings is None or setting.lower() in self.settings


# As the guide's page has them, as far as hooks are concerned.
_PCS_ALLOWED = frozenset(
    (
        *("prolog", "epilog", "prologflags", "taskprolog", "taskepilog", "clifilterplugins"),
        *("healthcheckprogram", "healthcheckinterval", "healthchecknodestate"),
    )
)

# Not on that page.
_PCS_REFUSED = frozenset(
    (
        *("prologtimeout", "epilogtimeout", "prologepilogtimeout", "prologslurmctld", "epilogslurmctld"),
        *("jobsubmitplugins", "slurmctldparameters"),
    )
)

LAYOUTS = (
    Layout(
        "parallelcluster",
        "AWS ParallelCluster",
        FOLDERS,
        "/opt/slurm/etc/scripts",
        "/opt/slurm/etc/efakit",
        on_each_node=False,
        makes_folders=False,
        mark="/etc/parallelcluster/cfnconfig",
        settings_in="CustomSlurmSettings of the cluster's configuration",
        takes_effect="an update of the cluster (pcluster update-cluster)",
        source=_PCLUSTER,
    ),
    Layout(
        "pcs",
        "AWS PCS",
        FOLDERS,
        "/opt/efakit",
        "/opt/efakit",
        on_each_node=True,
        makes_folders=True,
        mark="/etc/aws/pcs",
        settings_in="the cluster's custom Slurm settings (SlurmCustomSettings)",
        takes_effect="an update of the cluster (aws pcs update-cluster): nobody has a shell on the controller",
        source=PCS_SETTINGS,
        settings=_PCS_ALLOWED,
        refused=_PCS_REFUSED,
        unverified=("whether slurmd on a node rereads Prolog at such an update without a restart",),
    ),
    Layout(
        "hyperpod",
        "SageMaker HyperPod with Slurm",
        FOLDERS,
        "/opt/slurm/etc",
        "/opt/efakit",
        on_each_node=True,
        makes_folders=False,
        mark="/opt/ml/config/resource_config.json",
        settings_in="/opt/slurm/etc/slurm.conf on the controller",
        takes_effect="'scontrol reconfigure' on the controller: nodes are configless and get slurm.conf from there",
        source=HYPERPOD_FOLDERS,
        partitions=("hyperpod-system-maintenance",),
        reservations=("hyperpod-deep-health-check",),
        unverified=(
            "whether a changed slurm.conf counts as drift where SlurmConfigStrategy is Managed",
            "which images have prolog.d and epilog.d in /opt/slurm/etc, and name them in slurm.conf",
        ),
    ),
    Layout(
        "plain",
        "a Slurm cluster with folders",
        FOLDERS,
        "/opt/slurm/etc/scripts",
        "/opt/slurm/etc/efakit",
        on_each_node=False,
        makes_folders=False,
        mark="",
        settings_in="slurm.conf",
        takes_effect="'scontrol reconfigure'",
        source=_SLURM_CONF,
    ),
    Layout(
        "single-file",
        "a Slurm cluster whose Prolog is one file",
        FILE,
        "",
        "/opt/slurm/etc/efakit",
        on_each_node=False,
        makes_folders=False,
        mark="",
        settings_in="slurm.conf",
        takes_effect="'scontrol reconfigure'",
        source=_SLURM_CONF,
    ),
    Layout(
        "configless",
        "a configless Slurm cluster",
        FILE,
        "",
        "/opt/efakit",
        on_each_node=True,
        makes_folders=False,
        mark="",
        settings_in="the controller's slurm.conf",
        takes_effect="'scontrol reconfigure' on the controller",
        source=_CONFIGLESS,
    ),
)

DEFAULT = "plain"
"""Where nothing tells another one, or --scripts-dir says where the folders are."""


def layout(name: str) -> Layout:
    """Return a layout by its name; raise KeyError where there is none."""
    return {row.name: row for row in LAYOUTS}[name]


def installer_rows() -> str:
    """Return the rows as install-hooks.sh reads them: a line each, with | between the fields."""
    return "\n".join(
        "|".join(
            (
                *(row.name, row.form, row.scripts_dir, row.home),
                "node" if row.on_each_node else "shared",
                "makes" if row.makes_folders else "",
                *(row.mark, row.settings_in, row.takes_effect),
            )
        )
        for row in LAYOUTS
    )
