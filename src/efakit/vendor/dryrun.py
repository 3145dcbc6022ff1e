"""The real ``pcluster create-cluster --dryrun true`` with the user's own credentials: asks AWS, creates nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from efakit.errors import MissingExtra, UsageError
from efakit.vendor.simulated_account.answer import DryRun

_SECONDS = 600.0
CLUSTER_NAME = "efakit-dry-run"


def real_dry_run(config: str, *, region: str | None = None) -> DryRun:
    """Return what AWS and pcluster say of the text of a cluster config.

    ``region`` counts where the config names none. Raises MissingExtra without pcluster, UsageError where it gives no
    answer.
    """
    program = _program()
    with tempfile.TemporaryDirectory(prefix="efakit-dryrun-") as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(config, encoding="utf-8")
        command = [program, "create-cluster", "--cluster-name", CLUSTER_NAME, "--cluster-configuration", str(path)]
        command += ["--dryrun", "true", *(["--region", region] if region else [])]
        try:
            finished = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,  # 1 for a dry run that passes as well
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"pcluster gave no answer in {_SECONDS:g} s") from None
        except OSError as error:
            raise UsageError(f"{program}: cannot be run: {error.strerror}") from error
    try:
        answer = json.loads(finished.stdout)
    except ValueError:
        said = (finished.stdout + finished.stderr).strip()
        raise UsageError(f"pcluster gave no answer (exit {finished.returncode}):\n{said}") from None
    return DryRun.from_answer(answer, "aws")


def _program() -> str:
    beside = Path(sys.executable).with_name("pcluster")
    found = str(beside) if beside.is_file() else shutil.which("pcluster")
    if found is None:
        raise MissingExtra("pcluster", "pcluster's dry run on AWS")
    return found
