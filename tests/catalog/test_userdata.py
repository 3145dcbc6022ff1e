"""The user's file: where it lies, what counts as damaged, and how its rows lie over the built-in ones."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from efakit.catalog import instances
from efakit.catalog.user_rows import userdata, userfile
from efakit.catalog.user_rows.renew import renew
from efakit.errors import CatalogError, UsageError
from tests.catalog.answers import with_efa, without_efa

CACHED = ("get", "sources", "_user_data", "_user_rows", "_efa_rows", "_plain_rows")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Give the path of a user's file that does not exist yet, with the user's rows switched on."""

    def forget() -> None:
        for name in CACHED:
            getattr(instances, name).cache_clear()

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("EFAKIT_CATALOG", raising=False)
    forget()
    yield tmp_path / "efakit" / "catalog.json"
    forget()


def write(file: Path, *raw: dict[str, Any], older: int = 0) -> str:
    source = {"title": "EC2", "address": "https://example.com", "version": "now"}
    data = renew({row["InstanceType"]: row for row in raw}, instances.built_in(), None, "2030", source).data
    text = userdata.render(data._replace(built_in_revision=data.built_in_revision - older))
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return text


def test_without_a_file_the_catalog_is_the_built_in_one(file):
    assert userfile.file_in_use() is None
    assert instances.get("p5.48xlarge").efa_interfaces == 32


def test_a_new_type_is_known_stands_in_its_place_and_names_its_source(file):
    write(file, with_efa("p5.24xlarge"), without_efa("m9.large"))
    names = [instance.name for instance in instances.all_efa()]
    assert names.index("p5.4xlarge") + 1 == names.index("p5.24xlarge") == names.index("p5.48xlarge") - 1
    assert instances.efa_table()["p5.24xlarge"] == 16
    assert instances.get("m9.large").source_of("vcpus").address == "https://example.com"
    assert "m9.large" in [instance.name for instance in instances.all_types()]


def test_the_users_row_wins_over_one_of_the_same_catalog(file):
    write(file, with_efa("p5.48xlarge"), with_efa("m5.large"), without_efa("p4d.24xlarge"))
    assert instances.get("p5.48xlarge").efa_interfaces == 16
    assert instances.get("p5.48xlarge").slurm_sockets == 2
    assert instances.get("m5.large").efa_interfaces == 16
    assert instances.get("p4d.24xlarge").efa_interfaces == 0
    assert "p4d.24xlarge" not in instances.efa_table()


def test_a_newer_catalogs_row_wins_with_a_warning_and_new_types_stay(file, caplog):
    write(file, with_efa("p5.48xlarge"), with_efa("m5.large"), without_efa("m9.large"), with_efa("p9.1xlarge"), older=1)
    with caplog.at_level(logging.WARNING):
        assert instances.get("p5.48xlarge").efa_interfaces == 32
        assert instances.get("m5.large").efa_interfaces == 0
        assert instances.known("m9.large")
        assert instances.get("p9.1xlarge").efa_interfaces == 16
    (warning,) = caplog.messages
    assert str(file) in warning
    assert "run 'efakit catalog update' again" in warning


def test_the_switch_leaves_the_users_rows_out(file, monkeypatch):
    write(file, with_efa("p9.48xlarge"))
    monkeypatch.setenv("EFAKIT_CATALOG", "builtin")
    assert not instances.known("p9.48xlarge")


def test_the_switch_refuses_what_nobody_knows(file, monkeypatch):
    monkeypatch.setenv("EFAKIT_CATALOG", "bultin")
    with pytest.raises(UsageError, match="EFAKIT_CATALOG=bultin"):
        instances.get("p5.48xlarge")


def test_the_file_lies_in_the_users_data_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        monkeypatch.setattr(sys, "platform", "linux")
        assert userfile.file() == Path("/home/me/.local/share/efakit/catalog.json")
        monkeypatch.setattr(sys, "platform", "darwin")
        assert userfile.file() == Path("/home/me/Library/Application Support/efakit/catalog.json")


def damaged(change: Any) -> Any:
    def apply(text: str) -> str:
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: "\udcff",
        damaged(lambda content: content.update(format=2)),
        damaged(lambda content: content.pop("updated")),
        damaged(lambda content: content.update(built_in_revision="1")),
        damaged(lambda content: content.update(sources=[])),
        damaged(lambda content: content.update(sources={})),
        damaged(lambda content: content["sources"]["ec2 2030"].update(extra=1)),
        damaged(lambda content: content.update(types={})),
        damaged(lambda content: content.update(types=[1])),
        damaged(lambda content: content.pop("plain_types")),
        damaged(lambda content: content["types"][0].update(name="rm -rf")),
        damaged(lambda content: content["types"][0].update(name=None)),
        damaged(lambda content: content["types"][0].update(vcpus="many")),
        damaged(lambda content: content["types"][0].update(vcpus=True)),
        damaged(lambda content: content["types"][0].update(efa_interfaces=0)),
        damaged(lambda content: content["types"][0].update(efa_interfaces=-1)),
        damaged(lambda content: content["types"][0].update(bandwidth_gbps=float("nan"))),
        damaged(lambda content: content["types"][0].update(architecture="\x1b[2J")),
        damaged(lambda content: content["types"][0].update(accelerators={"count": 1})),
        damaged(lambda content: content["types"][0].update(field_sources={"vcpus": "nowhere"})),
        damaged(lambda content: content["types"][0].update(field_sources={"vcpus": []})),
        damaged(lambda content: content["types"][0].update(field_sources=None)),
        damaged(lambda content: content["types"][0].update(usage_classes="spot")),
        damaged(lambda content: content["types"][0].update(colour="blue")),
        damaged(lambda content: content["types"][0].pop("vcpus")),
        damaged(lambda content: content["plain_types"][0].update(row=[2, 8192, "x86_64"])),
        damaged(lambda content: content["plain_types"][0].update(row=[2, 8192, "x86_64", 0])),
        damaged(lambda content: content["plain_types"][0].update(row=[2, 8192, "x86_64", 2, ["R100"]])),
        damaged(lambda content: content["plain_types"][0].update(name=7)),
        damaged(lambda content: content["plain_types"][0].update(source=None)),
        damaged(lambda content: content["plain_types"].append("m9.large")),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it_and_the_way_out(file, damage):
    text = write(file, with_efa("p9.48xlarge"), without_efa("m9.large"))
    file.write_bytes(damage(text).encode(errors="surrogateescape"))
    with pytest.raises(CatalogError) as caught:
        instances.get("p5.48xlarge")
    assert str(caught.value).startswith(f"{file}: ")
    assert "catalog update --reset" in str(caught.value)


def test_a_folder_in_place_of_the_file_is_an_error(file):
    file.mkdir(parents=True)
    with pytest.raises(CatalogError, match="cannot be read"):
        instances.get("p5.48xlarge")
