"""The commands that mend what was found, as a script to read. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from efakit.doctor.judge import Told
from efakit.printable import printable

HEAD = """\
#!/bin/sh
# Written by 'efakit doctor --fix-script'. Nothing of it was run.
# Read it, keep what you want, and run each part on the node that it names. Some commands install software, restart
# slurmd or drain a node.
set -eu
"""


_GUARD = """
here() { [ "$(hostname -s)" = "$1" ] || [ "${SLURMD_NODENAME-}" = "$1" ]; }
"""


def fix_script(told: Sequence[Told]) -> str:
    """Return the script: findings as comments, their commands below them, each set of commands once a node.

    With several nodes, what is for a node runs on that node alone.
    """
    several = len({item.node for item in told if item.node}) > 1
    parts = [HEAD, _GUARD if several else ""]
    done: set[tuple[str, tuple[str, ...]]] = set()
    for item in told:
        finding = item.finding
        where = f"on {printable(item.node)}" if item.node else "on the head node"
        lines = ["", f"# {where}: {finding.severity} {finding.rule}: {printable(finding.message)}"]
        if finding.source:
            lines.append(f"# see {printable(finding.source)}")
        if not item.commands:
            lines.append(f"# by hand: {printable(finding.fix)}" if finding.fix else "# nothing to run")
        elif (item.node, item.commands) in done:
            lines.append("# mended by the same commands as above")
        else:
            done.add((item.node, item.commands))
            guarded = several and item.node
            lines += [f"if here {quote(item.node)}; then", *item.commands, "fi"] if guarded else item.commands
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)
