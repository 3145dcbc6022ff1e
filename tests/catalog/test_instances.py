"""What the catalog says of EC2 instance types, and how it behaves where it knows little or nothing."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from efakit.catalog import instances
from efakit.errors import UnknownInstanceType

SRC = Path(instances.__file__).resolve().parents[2]

# type: EFA interfaces, network cards, Gb/s. NetworkPerformance counts, not the sum of the cards (g6e would be 1600).
NETWORK = {
    "p4d.24xlarge": (4, 4, 400),
    "p4de.24xlarge": (4, 4, 400),
    "p5.4xlarge": (1, 1, 100),
    "p5.48xlarge": (32, 32, 3200),
    "p5e.48xlarge": (32, 32, 3200),
    "p5en.48xlarge": (16, 16, 3200),
    "p6-b200.48xlarge": (8, 8, 3200),
    "p6-b300.48xlarge": (16, 17, 6400),
    "p6e-gb200.36xlarge": (16, 17, 3200),
    "dl1.24xlarge": (4, 4, 400),
    "trn1.32xlarge": (8, 8, 800),
    "trn1n.32xlarge": (16, 16, 1600),
    "trn2.3xlarge": (1, 1, 200),
    "trn2.48xlarge": (16, 16, 3200),
    "trn2u.48xlarge": (16, 16, 3200),
    "g6e.24xlarge": (2, 2, 200),
    "g6e.48xlarge": (4, 4, 400),
    "hpc6a.48xlarge": (1, 1, 100),
    "hpc6id.32xlarge": (2, 2, 200),
    "hpc7a.96xlarge": (2, 2, 300),
    "hpc7g.16xlarge": (1, 1, 200),
    "hpc8a.96xlarge": (2, 2, 300),
    "c6in.32xlarge": (2, 2, 200),
    "i7i.48xlarge": (1, 1, 100),
    "i7ie.48xlarge": (1, 2, 200),
}
COUNT_UNKNOWN = ["p6e-gb300.36xlarge", "trn2-ac.24xlarge", "trn2u-ac.24xlarge"]


@pytest.mark.parametrize("name", NETWORK)
def test_efa_interfaces_cards_and_bandwidth_are_those_of_ec2(name: str) -> None:
    instance = instances.get(name)
    assert (instance.efa_interfaces, instance.network_cards, instance.bandwidth_gbps) == NETWORK[name]


def test_card_0_carries_no_efa_where_there_are_more_cards_than_efa_interfaces() -> None:
    without = {instance.name for instance in instances.all_efa() if instance.card0_efa is False}
    assert without == {
        "p6-b300.48xlarge",
        "p6e-gb200.36xlarge",
        "i7ie.48xlarge",
        "i7ie.metal-48xl",
        "i8ge.48xlarge",
        "i8ge.metal-48xl",
    }
    assert instances.get("p5.48xlarge").card0_efa is True


def test_only_hpc6id_holds_a_single_interface_on_card_0() -> None:
    single = [instance.name for instance in instances.all_efa() if instance.card0_interfaces == 1]
    assert single == ["hpc6id.32xlarge"]


def test_only_vt1_lacks_the_cluster_strategy() -> None:
    without = [instance.name for instance in instances.all_efa() if instance.supports_cluster_placement is False]
    assert without == ["vt1.24xlarge"]
    assert instances.get("p5.48xlarge").supports_cluster_placement is True


def test_hpc_types_are_on_demand_only() -> None:
    hpc = [instance for instance in instances.all_efa() if instance.name.startswith("hpc")]
    assert {instance.family for instance in hpc} >= {"hpc6a", "hpc6id", "hpc7a", "hpc7g"}
    assert {instance.usage_classes for instance in hpc} == {("on-demand",)}


def test_capacity_blocks_are_for_p_and_trn() -> None:
    offered = {i.name for i in instances.all_efa() if i.usage_classes and "capacity-block" in i.usage_classes}
    assert {"p4d.24xlarge", "p5.4xlarge", "p5.48xlarge", "p6-b300.48xlarge", "trn2u.48xlarge"} <= offered
    assert {name[0] for name in offered} == {"p", "t"}


@pytest.mark.parametrize(
    ("name", "count", "model", "manufacturer", "memory_mib", "kind"),
    [
        ("p5.48xlarge", 8, "H100", "NVIDIA", 81920, "gpu"),
        ("p6e-gb200.36xlarge", 4, "B200", "NVIDIA", 189440, "gpu"),
        ("dl1.24xlarge", 8, "Gaudi HL-205", "Habana", 32768, "gpu"),
        ("trn1.32xlarge", 16, "Trainium", "AWS", 32768, "neuron"),
        ("trn2u.48xlarge", 16, "Trainium2", "AWS", 98304, "neuron"),
        ("inf1.24xlarge", 16, "Inferentia", "AWS", 8192, "neuron"),
        ("dl2q.24xlarge", 8, "Qualcomm AI100", "Qualcomm", 16000, "inference"),
        ("f2.48xlarge", 8, "Virtex UltraScale+ (VU47P)", "Xilinx", 81920, "fpga"),
        ("vt1.24xlarge", 8, "U30", "Xilinx", 24576, "media"),
        ("g5.xlarge", 1, "A10G", "NVIDIA", 22888, "gpu"),
        ("inf2.48xlarge", 12, "Inferentia2", "AWS", 32768, "neuron"),
    ],
)
def test_accelerators(name: str, count: int, model: str, manufacturer: str, memory_mib: int, kind: str) -> None:
    instance = instances.get(name)
    assert instance.accelerators == instances.Accelerators(count, model, manufacturer, memory_mib, kind)
    assert instance.gpus == (count if kind == "gpu" else 0)
    assert instance.neuron_devices == (count if kind == "neuron" else 0)


def test_a_type_without_accelerators_has_zero_of_each_kind() -> None:
    instance = instances.get("hpc7a.96xlarge")
    assert (instance.accelerators, instance.gpus, instance.neuron_devices) == (None, 0, 0)


def test_processors_and_memory() -> None:
    p5, hpc7g = instances.get("p5.48xlarge"), instances.get("hpc7g.16xlarge")
    assert (p5.vcpus, p5.cores, p5.threads_per_core, p5.memory_mib, p5.architecture) == (192, 96, 2, 2097152, "x86_64")
    assert (hpc7g.vcpus, hpc7g.cores, hpc7g.threads_per_core, hpc7g.architecture) == (64, 64, 1, "arm64")
    assert p5.instance_storage_gb == 30400
    assert instances.get("c5n.18xlarge").instance_storage_gb == 0
    assert instances.get("p6-b200.48xlarge").family == "p6-b200"


def test_sockets_are_given_for_types_on_which_they_were_measured_and_for_no_others() -> None:
    given = {
        i.name: (i.slurm_sockets, i.slurm_cores_per_socket) for i in instances.all_efa() if i.slurm_sockets is not None
    }
    assert given == {"p4d.24xlarge": (2, 24), "p4de.24xlarge": (2, 24), "p5.48xlarge": (2, 48)}
    for name, (sockets, cores_per_socket) in given.items():
        assert sockets is not None
        assert cores_per_socket is not None
        assert sockets * cores_per_socket == instances.get(name).cores


@pytest.mark.parametrize("name", COUNT_UNKNOWN)
def test_an_unknown_count_stays_unknown_and_never_becomes_zero(name: str) -> None:
    instance = instances.get(name)
    assert instance.efa_interfaces is None
    assert instance.efa_capable is True
    assert instance.card0_efa is None
    assert instance.supports_cluster_placement is None
    assert instance.bandwidth_gbps is None
    assert name not in instances.efa_table()
    assert instance in instances.all_efa()


def test_an_unknown_number_of_accelerators_is_not_zero() -> None:
    gb300, trn2_ac = instances.get("p6e-gb300.36xlarge"), instances.get("trn2-ac.24xlarge")
    assert (gb300.gpus, gb300.neuron_devices) == (None, 0)
    assert (trn2_ac.gpus, trn2_ac.neuron_devices) == (None, None)


def test_the_types_with_an_unknown_count_are_few_and_named_here() -> None:
    assert sorted(i.name for i in instances.all_efa() if i.efa_interfaces is None) == COUNT_UNKNOWN


@pytest.mark.parametrize("name", ["m5.large", "m5.2xlarge", "t3.micro", "p5.48xlarge", "trn2-ac.24xlarge"])
def test_known_types(name: str) -> None:
    assert instances.known(name)
    assert instances.get(name).name == name


def test_a_type_without_efa_is_known_to_have_none() -> None:
    head = instances.get("m5.2xlarge")
    assert (head.vcpus, head.cores, head.threads_per_core) == (8, 4, 2)
    assert (head.memory_mib, head.architecture) == (32768, "x86_64")
    assert (head.efa_interfaces, head.efa_capable, head.card0_efa) == (0, False, False)
    assert head not in instances.all_efa()
    assert head.name not in instances.efa_table()
    # What plain_types.json does not keep is unknown.
    assert head.placement_strategies is None
    assert head.supports_cluster_placement is None
    assert head.bandwidth_gbps is None


def test_inf2_has_no_efa() -> None:
    assert instances.get("inf2.48xlarge").efa_interfaces == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p5.96xlarge", ["'p5.96xlarge'", "Known sizes of p5: 4xlarge, 48xlarge (with EFA)", "p5.48xlarge"]),
        ("p4d.48xlarge", ["'p4d.48xlarge'", "Known sizes of p4d: 24xlarge (with EFA)", "p4d.24xlarge"]),
        ("g5.49xlarge", ["48xlarge (with EFA); xlarge, 2xlarge, 4xlarge (without EFA)"]),
        ("p5en.48xlrage", ["Nearest names: p5en.48xlarge"]),
        ("ml.p5.48xlarge", ["Nearest names: p5.48xlarge"]),
        ("P5.48xlarge", ["EC2 writes it 'p5.48xlarge'"]),
        (" p5.48xlarge", ["EC2 writes it 'p5.48xlarge'"]),
        ("m5.lage", ["m5.large"]),
        ("p5", ["Known sizes of p5: 4xlarge, 48xlarge (with EFA)"]),
        ("zebra", ["update efakit"]),
        ("", ["update efakit"]),
    ],
)
def test_an_unknown_type_is_an_error_that_names_what_is_near(name: str, expected: list[str]) -> None:
    assert not instances.known(name)
    with pytest.raises(UnknownInstanceType) as caught:
        instances.get(name)
    for text in expected:
        assert text in str(caught.value)


def test_the_table_for_compute_nodes_has_every_known_count_and_no_zero() -> None:
    table = instances.efa_table()
    assert table["p5.48xlarge"] == 32
    assert all(isinstance(count, int) and count > 0 for count in table.values())
    assert len(table) == len(instances.all_efa()) - len(COUNT_UNKNOWN)


def test_types_stand_by_family_and_size() -> None:
    names = [instance.name for instance in instances.all_efa()]
    assert [name for name in names if name.startswith(("g5.", "hpc7g."))] == [
        *("g5.8xlarge", "g5.12xlarge", "g5.16xlarge", "g5.24xlarge", "g5.48xlarge"),
        *("hpc7g.4xlarge", "hpc7g.8xlarge", "hpc7g.16xlarge"),
    ]
    assert names.index("c5n.18xlarge") < names.index("c5n.metal")
    assert len(set(names)) == len(names)


def test_every_value_has_a_source_with_a_public_address() -> None:
    for source in instances.sources().values():
        assert source.address.startswith("https://"), source
        assert source.title, source
        assert source.version or source.retrieved, source
    for instance in [*instances.all_efa(), instances.get("m5.large")]:
        for field in dataclasses.fields(instance):
            assert instance.source_of(field.name).address


@pytest.mark.parametrize(
    ("name", "field", "address"),
    [
        ("p5.48xlarge", "efa_interfaces", "github.com/getmoto/moto"),
        ("p5.48xlarge", "slurm_sockets", "github.com/aws/aws-parallelcluster/issues/5797"),
        ("p5.48xlarge", "card0_efa", "queues_stack.py"),
        ("p6e-gb200.36xlarge", "vcpus", "docs.aws.amazon.com"),
        ("p6e-gb200.36xlarge", "efa_interfaces", "github.com/NVIDIA/aicr/issues/1256"),
        ("dl1.24xlarge", "efa_interfaces", "github.com/getmoto/moto/blob/5.2.1"),
        ("trn2-ac.24xlarge", "name", "aws-efa-k8s-device-plugin"),
        ("m5.large", "vcpus", "github.com/getmoto/moto"),
    ],
)
def test_a_field_names_its_own_source(name: str, field: str, address: str) -> None:
    assert address in instances.get(name).source_of(field).address


def test_the_source_of_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="efa_devices"):
        instances.get("p5.48xlarge").source_of("efa_devices")


def test_instances_are_values() -> None:
    instance = instances.get("p5.48xlarge")
    assert {instance: "a key"}[instances.get("p5.48xlarge")] == "a key"
    with pytest.raises(dataclasses.FrozenInstanceError):
        instance.efa_interfaces = 0  # type: ignore[misc]


def test_no_type_is_in_both_files() -> None:
    folder = Path(instances.__file__).parent
    efa = {row["name"] for row in json.loads((folder / "instances.json").read_text(encoding="utf-8"))["types"]}
    plain = set(json.loads((folder / "plain_types.json").read_text(encoding="utf-8"))["types"])
    assert efa
    assert plain
    assert not efa & plain


def run_bare(path: Path, code: str) -> str:
    """Run code on a Python without site-packages, with one entry on its path, as the hook on a compute node does."""
    program = f"import sys; sys.path.insert(0, {str(path)!r}); {code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_catalog_loads_on_a_bare_python_and_from_inside_a_zip_file(tmp_path: Path) -> None:
    archive = tmp_path / "bare.pyz"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in (
            "__init__.py",
            "errors.py",
            *(f"catalog/{name}.py" for name in ("__init__", "files", "instances")),
        ):
            packed.write(SRC / "efakit" / file, f"efakit/{file}")
        for file in ("instances.json", "plain_types.json"):
            packed.write(SRC / "efakit" / "catalog" / file, f"efakit/catalog/{file}")
    code = (
        "from efakit.catalog import instances as i; "
        "print(i.efa_table()['p5.48xlarge'], i.get('m5.large').vcpus, 'difflib' in sys.modules)"
    )
    assert run_bare(SRC, code) == "32 2 False"
    assert run_bare(archive, code) == "32 2 False"


def test_a_type_with_efa_is_found_without_reading_the_table_of_the_others() -> None:
    code = (
        "from efakit.catalog import instances as i; i._plain = None; "
        "print(i.get('p5.48xlarge').efa_interfaces, len(i.efa_table()) > 300)"
    )
    assert run_bare(SRC, code) == "32 True"
