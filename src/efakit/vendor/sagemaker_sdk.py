"""SageMaker's Python SDK, on a simulated account: what the rendered Python files send.

They run in a process of their own (``sagemaker_child.py``), with no credentials and moto in place of AWS.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from efakit.errors import EfakitError

_SECONDS = 300
_NO_TELEMETRY = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"


def installed_version() -> str | None:
    """Return the release of SageMaker's SDK that is installed beside moto, None without them."""
    try:
        return version("sagemaker") if find_spec("moto") else None
    except PackageNotFoundError:
        return None


def sent(files: Mapping[str, bytes], scripts: Iterable[str], keep: Path | None = None) -> dict[str, Any]:
    """Run each Python file; return by its name the request that it sent, or text: why it sent none.

    ``files`` are those of the bundle's folder sagemaker by their names; ``scripts`` are the users' own, for which empty
    files stand in. With ``keep`` what they put into S3 is in that folder: BUCKET/KEY. Raises EfakitError where the
    process does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder) / "sagemaker", files)
        _write(Path(folder) / "source", dict.fromkeys(filter(_is_local, scripts), b""))
        config = Path(folder) / "config.yaml"
        # The SDK would tell its maker of each call.
        config.write_text(_NO_TELEMETRY)
        command = [sys.executable, "-m", "efakit.vendor.sagemaker_child", folder, *([str(keep)] if keep else [])]
        try:
            done = subprocess.run(
                command,
                env=_environment(config),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise EfakitError(f"SageMaker's SDK does not answer within {_SECONDS} s") from error
        answers = Path(folder) / "answers.json"
        if done.returncode or not answers.is_file():
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise EfakitError(f"SageMaker's SDK ended with {done.returncode}: {last}")
        try:
            found: dict[str, Any] = json.loads(answers.read_text())
        except ValueError as error:
            raise EfakitError(f"SageMaker's SDK left answers that cannot be read: {error}") from error
        return found


def with_the_plain_name(request: Mapping[str, Any], name: str) -> Any:
    """Return a request with the job's name wherever the SDK put one that has the time in it."""
    return json.loads(re.sub(rf"\b{re.escape(name)}-[0-9]{{14}}\b", name, json.dumps(request)))


def _is_local(script: str) -> bool:
    return not script.startswith("/") and ".." not in script.split("/")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _environment(config: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))}
    none = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none")
    files = dict.fromkeys(
        ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"), "/dev/null"
    )
    own = {"SAGEMAKER_USER_CONFIG_OVERRIDE": str(config), "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    return {**kept, **none, **files, **own, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "us-east-1"}
