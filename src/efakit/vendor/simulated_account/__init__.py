"""ParallelCluster's own judgement of a cluster config, with moto standing in for AWS.

What exists in the simulated account is a value (`SimulatedAccount`), and `account_for` reads it off a cluster config,
so that the account holds the very subnets, keys and reservations that the config names. Two judges work on it:
`MotoServer.dry_run` runs the real ``pcluster`` command line, `Judge.dry_run` the same validators in a process that
stays, for hundreds of configs. Nothing leaves the machine.

A pass never proves capacity, quota, IAM permission or that a zone offers the instance type.

Importing this package imports none of pcluster, moto and boto3.
"""

from __future__ import annotations

from efakit.vendor.simulated_account.answer import NEVER_PROVEN, DryRun
from efakit.vendor.simulated_account.assumptions import assumptions, not_simulated
from efakit.vendor.simulated_account.availability import installed_pcluster_version, why_unavailable
from efakit.vendor.simulated_account.contents import (
    FileSystem,
    Image,
    KeyPair,
    Reservation,
    ReservationGroup,
    SecurityGroup,
    SimulatedAccount,
    Subnet,
    Thing,
)
from efakit.vendor.simulated_account.from_config import account_for
from efakit.vendor.simulated_account.judge import Judge
from efakit.vendor.simulated_account.reading import config_in, strings_under
from efakit.vendor.simulated_account.reserved import assumed_types
from efakit.vendor.simulated_account.server import SUPPRESSED_VALIDATORS, MotoServer

__all__ = [
    "NEVER_PROVEN",
    "SUPPRESSED_VALIDATORS",
    "DryRun",
    "FileSystem",
    "Image",
    "Judge",
    "KeyPair",
    "MotoServer",
    "Reservation",
    "ReservationGroup",
    "SecurityGroup",
    "SimulatedAccount",
    "Subnet",
    "Thing",
    "account_for",
    "assumed_types",
    "assumptions",
    "config_in",
    "installed_pcluster_version",
    "not_simulated",
    "strings_under",
    "why_unavailable",
]
