"""What each line of aws-ofi-nccl was released with, as rows: NCCL and libfabric, from its release notes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

NOTES = "https://github.com/aws/aws-ofi-nccl/blob/v1.21.1/RELEASENOTES.md"


class PluginLine(NamedTuple):
    """One line of aws-ofi-nccl.

    ``plugin`` is a pattern of its releases; ``tested_nccl`` what they were tested with. Its vendor supports nothing
    below ``least_nccl``, and with less than ``least_libfabric`` it is not built for EFA. ``tested_libfabric`` is the
    newest that it was tested with, which forbids no newer one.
    """

    plugin: str
    tested_nccl: tuple[str, ...]
    least_nccl: str
    least_libfabric: str
    tested_libfabric: str | None
    source: str = NOTES


PLUGIN_NCCL = (
    PluginLine(
        plugin="1.21.*",
        tested_nccl=("2.31.2",),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.6.0amzn1.0",
    ),
    PluginLine(
        plugin="1.20.*",
        tested_nccl=("2.28.9", "2.29.7", "2.30.4"),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.4.0amzn5.0",
    ),
    PluginLine(
        plugin="1.19.*",
        tested_nccl=("2.27.3", "2.28.7", "2.29.7"),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.5.0amzn1.0",
    ),
    PluginLine(
        plugin="1.18.*", tested_nccl=("2.29.2",), least_nccl="2.17.1", least_libfabric="1.22.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.17.*",
        tested_nccl=("2.28.3", "2.28.7"),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.3.1amzn1.0",
    ),
    PluginLine(
        plugin="1.16.*",
        tested_nccl=("2.27.5", "2.27.6", "2.27.7"),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.1.0amzn5.0",
    ),
    PluginLine(
        plugin="1.15.*",
        tested_nccl=("2.26.6",),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.1.0amzn3.0",
    ),
    PluginLine(
        plugin="1.14.*",
        tested_nccl=("2.26.2",),
        least_nccl="2.17.1",
        least_libfabric="1.22.0",
        tested_libfabric="2.1.0",
    ),
    PluginLine(
        plugin="1.13.*", tested_nccl=("2.23.4",), least_nccl="2.17.1", least_libfabric="1.22.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.12.*", tested_nccl=("2.23.4",), least_nccl="2.17.1", least_libfabric="1.18.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.11.*", tested_nccl=("2.22.3",), least_nccl="2.17.1", least_libfabric="1.18.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.10.*", tested_nccl=("2.21.5",), least_nccl="2.17.1", least_libfabric="1.18.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.9.*", tested_nccl=("2.21.5",), least_nccl="2.4.8", least_libfabric="1.18.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.8.*", tested_nccl=("2.19.4",), least_nccl="2.4.8", least_libfabric="1.18.0", tested_libfabric=None
    ),
    PluginLine(
        plugin="1.7.*",
        tested_nccl=("2.18.1", "2.19.3"),
        least_nccl="2.4.8",
        least_libfabric="1.11.0",
        tested_libfabric=None,
    ),
)


def plugin_line(plugin: str) -> PluginLine | None:
    """Return the row of a release of aws-ofi-nccl, None where there is none."""
    return next((row for row in PLUGIN_NCCL if fnmatchcase(plugin, row.plugin)), None)
