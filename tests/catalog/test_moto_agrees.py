"""The catalog against the data that the installed moto carries, and the script that makes the one from the other."""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from efakit.catalog import instances
from efakit.catalog.user_rows import describe

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "update_catalog.py"
CATALOG = REPOSITORY / "src" / "efakit" / "catalog"
FILES = ("instances.json", "plain_types.json", "offerings.json")
RENEW = "run scripts/update_catalog.py with this moto and read the diff"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update_catalog", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


@pytest.fixture(scope="module")
def moto_types() -> dict[str, Any]:
    spec = importlib.util.find_spec("moto")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("moto is not installed: pip install 'efakit[pcluster]' to compare the catalog with EC2's data")
    file = Path(spec.submodule_search_locations[0]) / "ec2" / "resources" / "instance_types.json.gz"
    types: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return types


def with_efa(types: dict[str, Any]) -> dict[str, Any]:
    return {name: raw for name, raw in types.items() if raw["NetworkInfo"].get("EfaSupported")}


def facts(raw: dict[str, Any]) -> dict[str, Any]:
    """Read a type's facts straight from EC2's data, without the script's own reading."""
    network = raw["NetworkInfo"]
    (card0,) = (card for card in network["NetworkCards"] if card["NetworkCardIndex"] == 0)
    counts = [
        sum(device["Count"] for device in raw[section][members])
        for section, members in (
            ("GpuInfo", "Gpus"),
            ("NeuronInfo", "NeuronDevices"),
            ("InferenceAcceleratorInfo", "Accelerators"),
            ("FpgaInfo", "Fpgas"),
            ("MediaAcceleratorInfo", "Accelerators"),
        )
        if section in raw
    ]
    return {
        "vcpus": raw["VCpuInfo"]["DefaultVCpus"],
        "cores": raw["VCpuInfo"]["DefaultCores"],
        "threads_per_core": raw["VCpuInfo"]["DefaultThreadsPerCore"],
        "memory_mib": raw["MemoryInfo"]["SizeInMiB"],
        "architecture": raw["ProcessorInfo"]["SupportedArchitectures"][-1],
        "accelerators": counts[0] if counts else None,
        "efa_interfaces": network.get("EfaInfo", {}).get("MaximumEfaInterfaces"),
        "network_cards": network["MaximumNetworkCards"],
        "card0_interfaces": card0["MaximumNetworkInterfaces"],
        "placement_strategies": set(raw["PlacementGroupInfo"]["SupportedStrategies"]),
        "usage_classes": set(raw["SupportedUsageClasses"]),
    }


def catalog_value(instance: instances.Instance, field: str) -> Any:
    value = getattr(instance, field)
    if field == "accelerators":
        return value.count if value else None
    return set(value) if isinstance(value, tuple) else value


def test_every_type_that_both_know_is_the_same_in_both(moto_types: dict[str, Any]) -> None:
    differences = []
    for name, raw in with_efa(moto_types).items():
        if not instances.known(name):
            continue
        instance = instances.get(name)
        for field, expected in facts(raw).items():
            found = catalog_value(instance, field)
            if field not in dict(instance.field_sources) and found != expected:
                differences.append(f"{name}: {field} is {found!r} in the catalog, {expected!r} in moto")
    assert not differences, "\n".join([*differences, RENEW])


def test_the_catalog_has_every_type_with_efa_that_moto_has(moto_types: dict[str, Any]) -> None:
    in_catalog = {instance.name for instance in instances.all_efa()}
    missing = sorted(set(with_efa(moto_types)) - in_catalog)
    only_here = sorted(in_catalog - set(with_efa(moto_types)))
    print(f"types with EFA that only the catalog has: {', '.join(only_here) or 'none'}")
    assert not missing, f"types with EFA that the catalog lacks: {', '.join(missing)}; {RENEW}"


def test_every_type_without_efa_that_moto_has_is_known_to_have_none(moto_types: dict[str, Any]) -> None:
    wrong = [
        name
        for name, raw in moto_types.items()
        if not raw["NetworkInfo"].get("EfaSupported")
        and not (instances.known(name) and instances.get(name).efa_interfaces == 0)
    ]
    assert not wrong, f"types without EFA that the catalog lacks or has with EFA: {', '.join(wrong)}; {RENEW}"


