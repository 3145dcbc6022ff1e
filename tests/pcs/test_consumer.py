"""What is rendered for AWS PCS, judged by cfn-lint and by botocore's model of the service; PCS itself is not asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from efakit.catalog.instances import Instance, all_efa
from efakit.catalog.pcs import MOST_SCRIPT_BYTES
from efakit.cli.main import efakit
from efakit.emit.registry import emit
from efakit.errors import SpecError
from efakit.plan.make import make_plan
from efakit.plan.plan import Plan
from efakit.spec.load import read_spec
from efakit.spec.yamltext import Document
from efakit.vendor import sagemaker_model
from efakit.vendor.eks_judges import cfn_faults, installed

pytestmark = pytest.mark.thorough

REGION = "us-east-1"
# One type of each form that a launch template can have.
TYPES = list(
    {
        (item.efa_interfaces, item.network_cards, item.card0_efa): item
        for item in all_efa()
        if item.efa_interfaces is not None
    }.values()
)
BLOCK = {"capacity": "capacity-block", "reservation": "cr-0123456789abcdef0"}
NAMES = {
    "ClusterId": "clusterIdentifier",
    "TemplateId": "id",
    "IamInstanceProfileArn": "iamInstanceProfileArn",
}
OWN_NAMES = {
    "CreateCluster": "clusterName",
    "CreateQueue": "queueName",
    "CreateComputeNodeGroup": "computeNodeGroupName",
}


def spec_of(instance: str = "p5.48xlarge", queue: dict[str, Any] | None = None, **section: Any) -> dict[str, Any]:
    resource = {"name": "n", "nodes": 4, **({"instance": instance} if instance else {})}
    queues = [{"name": "gpu", "subnet": "subnet-0123456789abcdef0", "compute_resources": [resource], **(queue or {})}]
    own = {
        "name": "my-cluster",
        "security_groups": ["sg-0123456789abcdef0"],
        "instance_profile": "arn:aws:iam::123456789012:instance-profile/nodes",
        "ami": "ami-0123456789abcdef0",
        **section,
    }
    hooks = {"bucket": "s3://my-bucket/efakit", "records_dir": "/fsx/records"}
    return {"cluster": {"region": REGION, "queues": queues}, "pcs": own, "hooks": hooks}


def plan_of(spec: dict[str, Any]) -> Plan:
    return make_plan(read_spec(Document(Path("spec.yaml"), yaml.safe_dump(spec))))


def template_of(spec: dict[str, Any]) -> str:
    files = {file.path: file.content.decode() for file in emit(plan_of(spec), ("pcs",))}
    return files["pcs/cluster.yaml"]


def refused(text: str) -> list[str]:
    return [*(said for _, said in cfn_faults("cluster.yaml", text, REGION)), *by_model(yaml.safe_load(text))]


def by_model(template: dict[str, Any]) -> list[str]:
    """Return what PCS's and EC2's models say against the requests that follow from a template."""
    said = []
    for resource in template["Resources"].values():
        kind, properties = resource["Type"], plain(resource["Properties"])
        if kind.startswith("AWS::PCS::"):
            operation = f"Create{kind.rpartition(':')[2]}"
            request = {NAMES.get(key, key[0].lower() + key[1:]): camel(value) for key, value in properties.items()}
            request[OWN_NAMES[operation]] = request.pop("name")
            said += sagemaker_model.refusals(request, "pcs", operation)
        elif kind == "AWS::EC2::LaunchTemplate":
            data = dict(properties["LaunchTemplateData"])
            for interface in data.get("NetworkInterfaces", ()):
                assert set(interface) >= {"Groups", "SubnetId"}
            said += ec2_refusals(data)
    return said


def ec2_refusals(data: dict[str, Any]) -> list[str]:
    request = {"LaunchTemplateName": "test", "LaunchTemplateData": data}
    return sagemaker_model.refusals(request, "ec2", "CreateLaunchTemplate")


def plain(value: Any) -> Any:
    """Return a value with what CloudFormation fills in, as ids and digests are."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return "0" * 64 if value["Ref"].endswith("Sha256") else "lt-0123456789abcdef0"
        if set(value) == {"Fn::GetAtt"}:
            return "pcs_0123456789"
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {NAMES.get(key, key[0].lower() + key[1:]): camel(item) for key, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def interfaces_of(instance: Instance) -> list[dict[str, Any]]:
    resources = yaml.safe_load(template_of(spec_of(instance.name)))["Resources"]
    found: list[dict[str, Any]] = resources["GpuNTemplate"]["Properties"]["LaunchTemplateData"]["NetworkInterfaces"]
    return found


def test_what_is_rendered_for_each_form_of_type_asks_for_each_efa_device_once(record_property):
    for instance in TYPES:
        found = interfaces_of(instance)
        kinds = [item["InterfaceType"] for item in found]
        assert len([kind for kind in kinds if kind.startswith("efa")]) == instance.efa_interfaces, instance.name
        assert [kind for kind in kinds if kind != "efa-only"] == ["efa" if instance.card0_efa else "interface"]
        cards = [item["NetworkCardIndex"] for item in found]
        assert cards == list(range(len(found)))
        assert instance.network_cards is None or len(found) <= instance.network_cards, instance.name
    record_property(
        "says", f"pcs: launch templates of {len(TYPES)} kinds of types with EFA; AWS PCS itself was not asked"
    )


# Many cards, card 0 without EFA, one card and arm64, no EFA.
KINDS = ["p5.48xlarge", "p6-b300.48xlarge", "hpc7g.16xlarge", "m5.large"]


@pytest.mark.parametrize("name", KINDS)
def test_the_judges_take_what_is_rendered_for_each_kind_of_type(name):
    assert "cfn-lint" in installed()
    assert refused(template_of(spec_of(name))) == []


@pytest.mark.parametrize(
    "spec",
    [
        spec_of(queue=BLOCK),
        spec_of(queue={"capacity": "spot", "placement_group": "mine"}),
        spec_of(queue={"reservation_group": "arn:aws:resource-groups:us-east-1:123456789012:group/mine"}),
        spec_of(login_instance="m7i.xlarge", accounting=True, key="mine", slurm="24.11", size="LARGE"),
        spec_of(slurm_settings={"Prolog": "/mine", "SelectTypeParameters": "CR_CPU"}, on_error="STOP_SEQUENCE"),
        {**spec_of(), "hooks": {}},
        {**spec_of(), "hooks": {"bucket": "s3://my-bucket/efakit", "exporter": True}},
    ],
    ids=str,
)
def test_the_judges_take_what_is_rendered_for_each_key(spec):
    assert refused(template_of(spec)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Size: SMALL", "Size: TINY"),
        ("OnError: CONTINUE", "OnError: GO_ON"),
        ("InterfaceType: efa-only", "InterfaceTyp: efa-only"),
        ("MaxInstanceCount: 4", "MaxInstanceCount: four"),
        ("ScriptLocation: s3://my-bucket", "ScriptLocation: ftp://my-bucket"),
    ],
)
def test_each_of_them_is_a_judge_that_refuses(before, after):
    text = template_of(spec_of())
    assert before in text
    assert refused(text.replace(before, after))


