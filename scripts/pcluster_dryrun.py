"""Let the real pcluster judge a cluster.yaml without an AWS account: the account that the config names is simulated."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from efakit.errors import EfakitError
from efakit.vendor.simulated_account import (
    NEVER_PROVEN,
    SUPPRESSED_VALIDATORS,
    DryRun,
    MotoServer,
    account_for,
    assumptions,
    config_in,
    installed_pcluster_version,
    not_simulated,
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cluster_yaml", type=Path)
    parser.add_argument("--region", default="us-east-1", help="where the config has none (default: %(default)s)")
    parser.add_argument(
        "--zone",
        action="append",
        default=[],
        metavar="SUBNET=ZONE",
        help="the zone of a subnet (default: one for all, except that those of one queue lie in one each)",
    )
    options = parser.parse_args(arguments)
    zones = dict(pair.split("=", 1) for pair in options.zone if "=" in pair)
    if len(zones) != len(options.zone):
        parser.error("--zone reads SUBNET=ZONE, and names a subnet once")
    try:
        return judge(options.cluster_yaml, options.region, zones)
    except (EfakitError, OSError) as error:
        print(f"pcluster_dryrun: {error}", file=sys.stderr)
        return 2


def judge(path: Path, region: str, zones: dict[str, str]) -> int:
    """Print what pcluster says of the config and what it rests on; 0 for a pass, 1 for a refusal."""
    config = config_in(path.read_text(encoding="utf-8"))
    account = account_for(config, region=region, zones=zones)
    with MotoServer(account) as server:
        answer = server.dry_run(path)
    print(f"pcluster {installed_pcluster_version()} create-cluster --dryrun true, on a simulated AWS account in which:")
    for line in assumptions(account):
        print(f"  {line}")
    print(f"\n{path}: {'accepted' if answer.accepted else 'REFUSED'}")
    show_findings(answer)
    for line in not_simulated(config):
        print(f"\nNot simulated: {line}. An error that names it says nothing about the config.")
    not_run = " and ".join(name.removeprefix("type:") for name in SUPPRESSED_VALIDATORS)
    print(f"\n{NEVER_PROVEN}\nNot run: {not_run}, which start instances for a test.")
    return 0 if answer.accepted else 1


def show_findings(answer: DryRun) -> None:
    lines = [(item, item.message) for item in answer.findings]
    lines += [(item, "could not be judged: the simulation lacks a call of this validator") for item in answer.gaps]
    for item, words in lines:
        title = f"{item.severity} {item.rule}"
        print(textwrap.indent(textwrap.fill(f"{title}: {words}", width=110, subsequent_indent="  "), "  "))


if __name__ == "__main__":
    sys.exit(main())
