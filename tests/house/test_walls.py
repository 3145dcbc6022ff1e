"""Each import that the table of rooms forbids is refused, by the contract in memory and by the real lint-imports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import grimp
import pytest

from efakit.emit.registry import target_names
from scripts.rooms import ROOMS, ground_there, rooms_there
from scripts.walls import Walls

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
THERE = [room.name for room in rooms_there()]
GROUND = [module.stem for module in ground_there()]
PAIRS = list(permutations(THERE, 2))
ALLOWED = [(room, other) for room, other in PAIRS if other in ROOMS[room].may_import]
FORBIDDEN = [pair for pair in PAIRS if pair not in ALLOWED]
PACKAGES = sorted({package for room in ROOMS.values() for package in room.packages})
# These once passed every contract.
PASSED_ONCE = [
    ("hook", "lint"),
    ("plan", "lint"),
    ("vendor", "spec"),
    ("spec", "rules"),
    ("emit", "rules"),
    ("node", "catalog"),
    ("slurm", "node"),
    ("jobs", "report"),
    ("catalog", "lint"),
]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("efakit", include_external_packages=True, cache_dir=None)


@contextmanager
def imported(graph: grimp.ImportGraph, *imports: tuple[str, str]) -> Iterator[None]:
    """More imports, each (importer, imported), for as long as the block runs."""
    new = {module for pair in imports for module in pair if module not in graph.modules}
    for module in new:
        graph.add_module(module)
    for importer, target in imports:
        assert not graph.direct_import_exists(importer=importer, imported=target)
        graph.add_import(importer=importer, imported=target)
    try:
        yield
    finally:
        for importer, target in imports:
            graph.remove_import(importer=importer, imported=target)
        for module in new:
            graph.remove_module(module)


def refused(graph: grimp.ImportGraph) -> list[str]:
    """Return why the contract is broken, nothing where it is kept."""
    check = Walls("rooms", {}, {}).check(graph, verbose=False)
    why = [breach.why for breach in check.metadata["breaches"]]
    assert check.kept == (not why)
    return why


def deepest(graph: grimp.ImportGraph, room: str) -> str:
    return max(sorted(graph.find_descendants(f"efakit.{room}")), key=lambda module: module.count("."))


def test_the_tree_as_it_is_keeps_to_the_table(graph):
    assert refused(graph) == []


def test_the_arrows_of_the_table_go_down_only():
    for place, room in enumerate(ROOMS.values()):
        above = list(ROOMS)[:place]
        assert set(room.may_import) <= set(above), room.name


def test_no_circle_leads_from_room_to_room(graph):
    assert graph.nominate_cycle_breakers("efakit") == set()


@pytest.mark.parametrize("room", THERE)
def test_modules_that_import_each_other_in_a_circle_are_refused(graph, room):
    one, two, three = (f"efakit.{room}.{name}" for name in ("one", "two", "three"))
    with imported(graph, (one, two), (two, three)):
        assert refused(graph) == []
    with imported(graph, (one, two), (two, three), (three, one)):
        assert refused(graph) == ["a circle of modules"] * 3


def test_every_folder_with_modules_has_a_row():
    folders = {path.parent.name for path in (ROOT / "src/efakit").glob("*/*.py")}
    assert folders <= set(ROOMS)
    assert folders == set(THERE), "a room without __init__.py is not seen by lint-imports"


def test_a_module_imported_by_its_name_is_of_the_same_room():
    """Such imports are not in the graph. The commands, which may import everything, are named in cli/group.py."""
    named = [
        (path.relative_to(ROOT / "src/efakit").parts[0], room)
        for path in (ROOT / "src/efakit").rglob("*.py")
        for room in re.findall(r"(?:import_module|__import__)\(\s*f?[\"']efakit\.(\w+)", path.read_text())
    ]
    assert ("emit", "emit") in named
    assert [pair for pair in named if pair[0] != pair[1]] == []


def test_what_passed_once_is_forbidden():
    assert set(PASSED_ONCE) <= set(FORBIDDEN)


def test_each_forbidden_import_is_refused_and_the_pair_is_named(graph):
    deep = {room: deepest(graph, room) for room in THERE}
    shallow = [(f"efakit.{room}", f"efakit.{other}") for room, other in FORBIDDEN]
    with imported(graph, *shallow, *((deep[room], deep[other]) for room, other in FORBIDDEN)):
        found = Counter(refused(graph))
    assert found == {f"{room} may not import {other}": 2 for room, other in FORBIDDEN}


def test_a_pair_is_forbidden_or_allowed_and_none_is_left_out():
    assert len(FORBIDDEN) + len(ALLOWED) == len(THERE) * (len(THERE) - 1)
    assert not set(FORBIDDEN) & set(ALLOWED)


def test_every_allowed_import_passes(graph):
    with imported(graph, *((f"efakit.{room}.added", f"efakit.{other}.added") for room, other in ALLOWED)):
        assert refused(graph) == []


@pytest.mark.parametrize("module", GROUND)
def test_the_ground_is_open_to_all_and_imports_no_room_and_no_package(graph, module):
    with imported(graph, *((f"efakit.{room}.added", f"efakit.{module}") for room in THERE)):
        assert refused(graph) == []
    with imported(graph, *((f"efakit.{module}", f"efakit.{room}") for room in THERE)):
        assert refused(graph) == sorted(f"{module} may not import {room}" for room in THERE)
    with imported(graph, (f"efakit.{module}", "yaml")):
        assert refused(graph) == [f"{module} may not import the package yaml"]


@pytest.mark.parametrize("room", THERE)
def test_a_room_imports_the_standard_library_and_the_packages_of_its_row(graph, room):
    with imported(graph, *((f"efakit.{room}.added", name) for name in ("sqlite3", *ROOMS[room].packages))):
        assert refused(graph) == []
    others = ["numpy", *(name for name in PACKAGES if name not in ROOMS[room].packages)]
    with imported(graph, *((f"efakit.{room}.added", name) for name in others)):
        assert refused(graph) == sorted(f"{room} may not import the package {name}" for name in others)


@pytest.mark.parametrize("room", [room.name for room in ROOMS.values() if room.on_nodes])
def test_what_runs_on_nodes_has_no_package_and_imports_only_what_runs_there_too(room):
    assert ROOMS[room].packages == ()
    assert all(ROOMS[other].on_nodes for other in ROOMS[room].may_import)


@pytest.mark.parametrize(("one", "other"), list(permutations(target_names(), 2)))
def test_no_target_knows_another(graph, one, other):
    with imported(graph, (f"efakit.emit.{one}_added", f"efakit.emit.{other}")):
        assert refused(graph) == [f"target {one} may not know target {other}"]


@pytest.mark.parametrize(("importer", "imported_by_it"), [("plan", "plan"), ("emit", "plan"), ("plan", "spec")])
def test_no_platform_knows_another_in_any_room(graph, importer, imported_by_it):
    with imported(graph, (f"efakit.{importer}.eks.pods", f"efakit.{imported_by_it}.dstack")):
        assert refused(graph) == ["platform eks may not know platform dstack"]
    with imported(graph, (f"efakit.{importer}.eks.pods", f"efakit.{imported_by_it}.slurm.site")):
        assert refused(graph) == []


def test_a_module_outside_all_rooms_needs_a_row(graph):
    with imported(graph, ("efakit.attic", "efakit.errors")):
        assert refused(graph) == ["attic has no row"]


def lint(folder: Path, imports: Iterable[tuple[str, str]]) -> tuple[int, str]:
    """Run lint-imports on a copy of the tree with more imports, each (module, module it imports) within efakit."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "scripts").mkdir()
    for name in ("pyproject.toml", "scripts/__init__.py", "scripts/rooms.py", "scripts/walls.py"):
        shutil.copy(ROOT / name, folder / name)
    for importer, target in imports:
        with (folder / "src/efakit" / f"{importer.replace('.', '/')}.py").open("a") as file:
            file.write(f"import efakit.{target}\n")
    # Wide enough that no line is broken.
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "300"}
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.thorough
def test_lint_imports_names_each_forbidden_pair(tmp_path):
    code, said = lint(tmp_path, [(f"{room}.added", other) for room, other in FORBIDDEN])
    assert code == 1
    assert set(re.findall(r"(\w+) may not import (\w+): efakit\.", said)) == set(FORBIDDEN)
    assert re.search(r"hook may not import lint: efakit\.hook\.added -> efakit\.lint \(line \d+\)", said)


@pytest.mark.thorough
def test_lint_imports_passes_every_allowed_pair(tmp_path):
    code, said = lint(tmp_path, [(f"{room}.added", other) for room, other in ALLOWED])
    assert (code, "2 kept, 0 broken" in said) == (0, True), said


@pytest.mark.thorough
def test_lint_imports_refuses_a_circle_within_the_catalog(tmp_path):
    code, said = lint(tmp_path, [("catalog.one", "catalog.two"), ("catalog.two", "catalog.one")])
    assert code == 1
    assert "No cycles are allowed in efakit.catalog" in said
    assert "may not import" not in said