def test_parallelcluster_reads_the_same_from_moto(moto_types: dict[str, Any]) -> None:
    resources = pytest.importorskip(
        "pcluster.aws.aws_resources", reason="aws-parallelcluster is not installed: pip install 'efakit[pcluster]'"
    )
    for name, raw in with_efa(moto_types).items():
        if not instances.known(name):
            continue
        vendor, instance = resources.InstanceTypeInfo(raw), instances.get(name)
        assert vendor.max_efa_interfaces() == instance.efa_interfaces, name
        assert (vendor.max_efa_interfaces() == vendor.max_network_cards()) == instance.card0_efa, name
        assert vendor.network_cards_list()[0].maximum_network_interfaces() == instance.card0_interfaces, name


def same_moto_or_skip() -> None:
    recorded = instances.sources()["moto"].version
    installed = importlib.metadata.version("moto")
    if installed != recorded:
        pytest.skip(f"the catalog is made from moto {recorded}, installed is {installed}; the facts are compared above")


def test_check_finds_the_catalog_up_to_date(moto_types: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    same_moto_or_skip()
    status = script.main(["--check"])
    output = capsys.readouterr()
    assert (status, output.out) == (0, "")
    assert output.err == "", "values by hand that EC2's data have overtaken"


@pytest.mark.thorough
def test_making_the_catalog_twice_gives_the_same_bytes(moto_types: dict[str, Any], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert script.main(["--out", str(tmp_path / folder)]) == 0
    for file in FILES:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_order_of_ec2s_answer_does_not_matter(moto_types: dict[str, Any], tmp_path: Path) -> None:
    same_moto_or_skip()
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"InstanceTypes": [moto_types[name] for name in sorted(moto_types, reverse=True)]}))
    assert script.main(["--from", str(answer), "--check"]) == 0


@pytest.mark.thorough
def test_check_names_each_difference_and_writes_nothing(
    moto_types: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--out", str(tmp_path)]) == 0
    before = {file: (tmp_path / file).read_bytes() for file in FILES}
    changed = {name: raw for name, raw in moto_types.items() if name not in ("hpc6a.48xlarge", "m5.large")}
    changed["p5.48xlarge"] = json.loads(json.dumps(moto_types["p5.48xlarge"]))
    changed["p5.48xlarge"]["NetworkInfo"]["EfaInfo"]["MaximumEfaInterfaces"] = 31
    changed["p9.48xlarge"] = {**moto_types["p5.48xlarge"], "InstanceType": "p9.48xlarge"}
    answer = tmp_path / "answer.json.gz"
    answer.write_bytes(gzip.compress(json.dumps(changed).encode()))
    capsys.readouterr()
    assert script.main(["--from", str(answer), "--out", str(tmp_path), "--check"]) == 1
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "instances.json: hpc6a.48xlarge: gone",
        "instances.json: p5.48xlarge: card0_efa true -> false",
        "instances.json: p5.48xlarge: efa_interfaces 32 -> 31",
        "instances.json: p9.48xlarge: new",
        "plain_types.json: m5.large: gone",
    ]
    assert {file: (tmp_path / file).read_bytes() for file in FILES} == before


