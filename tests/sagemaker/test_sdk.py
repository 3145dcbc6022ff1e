"""SageMaker's own SDK, run with each rendered Python file, sends exactly the request that is rendered beside it.

The account is simulated in the process (moto). Line 2 runs in ``make test``, line 3 in ``make platforms-check``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.vendor.sagemaker_sdk import installed_version, sent, with_the_plain_name
from tests.emit.test_sagemaker import OFFERED, TRAIN, job_for, plan_of, spec_of

pytestmark = pytest.mark.sagemaker
LINE = int((installed_version() or "0").split(".")[0])
# What a section may say, each on a job of its own.
ALSO: dict[str, dict[str, Any]] = {
    "network": {"security_groups": ["sg-0123456789abcdef0"], "queue": {"subnet": "subnet-0123456789abcdef0"}},
    "spot": {"queue": {"capacity": "spot"}},
    "warm": {"keep_alive_minutes": 30, "volume_gb": 500, "max_hours": 100},
    "plan": {"training_plan": "arn:aws:sagemaker:us-west-2:123456789012:training-plan/mine"},
    "data": {"inputs": {"train": "s3://my-data/train", "valid": "s3://my-data/valid/"}},
    "bucket-alone": {"output": "s3://my-bucket"},
    "literals": {"job": {"env": {"QUOTES": "a 'b' \"c\" $d `e` \\f \u00e9 \U0001f600"}, "args": ["--x", "y z"]}},
    "one-node": {"job": {"nodes": 1}},
}


def files_of(name: str, job: dict[str, Any], **more: Any) -> dict[str, bytes]:
    plan = plan_of({**job, "name": name}, sdk=LINE, source="../..", **more)
    return {file.path.partition("/")[2]: file.content for file in emit(plan, ("sagemaker",))}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of a job on every type, and of a job for each further thing that a section may say."""
    found: dict[str, bytes] = {}
    for instance in OFFERED:
        found |= files_of(f"on-{instance.name.replace('.', '-')}", job_for(instance), instance=instance.name)
    for name, also in ALSO.items():
        more = {key: value for key, value in also.items() if key != "job"}
        found |= files_of(name, {**TRAIN, **also.get("job", {})}, **more)
    if LINE == 2:
        for instance in ("p4d.24xlarge", "p4de.24xlarge"):
            job = {**TRAIN, "args": ["--lr", "1e-3"], "launcher_args": ["-verbose", "-x", "NCCL_DEBUG=VERSION"]}
            name = f"smddp-{instance.partition('.')[0]}"
            found |= files_of(name, job, instance=instance, smddp=True, pytorch="2.0.1")
    return found


@pytest.fixture(scope="module")
def answers(files: dict[str, bytes]) -> dict[str, Any]:
    return sent(files, ["train.py"])


def test_the_sdk_sends_the_rendered_request_for_every_type_that_has_training(files, answers, record_property):
    names = [name for name in files if name.endswith(".sagemaker.py")]
    assert sorted(answers) == sorted(names)
    assert {name: answer for name, answer in answers.items() if isinstance(answer, str)} == {}
    for name, answer in answers.items():
        wanted = json.loads(files[name.replace(".sagemaker.py", ".request.json")])
        assert with_the_plain_name(answer, wanted["TrainingJobName"]) == wanted
    says = f"sagemaker {installed_version()}: sent the rendered request for {len(OFFERED)} types and {len(names)} jobs"
    record_property("says", says)


def test_what_the_sdk_refuses_and_a_script_that_is_not_in_the_source_folder_are_told():
    lost = files_of("lost", {**TRAIN, "script": "other.py"})
    found = files_of("train", TRAIN)
    text = found["train.sagemaker.py"].decode()
    broken = text.replace("instance_count=4", "instance_cuont=4")
    assert broken != text
    answers = sent({**found, **lost, "train.sagemaker.py": broken.encode()}, ["train.py"])
    assert "instance_count" in answers["train.sagemaker.py"] or "instance_cuont" in answers["train.sagemaker.py"]
    assert "(sagemaker.source) has no other.py" in answers["lost.sagemaker.py"]


def test_validate_asks_the_sdk(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(spec_of(TRAIN, sdk=LINE)))
    done = CliRunner().invoke(efakit, ["validate", str(spec), "--format", "json"])
    judgements = {item["judge"]: item for item in json.loads(done.stdout)["judged_by"]}
    assert (done.exit_code, judgements["sagemaker"]["outcome"]) == (0, "accepted"), done.output
    assert f"its SDK {installed_version()} on a simulated account" in judgements["sagemaker"]["detail"]