def test_no_fault_of_the_hooks_ends_a_node_and_slurm_is_told_of_folders_that_the_installer_makes():
    spec = spec_of()
    resources = yaml.safe_load(template_of(spec))["Resources"]
    (script,) = resources["GpuNNodes"]["Properties"]["NodeLifecycleActions"]["Stages"]["NodeBootstrapped"]
    assert (script["OnError"], script["Arguments"]) == ("CONTINUE", ["--custom-action", "--layout", "pcs"])
    settings = resources["Cluster"]["Properties"]["SlurmConfiguration"]["SlurmCustomSettings"]
    told = {item["ParameterName"]: item["ParameterValue"] for item in settings}
    assert told["Prolog"] == "/opt/efakit/prolog.d/*"
    assert told["TaskProlog"] == "/opt/efakit/task-prolog"
    installer = next(file for file in emit(plan_of(spec), ("hooks",)) if file.path.endswith("install-hooks.sh"))
    assert len(installer.content) < MOST_SCRIPT_BYTES


def test_the_exporter_s_installer_is_a_second_lifecycle_action_held_to_its_own_checksum():
    spec = spec_of()
    spec["hooks"]["exporter"] = True
    template = yaml.safe_load(template_of(spec))
    hooks, exporter = template["Resources"]["GpuNNodes"]["Properties"]["NodeLifecycleActions"]["Stages"][
        "NodeBootstrapped"
    ]
    assert hooks["ScriptSource"]["Checksum"] == {"Ref": "InstallerSha256"}
    assert exporter == {
        "Name": "efakit exporter",
        "ScriptSource": {
            "ScriptLocation": "s3://my-bucket/efakit/install-exporter.sh",
            "Checksum": {"Ref": "ExporterSha256"},
        },
        "Arguments": ["--custom-action"],
        "OnError": "CONTINUE",
    }
    assert set(template["Parameters"]) == {"InstallerSha256", "ExporterSha256"}
    files = {file.path: file.content for file in emit(plan_of(spec), ("hooks", "pcs"))}
    assert len(files["hooks/install-exporter.sh"]) < MOST_SCRIPT_BYTES
    assert b'ExporterSha256="$(sha256sum <../hooks/install-exporter.sh' in files["pcs/README.md"]
    del spec["hooks"]["bucket"]
    assert "NodeLifecycleActions" not in template_of(spec)