def test_several_regions_answers_make_one_catalog(moto_types: dict[str, Any], tmp_path: Path) -> None:
    same_moto_or_skip()
    names = sorted(moto_types)
    files = []
    for number, part in enumerate((names[: len(names) // 2 + 50], names[len(names) // 2 - 50 :])):
        files.append(tmp_path / f"region{number}.json")
        files[-1].write_text(json.dumps({"InstanceTypes": [moto_types[name] for name in part]}))
    assert script.main(["--from", str(files[0]), "--from", str(files[1]), "--check"]) == 0


def small_answer(moto_types: dict[str, Any], tmp_path: Path, *names: str, **changes: Any) -> Path:
    answer = tmp_path / "small.json"
    answer.write_text(json.dumps({"InstanceTypes": [{**moto_types[name], **changes} for name in names]}))
    return answer


def test_a_count_that_ec2_does_not_give_is_null(moto_types: dict[str, Any], tmp_path: Path) -> None:
    network = {key: value for key, value in moto_types["c5n.18xlarge"]["NetworkInfo"].items() if key != "EfaInfo"}
    answer = small_answer(moto_types, tmp_path, "c5n.18xlarge", NetworkInfo=network)
    assert script.main(["--from", str(answer), "--retrieved", "2026-11-21", "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "instances.json").read_text())
    (row,) = (row for row in content["types"] if row["name"] == "c5n.18xlarge")
    assert (row["efa_interfaces"], row["card0_efa"], row["source"]) == (None, None, "ec2")
    assert content["sources"]["ec2"]["retrieved"] == "2026-11-21"


def test_ec2s_data_win_over_a_row_by_hand_that_they_have_overtaken(
    moto_types: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = small_answer(moto_types, tmp_path, "p4d.24xlarge", InstanceType="dl1.24xlarge")
    assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 0
    rows = {row["name"]: row for row in json.loads((tmp_path / "instances.json").read_text())["types"]}
    assert rows["dl1.24xlarge"]["source"] == "ec2"
    assert "dl1.24xlarge: EC2's data have it now; remove its row" in capsys.readouterr().err


def test_a_correction_by_hand_ends_where_ec2s_value_changes(
    moto_types: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    neuron = json.loads(json.dumps(moto_types["trn2.48xlarge"]["NeuronInfo"]))
    neuron["NeuronDevices"][0]["MemoryInfo"]["SizeInMiB"] = 100000
    answer = small_answer(moto_types, tmp_path, "trn2.48xlarge", NeuronInfo=neuron)
    assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 0
    rows = {row["name"]: row for row in json.loads((tmp_path / "instances.json").read_text())["types"]}
    assert rows["trn2.48xlarge"]["accelerators"]["memory_mib"] == 100000
    assert "trn2.48xlarge: EC2's data have accelerators" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "gbps"),
    [
        ("4x 100 Gigabit", 400),
        ("16x 200 Gigabit", 3200),
        ("3200 Gigabit", 3200),
        ("Up to 100 Gigabit", 100),
        ("Up to 56.25 Gigabit", 56.25),
        ("133.33 Gigabit", 133.33),
        ("Moderate", None),
    ],
)
def test_bandwidth_is_read_from_network_performance(text: str, gbps: float | None) -> None:
    assert describe.bandwidth_gbps(text) == gbps


def test_a_bandwidth_in_an_unknown_form_is_refused(
    moto_types: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {**moto_types["c5n.18xlarge"]["NetworkInfo"], "NetworkPerformance": "Very High"}
    answer = small_answer(moto_types, tmp_path, "c5n.18xlarge", NetworkInfo=network)
    assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 2
    assert "c5n.18xlarge: NetworkPerformance 'Very High'" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{}", "[]", "[1", '"text"'])
def test_an_answer_without_types_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(content)
    assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 2
    assert "update_catalog: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["answer.json"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--from", str(tmp_path / "none.json"), "--out", str(tmp_path)]) == 2
    assert "none.json" in capsys.readouterr().err


def test_without_moto_the_script_says_what_to_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)
    assert script.main(["--out", str(tmp_path)]) == 2
    assert "--from FILE" in capsys.readouterr().err


def test_values_by_hand_name_fields_and_sources_that_exist() -> None:
    by_hand = json.loads((REPOSITORY / "scripts" / "instances_by_hand.json").read_text(encoding="utf-8"))
    fields = {*script.FIELDS, *script.OPTIONAL_FIELDS}
    used = set()
    for row in by_hand["rows"]:
        assert set(row) <= fields
        own = row.get("field_sources", {})
        assert set(own) <= set(row)
        used |= {row["source"], *own.values()}
    for change in by_hand["fields"]:
        assert set(change["set"]) <= fields
        used.add(change["source"])
    assert used == set(by_hand["sources"])


def test_a_run_that_changes_a_row_raises_the_revision_and_one_that_changes_none_does_not(
    moto_types: dict[str, Any], tmp_path: Path
) -> None:
    def revision() -> Any:
        return json.loads((tmp_path / "instances.json").read_text())["revision"]

    one, two = (small_answer(moto_types, tmp_path, "p5.48xlarge", "m5.large"), tmp_path / "two.json")
    two.write_text(json.dumps({"InstanceTypes": [moto_types["p5.48xlarge"]]}))
    seen = []
    for answer in (one, one, two, two, one):
        assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 0
        seen.append(revision())
    assert seen == [1, 1, 2, 2, 3]


def test_where_types_are_offered_stays_as_it_is_without_moto(moto_types: dict[str, Any], tmp_path: Path) -> None:
    answer = small_answer(moto_types, tmp_path, "p5.48xlarge")
    (tmp_path / "offerings.json").write_text("as it was")
    assert script.main(["--from", str(answer), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "offerings.json").read_text() == "as it was"


@pytest.mark.thorough
def test_check_names_a_type_whose_offers_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("moto")
    assert script.main(["--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "offerings.json").read_text())
    kept = content["types"]["p5.48xlarge"]
    content["types"]["p5.48xlarge"] = "us-east-1:4"
    (tmp_path / "offerings.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert script.main(["--out", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [f"offerings.json: p5.48xlarge: 'us-east-1:4' -> '{kept}'"]


def test_each_type_stands_on_its_own_line() -> None:
    for line in (CATALOG / "instances.json").read_text(encoding="utf-8").splitlines():
        if line.startswith('{"name"'):
            assert json.loads(line.rstrip(","))["name"]
