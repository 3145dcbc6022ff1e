"""Public reports on EFA and SMDDP in SageMaker's training: what each user had, and what efakit makes of it."""

from __future__ import annotations

import json
import subprocess
from typing import Any, NamedTuple

import pytest

from efakit.errors import SpecError
from tests.emit.test_sagemaker import TRAIN, files_of, plan_of, request_of

TOOLKIT = "https://github.com/aws/sagemaker-training-toolkit"
SDK = "https://github.com/aws/sagemaker-python-sdk"
IMAGES = "https://github.com/aws/deep-learning-containers"
NEW, OLD = {"installer": "1.49.0"}, {"plugin": "1.5.0"}
SMDDP = {"smddp": True, "pytorch": "2.0.1", "source": "../.."}


class Report(NamedTuple):
    """A report whose answer is an environment: ``has`` what the request sets, ``lacks`` what nobody may set."""

    address: str
    what: str
    instance: str
    stack: dict[str, str]
    has: dict[str, str]
    lacks: tuple[str, ...]


REPORTS = (
    Report(
        TOOLKIT + "/issues/240",
        "p5e is in no list of the toolkit: TCP, and hangs at 256 ranks",
        *("p5e.48xlarge", NEW, {"NCCL_NET": "Libfabric"}, ("FI_PROVIDER", "FI_EFA_USE_DEVICE_RDMA", "RDMAV_FORK_SAFE")),
    ),
    Report(
        SDK + "/issues/5491",
        "the same lists in the SDK's line 3",
        *("p5e.48xlarge", NEW, {"NCCL_NET": "Libfabric"}, ("NCCL_PROTO", "RDMAV_FORK_SAFE")),
    ),
    Report(
        TOOLKIT + "/issues/219",
        "FI_PROVIDER=efa is wanted on p5",
        *("p5.48xlarge", NEW, {"NCCL_NET": "Libfabric"}, ("FI_PROVIDER",)),
    ),
    Report(
        TOOLKIT + "/issues/191",
        "p5 is not known to the toolkit",
        *("p5.48xlarge", NEW, {"NCCL_NET": "Libfabric"}, ("NCCL_PROTO", "NCCL_SOCKET_IFNAME")),
    ),
    Report(
        TOOLKIT + "/pull/196",
        "plugins before 1.6 need NCCL_PROTO=simple, and later ones set what they need",
        *("p4d.24xlarge", OLD, {"NCCL_PROTO": "simple"}, ()),
    ),
    Report(
        TOOLKIT + "/pull/196",
        "so with a later plugin nobody sets it",
        *("p4d.24xlarge", NEW, {"NCCL_NET": "Libfabric"}, ("NCCL_PROTO",)),
    ),
    Report(
        TOOLKIT + "/pull/121",
        "NCCL is many times slower on p4d without FI_EFA_USE_DEVICE_RDMA=1, on software of that time",
        *("p4d.24xlarge", OLD, {"FI_EFA_USE_DEVICE_RDMA": "1"}, ()),
    ),
    Report(
        IMAGES + "/issues/2675",
        "'Only EFA provider is supported' on a type without EFA: nothing there may demand the plugin",
        *("g5.4xlarge", NEW, {}, ("NCCL_NET", "FI_PROVIDER")),
    ),
)


@pytest.mark.parametrize("line", [2, 3])
@pytest.mark.parametrize(
    "report", REPORTS, ids=[f"{item.address.split('/', 4)[4]}-{item.what[:20]}" for item in REPORTS]
)
def test_the_environment_is_the_right_one_whichever_the_sdk(report, line):
    files = files_of(TRAIN, instance=report.instance, stack=report.stack, sdk=line)
    environment = request_of(files["train.request.json"]).get("Environment", {})
    assert {name: environment.get(name) for name in report.has} == report.has
    assert [name for name in report.lacks if name in environment] == []
    # Nothing else sets one: no distribution of the SDK's is asked for.
    assert not any("distributed" in name for name in request_of(files["train.request.json"])["HyperParameters"])


@pytest.mark.parametrize(
    "report",
    [SDK + "/issues/4988", "https://github.com/huggingface/accelerate/issues/3326", TOOLKIT + "/pull/192"],
)
def test_smddp_on_p5_is_refused_before_anything_is_sent_with_what_to_use(report):
    with pytest.raises(SpecError, match="PyTorch's own DistributedDataParallel runs on NCCL over EFA"):
        plan_of(TRAIN, instance="p5.48xlarge", **SMDDP)


@pytest.mark.parametrize(
    "report",
    [IMAGES + "/issues/4395", IMAGES + "/issues/3989", IMAGES + "/issues/3627", SDK + "/issues/4914"],
)
def test_an_image_without_smdistributed_is_named_when_the_job_starts(report, tmp_path):
    files = files_of(TRAIN, instance="p4d.24xlarge", **SMDDP)
    (tmp_path / "entry.py").write_bytes(files["train.smddp.py"].content)
    done = subprocess.run(["python", "entry.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "this image has no smdistributed: SMDDP is not in it (sagemaker.image)\n",
    )


def test_a_type_without_efa_is_not_checked_for_devices():
    # https://github.com/aws/aws-ofi-nccl/issues/174
    files = files_of(TRAIN, instance="g5.4xlarge")
    assert "infiniband" not in files["train.sagemaker.sh"].content.decode()


@pytest.mark.parametrize("option", ["distribution", "distributed"])
def test_a_type_that_torch_distributed_refuses_in_a_pipeline_needs_no_distribution(option: str):
    # https://github.com/aws/sagemaker-python-sdk/issues/5515
    call: Any = files_of(TRAIN, sdk=2 if option == "distribution" else 3)["train.sagemaker.py"].content.decode()
    assert f"{option}=" not in call.replace("No distributed=...", "")
    assert json.dumps("torch_distributed") not in call
