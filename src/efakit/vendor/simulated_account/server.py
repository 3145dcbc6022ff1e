"""The real ``pcluster`` command line against a moto server on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from efakit.errors import UsageError
from efakit.vendor.child import Child
from efakit.vendor.isolated_environment import isolated_environment
from efakit.vendor.simulated_account.answer import DryRun
from efakit.vendor.simulated_account.availability import require, require_region
from efakit.vendor.simulated_account.contents import SimulatedAccount

# Both call RunInstances with 24 instance-store mappings and a root volume without a size, which moto refuses and EC2
# does not; where moto is loosened it answers DryRunOperation without having looked.
SUPPRESSED_VALIDATORS = (
    "type:HeadNodeLaunchTemplateValidator",
    "type:ComputeResourceLaunchTemplateValidator",
)

CLUSTER_NAME = "efakit"

_START_SECONDS = 60.0
_DRY_RUN_SECONDS = 180.0


class MotoServer:
    """A moto server on 127.0.0.1 that holds ``account``, from entering the context to leaving it.

    Raises `MissingExtra` without the extra ``pcluster``, `UsageError` without node.js or for a region that moto lacks.
    """

    def __init__(self, account: SimulatedAccount) -> None:
        self.account = account
        self.endpoint = ""

    def __enter__(self) -> MotoServer:
        require(node=True)
        require_region(self.account.region)
        self._folder = tempfile.TemporaryDirectory(prefix="efakit-moto-")
        self._home = Path(self._folder.name)
        self._child = Child("efakit.vendor.simulated_account.serve", isolated_environment(self._home), self._home)
        try:
            self.replace_account(self.account)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()
        self._folder.cleanup()

    def replace_account(self, account: SimulatedAccount) -> None:
        """Empty the server and let it hold ``account``."""
        require_region(account.region)
        answer = self._child.ask({"account": account.to_json()}, timeout_seconds=_START_SECONDS)
        self.account = account
        self.endpoint = str(answer["endpoint"])

    def dry_run(self, config_path: Path, *, cluster_name: str = CLUSTER_NAME) -> DryRun:
        """What ``pcluster create-cluster --dryrun true`` says of the config at ``config_path``.

        Two validators are suppressed (`SUPPRESSED_VALIDATORS`). Raises `UsageError` where pcluster gives no answer.
        """
        if not config_path.is_file():
            raise UsageError(f"there is no cluster config at {config_path}")
        command = [
            *(sys.executable, "-m", "pcluster.cli.entrypoint", "create-cluster"),
            *("--cluster-name", cluster_name, "--cluster-configuration", str(config_path.resolve())),
            *("--dryrun", "true", "--suppress-validators", *SUPPRESSED_VALIDATORS),
        ]
        try:
            finished = subprocess.run(
                command,
                env=isolated_environment(self._home, endpoint=self.endpoint),
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_DRY_RUN_SECONDS,
                check=False,  # 1 for a dry run that passes as well
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"pcluster gave no answer on {config_path} in {_DRY_RUN_SECONDS:g} s") from None
        try:
            answer = json.loads(finished.stdout)
        except ValueError:
            raise UsageError(
                f"pcluster gave no answer on {config_path} (exit {finished.returncode}):\n"
                f"{(finished.stdout + finished.stderr).strip()}"
            ) from None
        return DryRun.from_answer(answer)
