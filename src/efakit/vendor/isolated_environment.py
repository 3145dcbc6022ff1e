"""The environment in which pcluster and moto run: nothing of the user's AWS set-up, and no way off the machine."""

from __future__ import annotations

import os
import site
from pathlib import Path

_KEPT = ("PATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TMPDIR")

# Port 9 (discard) of this machine: pcluster fetches its list of regions and https scripts from the web, without a
# timeout (pcluster/utils.py, validators/s3_validators.py). Refused at once, it falls back to the list it carries, and
# the answer is the same on every machine.
_NOWHERE = "http://127.0.0.1:9"


def isolated_environment(home: Path, *, endpoint: str = "") -> dict[str, str]:
    """The whole environment of a process that sees a simulated AWS only.

    ``home`` becomes HOME and takes pcluster's log; ``endpoint`` is the address of a moto server, empty where moto
    runs in the process itself.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {
        "HOME": str(home),
        "PYTHONUSERBASE": site.getuserbase(),
        # Absolute: the process has a working directory of its own.
        "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in _python_path()),
        "PCLUSTER_LOG_FILE": str(home / "pcluster.log"),
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
        "http_proxy": _NOWHERE,
        "https_proxy": _NOWHERE,
        "no_proxy": "127.0.0.1,localhost",
    }
    if endpoint:
        environment["AWS_ENDPOINT_URL"] = endpoint
    return environment


def _python_path() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
