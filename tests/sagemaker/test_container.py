"""What a container does with the request: SageMaker's own programs run efakit's script and leave its environment alone.

Line 3's drivers are those that the SDK sends along; line 2's are its training toolkit's. Stand-ins: the folders that
SageMaker fills below /opt/ml (in a mount namespace), the launcher, EFA devices.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from efakit.emit.registry import emit
from efakit.vendor.sagemaker_sdk import installed_version, sent
from tests.emit.test_sagemaker import LAUNCHER, TRAIN, plan_of

pytestmark = pytest.mark.sagemaker
LINE = int((installed_version() or "0").split(".")[0])
JOB = {**TRAIN, "nodes": 2, "args": ["--name", "a 'b' $c"], "env": {"MINE": "x 'y' \"z\""}}
# Below a tmpfs of its own: nothing of the machine's /opt is touched.
INSIDE = """
set -e
mount -t tmpfs none /opt && mkdir /opt/ml && mount --bind "$ML" /opt/ml
exec "$@"
"""


def files_of(line: int) -> dict[str, bytes]:
    files = emit(plan_of(JOB, sdk=line, source="../.."), ("sagemaker",))
    return {file.path.partition("/")[2]: file.content for file in files}


def container(folder: Path) -> tuple[Path, Path]:
    """Make what SageMaker puts below /opt/ml, and the stand-ins; return both folders."""
    ml, programs = folder / "ml", folder / "bin"
    config = ml / "input/config"
    for path in (config, ml / "output", ml / "model", ml / "code", programs):
        path.mkdir(parents=True)
    resources = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "current_instance_type": "ml.p5.48xlarge",
        "network_interface_name": "eth0",
    }
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    (config / "inputdataconfig.json").write_text("{}")
    (config / "hyperparameters.json").write_text("{}")
    for name, text in (("torchrun", LAUNCHER), ("getent", "#!/bin/bash\necho 10.0.0.1 x\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    # The SDK's driver asks for its release.
    (programs / "torch.py").write_text('__version__ = "2.8.0"\n')
    return ml, programs


def run_inside(command: list[str], ml: Path, programs: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Run what the request says in a mount namespace; return the launcher's words and its environment."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("needs root and unshare")
    for script in (ml / "input/data/code").glob("*.sagemaker.sh"):
        script.write_text(script.read_text().replace("/dev/infiniband/uverbs", f"{programs}/torchrun"))
    given = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ML": str(ml),
        "SEEN": str(ml / "seen"),
        "PYTHONPATH": str(programs),
    }
    given |= {"TRAINING_JOB_NAME": "train", **environment}
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", INSIDE, "inside", *command], env=given, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    words = (ml / "seen").read_bytes().decode().split("\0")[:-1]
    lines = (ml / "seen.env").read_bytes().decode().split("\0")[:-1]
    return {"words": words, "environment": dict(line.split("=", 1) for line in lines)}


def holds(seen: dict[str, Any], environment: dict[str, str]) -> None:
    assert {"torchrun", "--nnodes=2", "--node-rank=1", "--master-addr=algo-1"} <= set(seen["words"])
    assert seen["words"][-3:] == ["train.py", "--name", "a 'b' $c"]
    assert {name: seen["environment"].get(name) for name in environment} == environment
    forced = ("NCCL_PROTO", "NCCL_SOCKET_IFNAME", "FI_PROVIDER", "FI_EFA_USE_DEVICE_RDMA", "RDMAV_FORK_SAFE")
    assert [name for name in forced if name in seen["environment"]] == []


needs_line_3 = pytest.mark.skipif(LINE != 3, reason="line 3 of SageMaker's SDK is not installed")


def by_line_3(files: dict[str, bytes], folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Run what the SDK sends for files; return what the launcher saw, and the request's environment."""
    (request,) = sent(files, ["train.py"], keep=folder / "s3").values()
    ml, programs = container(folder)
    for channel in request["InputDataConfig"]:
        key = channel["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://")
        shutil.copytree(folder / "s3" / key, ml / "input/data" / channel["ChannelName"])
    told = request["AlgorithmSpecification"]
    command = [*told["ContainerEntrypoint"], *told["ContainerArguments"]]
    return run_inside(command, ml, programs, request["Environment"]), request["Environment"]


@needs_line_3
def test_line_3_s_drivers_run_the_script_with_the_job_s_environment(tmp_path):
    holds(*by_line_3(files_of(3), tmp_path))


@needs_line_3
def test_line_3_s_torchrun_would_force_variables_onto_the_job(tmp_path):
    """The reason for the script, and the test of the test."""
    files = files_of(3)
    text = files["train.sagemaker.py"].decode()
    asked = 'SourceCode(source_dir=code, command="bash train.sagemaker.sh")'
    assert asked in text
    text = text.replace(asked, 'SourceCode(source_dir=code, entry_script="train.py")')
    text = text.replace(
        "    trainer = ModelTrainer(\n",
        """\
    from sagemaker.train.distributed import Torchrun

    trainer = ModelTrainer(
        source_code=SourceCode(source_dir=str(SOURCE), entry_script="train.py"),
        distributed=Torchrun(),
""",
    )
    seen, environment = by_line_3({**files, "train.sagemaker.py": text.encode()}, tmp_path)
    assert "NCCL_PROTO" not in environment
    assert seen["environment"]["NCCL_PROTO"] == "simple"


@pytest.mark.skipif(not find_spec("sagemaker_training"), reason="sagemaker-training is not installed")
def test_the_training_toolkit_runs_the_script_with_the_job_s_environment(tmp_path):
    files = files_of(2)
    request = json.loads(files["train.request.json"])
    ml, programs = container(tmp_path)
    code = ml / "input/data/code"
    code.mkdir(parents=True)
    (code / "train.sagemaker.sh").write_bytes(files["train.sagemaker.sh"])
    (code / "train.py").touch()
    own = {**request["HyperParameters"], "sagemaker_submit_directory": '"/opt/ml/input/data/code"'}
    (ml / "input/config/hyperparameters.json").write_text(json.dumps(own))
    # No other host is there, whose name could be looked up.
    environment = {**request["Environment"], "SM_STUDIO_LOCAL_MODE": "true"}
    command = [sys.executable, "-c", "from sagemaker_training.cli.train import main; main()"]
    holds(run_inside(command, ml, programs, environment), request["Environment"])
