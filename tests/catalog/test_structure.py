"""The catalog's modules, and the folders in it, import each other in one direction."""

from __future__ import annotations

import grimp
import pytest

GRAPH = grimp.build_graph("efakit")


def circles(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    """Give the pairs of modules of the catalog that reach each other by imports."""
    modules = sorted(name for name in graph.modules if name.startswith("efakit.catalog"))
    return [
        (one, other)
        for one in modules
        for other in graph.find_downstream_modules(one) & set(modules)
        if one < other and one in graph.find_downstream_modules(other)
    ]


def test_no_module_of_the_catalog_imports_one_that_imports_it():
    assert circles(GRAPH) == []


def test_no_folder_of_the_catalog_imports_a_module_that_imports_it():
    graph = grimp.build_graph("efakit")
    graph.squash_module("efakit.catalog.user_rows")
    assert circles(graph) == []


@pytest.mark.parametrize("table", ["nccl", "libfabric", "mpi", "neuron"])
def test_a_circle_would_be_found(table):
    graph = grimp.build_graph("efakit")
    graph.add_import(importer="efakit.catalog.variables.row", imported=f"efakit.catalog.variables.{table}")
    assert circles(graph)