def test_without_a_bucket_slurm_is_told_of_nothing_that_is_not_there():
    resources = yaml.safe_load(template_of({**spec_of(), "hooks": {}}))["Resources"]
    settings = resources["Cluster"]["Properties"]["SlurmConfiguration"]["SlurmCustomSettings"]
    assert not {"Prolog", "Epilog", "TaskProlog"} & {item["ParameterName"] for item in settings}
    assert "NodeLifecycleActions" not in resources["GpuNNodes"]["Properties"]


def test_overrides_are_merged_last():
    change = {"Resources": {"Cluster": {"Properties": {"Size": "LARGE", "SlurmConfiguration": None}}}}
    cluster = yaml.safe_load(template_of(spec_of(overrides=change)))["Resources"]["Cluster"]["Properties"]
    assert (cluster["Size"], "SlurmConfiguration" in cluster, cluster["Name"]) == ("LARGE", False, "my-cluster")


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        (spec_of(slurm_settings={"PrologTimeout": 60}), "does not let a cluster set PrologTimeout"),
        (spec_of("p6e-gb300.36xlarge"), "no public source says how many EFA interfaces"),
        (spec_of("hpc7g.16xlarge", ami=None), "is for x86_64"),
        (
            spec_of(
                queue={"compute_resources": [{"name": "n", "instances": ["p5.48xlarge", "p5en.48xlarge"], "nodes": 2}]}
            ),
            "differ in vCPUs, architecture or EFA interfaces",
        ),
        (spec_of(login_instance="m7i.huge"), "unknown instance type"),
        (spec_of(queue={"name": "q"}), "3 to 25 letters"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_pcs_could_not_make_is_refused(spec, rule):
    spec["pcs"] = {key: value for key, value in spec["pcs"].items() if value is not None}
    with pytest.raises(SpecError, match=rule):
        plan_of(spec)


def test_validate_asks_cfn_lint_and_says_what_that_does_not_prove(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec_of()))
    done = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml"), "--format", "json"])
    judgement = {item["judge"]: item for item in json.loads(done.stdout)["judged_by"]}["pcs"]
    assert judgement["outcome"] == "accepted", done.output
    text = CliRunner().invoke(efakit, ["validate", str(tmp_path / "spec.yaml")]).output
    assert "no capacity, quota, permission" in text
    told = CliRunner().invoke(efakit, ["explain", str(tmp_path / "spec.yaml")]).output
    assert "network interfaces of gpu-n" in told
