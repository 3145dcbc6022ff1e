"""ParallelCluster's validators in a process that stays: for hundreds of configs."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from efakit.vendor.pcluster_process import PclusterProcess
from efakit.vendor.simulated_account.answer import DryRun
from efakit.vendor.simulated_account.availability import require, require_region
from efakit.vendor.simulated_account.contents import SimulatedAccount
from efakit.vendor.simulated_account.from_config import account_for
from efakit.vendor.simulated_account.reading import config_in
from efakit.vendor.simulated_account.server import CLUSTER_NAME

_DRY_RUN_SECONDS = 120.0
_SYNTHESIS_SECONDS = 300.0


class Judge:
    """Judges configs from entering the context to leaving it; about a second for the first, then hundredths.

    ``process`` is one that was started before; it is killed with the judge, and who started it waits for its end.
    Without an account, a config is judged in the
    one that it names (`account_for`). Raises `MissingExtra` without the
    extra ``pcluster``, and `UsageError` for a region that moto lacks (`why_not_judged`).
    """

    def __init__(self, process: PclusterProcess | None = None) -> None:
        self._process = process
        self._given = process is not None
        self._synthesised = False

    def __enter__(self) -> Judge:
        require(node=False)
        self._process = self._process or PclusterProcess()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        # A synthesis has started node.js, with files of its own; nothing else is worth waiting for.
        if self._given and not self._synthesised:
            self._process.kill()
        else:
            self._process.end(at_once=not self._synthesised)

    def dry_run(
        self, config: str, account: SimulatedAccount | None = None, *, cluster_name: str = CLUSTER_NAME
    ) -> DryRun:
        """What pcluster's validators say of the text of a cluster config, as the command line would give it."""
        answer = self._ask("dry_run", config, account, cluster_name, _DRY_RUN_SECONDS)
        return DryRun.from_answer(answer)

    def synthesise(
        self, config: str, account: SimulatedAccount | None = None, *, cluster_name: str = CLUSTER_NAME
    ) -> list[dict[str, Any]]:
        """The launch templates that pcluster would create for a config that its validators accept.

        Each is CloudFormation's ``LaunchTemplateData``, with ``LaunchTemplateName`` beside it. Needs node.js; raises
        `ChildError` for a config that is refused.
        """
        require(node=True)
        self._synthesised = True
        answer = self._ask("synthesise", config, account, cluster_name, _SYNTHESIS_SECONDS)
        templates: list[dict[str, Any]] = answer["launch_templates"]
        return templates

    def _ask(
        self, operation: str, config: str, account: SimulatedAccount | None, name: str, seconds: float
    ) -> dict[str, Any]:
        if account is None:
            account = account_for(config_in(config))
        require_region(account.region)
        request = {"operation": operation, "config": config, "cluster_name": name, "account": account.to_json()}
        if self._process is None:
            raise AssertionError("the judge was asked outside its context")
        return self._process.ask(request, timeout_seconds=seconds)
