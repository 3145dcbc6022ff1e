"""Draws specs over the whole space of what a spec may say, the right and the wrong mixed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from efakit.catalog import instances

EFA_TYPES = [instance.name for instance in instances.all_efa()]
FAVOURITES = [
    *("p4d.24xlarge", "p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge", "trn1.32xlarge"),
    *(
        "trn2.48xlarge",
        "hpc7g.16xlarge",
        "hpc6a.48xlarge",
        "c5n.18xlarge",
        "c6in.32xlarge",
        "g6e.48xlarge",
        "vt1.24xlarge",
    ),
    *("m5.xlarge", "c7g.4xlarge", "t3.micro", "g5.xlarge"),
]
TYPES = st.one_of(st.sampled_from(FAVOURITES), st.sampled_from(EFA_TYPES))
SUBNETS = [f"subnet-0123456789abcdef{number}" for number in range(4)]
GROUPS = st.lists(st.sampled_from([f"sg-0123456789abcdef{number}" for number in range(2)]), min_size=1, unique=True)
RESERVATIONS = st.sampled_from(["cr-0123456789abcdef0", "cr-0123456789abcdef1"])
NAMES = st.sampled_from(["gpu", "mpi", "cpu-1", "a", "q2"])


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a mapping that has each of the options or not."""
    return st.fixed_dictionaries({}, optional=options)


def _list_of(items: st.SearchStrategy[dict[str, Any]], most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(items, min_size=1, max_size=most, unique_by=lambda item: item["name"])


@st.composite
def compute_resources(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a compute resource."""
    chosen = (
        {"instance": draw(TYPES)}
        if draw(st.integers(0, 4))
        else {"instances": draw(st.lists(TYPES, min_size=1, max_size=3, unique=True))}
    )
    more = some(
        min_nodes=st.integers(0, 3),
        efa=st.sampled_from(["auto", "on", "off"]),
        placement_group=st.sampled_from(["managed", "none", "mine"]),
        reservation=RESERVATIONS,
        smt=st.booleans(),
        tags=st.just({"team": "a"}),
        slurm_settings=st.sampled_from([{}, {"Weight": 5}, {"Features": "fast"}, {"State": "DOWN"}]),
    )
    return {"name": draw(NAMES), **chosen, "nodes": draw(st.sampled_from([1, 2, 16, 1000])), **draw(more)}


@st.composite
def queues(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a queue."""
    where = (
        {"subnet": draw(st.sampled_from(SUBNETS))}
        if draw(st.integers(0, 5))
        else {"subnets": draw(st.lists(st.sampled_from(SUBNETS), min_size=1, max_size=2, unique=True))}
    )
    more = some(
        capacity=st.sampled_from(["on-demand", "spot", "capacity-block"]),
        placement_group=st.sampled_from(["managed", "none", "mine"]),
        exclusive=st.booleans(),
        public_ip=st.booleans(),
        security_groups=GROUPS,
        additional_security_groups=GROUPS,
        gpu_health_check=st.booleans(),
        slurm_settings=st.sampled_from([{}, {"PriorityTier": 10}, {"OverSubscribe": "YES"}]),
        custom_actions=st.just({"on_node_configured": {"script": "s3://my-bucket/a.sh", "args": ["x"]}}),
        iam=st.just({"s3_access": [{"bucket": "my-bucket", "write": True}]}),
    )
    return {"name": draw(NAMES), **where, "compute_resources": draw(_list_of(compute_resources(), 2)), **draw(more)}


STORAGE = st.sampled_from(
    [
        {"name": "scratch", "mount": "/fsx", "type": "fsx-lustre", "size_gb": 1200},
        {"name": "odd", "mount": "/odd", "type": "fsx-lustre", "size_gb": 1300},
        {"name": "old", "mount": "/old", "type": "fsx-lustre", "id": "fs-0123456789abcdef0"},
        {"name": "files", "mount": "/files", "type": "efs"},
        {"name": "disk", "mount": "/disk", "type": "ebs", "size_gb": 100},
        {"name": "zfs", "mount": "/zfs", "type": "fsx-openzfs", "id": "fsvol-0123456789abcdef0"},
    ]
)


# What only ParallelCluster says of a queue and of a compute resource.
OF_QUEUE = (
    *("public_ip", "security_groups", "additional_security_groups", "gpu_health_check", "slurm_settings"),
    *("custom_actions", "iam"),
)
OF_RESOURCE = ("tags", "slurm_settings")


def _own_options(queues: list[dict[str, Any]]) -> dict[str, Any]:
    """Take what only ParallelCluster says out of the queues, and return it by their names."""
    found: dict[str, Any] = {}
    for queue in queues:
        own = found[queue["name"]] = {key: queue.pop(key) for key in OF_QUEUE if key in queue}
        resources = queue["compute_resources"]
        own["compute_resources"] = {
            resource["name"]: {key: resource.pop(key) for key in OF_RESOURCE if key in resource}
            for resource in resources
        }
    return found


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a spec without jobs."""
    head = {"subnet": draw(st.sampled_from(SUBNETS))}
    head.update(
        draw(
            some(
                instance=st.sampled_from(["m6i.xlarge", "m6g.xlarge", "t3.micro", "c7g.4xlarge"]),
                custom_actions=st.just({"on_node_configured": {"script": "s3://my-bucket/b.sh"}}),
                iam=st.just({"policies": ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]}),
                security_groups=GROUPS,
            )
        )
    )
    cluster = {
        "region": draw(st.sampled_from(["us-east-1", "us-east-2", "us-west-2"])),
        "queues": draw(_list_of(queues(), 3)),
    }
    section = {"key": "my-key", "head_node": head, "queues": _own_options(cluster["queues"])}
    more = some(
        os=st.sampled_from(["alinux2023", "ubuntu2204", "ubuntu2404", "rhel8", "rhel9", "rocky9"]),
        storage=st.lists(STORAGE, max_size=2, unique_by=lambda item: item["name"]),
        login_nodes=st.just([{"name": "login", "subnet": SUBNETS[0]}]),
        slurm_settings=st.sampled_from(
            [{}, {"PrologFlags": "X11"}, {"KillWait": 60}, {"Prolog": "/x"}, {"TaskPlugin": "a"}]
        ),
        efa_interface_type=st.just("efa"),
        imds=st.sampled_from(["v1", "v2"]),
        tags=st.just({"project": "demo"}),
        monitoring=st.sampled_from([{}, {"logs": True, "log_days": 30}, {"dashboard": False, "detailed": True}]),
    )
    spec = {"cluster": cluster, "parallelcluster": {**section, **draw(more)}}
    if draw(st.booleans()):
        spec["hooks"] = {"bucket": "s3://my-bucket/efakit"}
    return spec
