"""Target hyperpod: the request of create-cluster, the lifecycle script with what it needs, and the commands."""

from __future__ import annotations

import json
from typing import Any

from efakit.catalog import hyperpod as rows
from efakit.emit.registry import File, target
from efakit.emit.resources import package_file
from efakit.emit.writing import merged
from efakit.plan.hyperpod import Group, HyperPodPlan
from efakit.plan.plan import Plan
from efakit.spec.hyperpod.model import HyperPod

SCRIPT = "efakit-lifecycle.sh"
_Data = dict[str, Any]


@target("hyperpod")
def emit_hyperpod(plan: Plan) -> list[File]:
    """Return the files below hyperpod/."""
    section = plan.section(HyperPodPlan)
    if section is None:
        return []
    settings = "".join(f"{name}={value}\n" for name, value in section.settings.items())
    files = [
        File("create-cluster.json", _json(request(section))),
        File(f"lifecycle/{SCRIPT}", package_file(f"emit/{SCRIPT}").read_bytes(), executable=True),
        File("lifecycle/efakit-slurm.conf", settings.encode()),
    ]
    if section.section.stage == "OnCreate":
        files.append(File("lifecycle/provisioning_parameters.json", _json(_parameters(section))))
    has_exporter = plan.slurm is not None and plan.slurm.hooks.exporter is not None
    files.append(File("README.md", _readme(section, has_exporter=has_exporter).encode()))
    return [File(f"hyperpod/{file.path}", file.content, file.executable) for file in files]


def request(section: HyperPodPlan) -> _Data:
    """Return the request as data, the spec's overrides merged last."""
    own = section.section
    groups = [_group(own, rows.CONTROLLER, own.controller_instance, 1, "Controller")]
    if own.login_instance:
        groups.append(_group(own, rows.LOGIN, own.login_instance, 1, "Login"))
    groups += [_compute(section, group) for group in section.groups]
    data: _Data = {
        "ClusterName": own.name,
        "InstanceGroups": groups,
        "VpcConfig": {"SecurityGroupIds": list(own.security_groups), "Subnets": [_first_subnet(section)]},
        "NodeRecovery": own.node_recovery,
    }
    if own.stage == "OnInitComplete":
        data["Orchestrator"] = {"Slurm": {"SlurmConfigStrategy": own.slurm_config_strategy}}
    return merged(data, own.overrides)


def _first_subnet(section: HyperPodPlan) -> str:
    return section.groups[0].queue.queue.subnets[0]


def _group(own: HyperPod, name: str, instance: str, count: int, kind: str, partition: str | None = None) -> _Data:
    entry = SCRIPT if own.stage == "OnInitComplete" else "on_create.sh"
    storage: list[_Data] = [{"EbsVolumeConfig": {"VolumeSizeInGB": own.volume_gib}}]
    if own.fsx:
        storage.append(
            {
                "FsxLustreConfig": {
                    "DnsName": own.fsx.dns_name,
                    "MountName": own.fsx.mount_name,
                    "MountPath": own.fsx.mount,
                }
            }
        )
    data: _Data = {
        "InstanceGroupName": name,
        "InstanceType": f"ml.{instance}",
        "InstanceCount": count,
        "LifeCycleConfig": {"SourceS3Uri": own.lifecycle, own.stage: entry},
        "ExecutionRole": own.execution_role,
        "InstanceStorageConfigs": storage if own.stage == "OnInitComplete" else storage[:1],
    }
    if own.stage == "OnInitComplete":
        data["SlurmConfig"] = {"NodeType": kind, **({"PartitionNames": [partition]} if partition else {})}
    return data


def _compute(section: HyperPodPlan, group: Group) -> _Data:
    own, resource, queue = section.section, group.resource.resource, group.queue.queue
    data = _group(own, group.name, resource.instance.name, resource.nodes, "Compute", queue.name)
    if not resource.smt:
        data["ThreadsPerCore"] = 1
    if own.deep_health_checks:
        data["OnStartDeepHealthChecks"] = list(own.deep_health_checks)
    if own.training_plan:
        data["TrainingPlanArn"] = own.training_plan
    if own.efa_interface_type and group.resource.efa:
        data["NetworkInterface"] = {"InterfaceType": own.efa_interface_type}
    if queue.subnets[0] != _first_subnet(section):
        data["OverrideVpcConfig"] = {"SecurityGroupIds": list(own.security_groups), "Subnets": [queue.subnets[0]]}
    return data


def _parameters(section: HyperPodPlan) -> _Data:
    own = section.section
    data: _Data = {"version": "1.0.0", "workload_manager": "slurm", "controller_group": rows.CONTROLLER}
    if own.login_instance:
        data["login_group"] = rows.LOGIN
    data["worker_groups"] = [
        {"instance_group_name": group.name, "partition_name": group.queue.queue.name} for group in section.groups
    ]
    if own.fsx:
        data.update(fsx_dns_name=own.fsx.dns_name, fsx_mountname=own.fsx.mount_name)
    return data


def _json(data: _Data) -> bytes:
    return (json.dumps(data, indent=2) + "\n").encode()


def _readme(section: HyperPodPlan, *, has_exporter: bool) -> str:
    own = section.section
    where = own.lifecycle.rstrip("/")
    own_scripts = ""
    exporter = f"   aws s3 cp ../hooks/install-exporter.sh {where}/install-exporter.sh\n" if has_exporter else ""
    if own.stage == "OnCreate":
        own_scripts = f"""
   `on_create.sh` is yours: efakit does not write it. Let it start `{SCRIPT}` at its end, with `bash`, from the folder
   that it runs in; `provisioning_parameters.json` is for scripts that read it, as AWS's samples do.
"""
    return f"""# SageMaker HyperPod cluster {own.name}, with Slurm

Run these commands in this folder.

1. Upload the lifecycle scripts, and the installer of the hooks beside them. The managed policy of HyperPod's role
   allows buckets whose names begin with `sagemaker-`.

   ```sh
   aws s3 cp --recursive lifecycle {where}
   aws s3 cp ../hooks/install-hooks.sh {where}/install-hooks.sh
{exporter}   ```
{own_scripts}
2. Make the cluster:

   ```sh
   aws sagemaker create-cluster --region {section.region} --cli-input-json file://create-cluster.json
   ```

3. Submit jobs (`../jobs/*.sbatch`) on the controller or the login node.

`{SCRIPT}` installs the hooks on each node, into prolog.d and epilog.d of `/opt/slurm/etc`, beside HyperPod's own
scripts. On the controller it adds those lines of `efakit-slurm.conf` to slurm.conf whose settings are not there yet,
and runs `scontrol reconfigure`. Its log is `/var/log/efakit-install.log`. It always ends with 0.

After a new render upload both again: new nodes get the hooks; on nodes that are up run
`sudo sh install-hooks.sh --layout hyperpod`.

Security groups must allow all traffic to and from themselves: EFA's traffic is neither TCP nor UDP. The records of the
hooks need a file system that all nodes mount.

`efakit validate` holds the request to SageMaker's own model (botocore). That proves no capacity, quota, permission or
zone, and nothing of the images: which of them have prolog.d and epilog.d is not documented. No release of efakit has
been run on HyperPod.
"""
