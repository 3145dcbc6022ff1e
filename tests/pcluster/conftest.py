"""The two judges, each started once in a test process; every one skips with the reason where it cannot run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from efakit.vendor.simulated_account import Judge, MotoServer, why_unavailable
from tests.pcluster.simulated import Account, standard_account


@pytest.fixture(scope="session")
def account() -> Account:
    return standard_account()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    _skip_without(node=False)
    with Judge() as running:
        yield running


@pytest.fixture(scope="session")
def synthesising_judge(judge: Judge) -> Judge:
    _skip_without(node=True)
    return judge


@pytest.fixture(scope="session")
def moto_server(account: Account) -> Iterator[MotoServer]:
    _skip_without(node=True)
    with MotoServer(account.simulated) as running:
        yield running


def _skip_without(*, node: bool) -> None:
    reason = why_unavailable(node=node)
    if reason is not None:
        pytest.skip(f"ParallelCluster cannot judge here: {reason}")
