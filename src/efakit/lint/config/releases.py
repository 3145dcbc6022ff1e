"""Known faults of the release that a config is for: a rule for each row of ``catalog/known_faults.py``."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from efakit.catalog.known_faults import FAULTS, RESOURCE, ReleaseFault, Setting
from efakit.lint.config.node import Node, as_flag
from efakit.lint.config.rule import Check, Problem, rule
from efakit.lint.config.view import ClusterView, Resource
from efakit.versions import within


def _asked(row: ReleaseFault) -> Check:
    def check(view: ClusterView) -> Iterator[Problem]:
        if within(view.version, row.since, row.until) and _system_holds(row, view) and _head_holds(row, view):
            seen: set[tuple[str | int, ...]] = set()
            for node, name in _places(row, view):
                if node.path not in seen:
                    seen.add(node.path)
                    yield _problem(row, view, node, name)

    return check


def _problem(row: ReleaseFault, view: ClusterView, node: Node, name: str) -> Problem:
    of = f" ({name})" if name else ""
    about = ("creation",) if row.creation_only else ()
    return Problem(node.path, f"ParallelCluster {view.version}: {row.effect}{of}", row.fix, about=about)


def _system_holds(row: ReleaseFault, view: ClusterView) -> bool:
    return not row.systems or view.os.text in row.systems


def _head_holds(row: ReleaseFault, view: ClusterView) -> bool:
    head = view.instance(view.head.at("InstanceType").text)
    if row.head == "no-gpu":
        return head is not None and head.gpus == 0
    return not row.head or (head is not None and head.architecture == row.head)


def _places(row: ReleaseFault, view: ClusterView) -> Iterator[tuple[Node, str]]:
    """Give where a fault shows, each with the compute resource's name where it is one's; nothing: it does not hold."""
    found = [_found(setting, view.root, view) for setting in row.settings if setting.of != RESOURCE]
    if any(nodes is None for nodes in found):
        return
    settings = [nodes[0] for nodes in found if nodes]
    of_resources = [setting for setting in row.settings if setting.of == RESOURCE]
    every = row.instances == "*" and not of_resources
    if every and not row.efa and not row.several_nodes:
        own = view.root.at("Image", "CustomAmi").text
        if not (row.official_image and own):
            yield settings[0] if settings else view.root, ""
        return
    for resource in view.resources:
        node = _in_resource(row, of_resources, resource)
        if node is not None:
            yield (settings[0] if settings else node), resource.name
            if every:
                return  # a fault of the whole release: once is enough


def _in_resource(row: ReleaseFault, settings: list[Setting], resource: Resource) -> Node | None:
    view = resource.queue.view
    own = resource.queue.node.at("Image", "CustomAmi").text or view.root.at("Image", "CustomAmi").text
    if (row.official_image and own) or (row.efa and not resource.efa) or (row.several_nodes and resource.max_count < 2):
        return None
    types = [node for node in resource.types if _matches(row.instances, node.text or "")]
    if row.instances != "*" and not types:
        return None
    place = types[0] if types else resource.node
    for setting in settings:
        own_value = next(_at(resource.node, setting.keys)).present
        nodes = _found(setting, resource.node if own_value or setting.absent else resource.queue.node, view)
        if nodes is None:
            return None
        place = nodes[0] if nodes else place
    return place


def _matches(patterns: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split())


def _found(setting: Setting, root: Node, view: ClusterView) -> list[Node] | None:
    """Return the nodes that a setting is about, none for one that must not be there; None where it does not hold."""
    nodes = [node for node in _at(root, setting.keys) if _holds(setting, node, view)]
    if setting.absent:
        return None if nodes else []
    return nodes or None


def _at(node: Node, keys: tuple[str, ...]) -> Iterator[Node]:
    if not keys:
        yield node
    elif keys[0] == "*":
        for item in node.items:
            yield from _at(item, keys[1:])
    else:
        yield from _at(node.at(keys[0]), keys[1:])


def _holds(setting: Setting, node: Node, view: ClusterView) -> bool:
    if not node.present or node.value is None:
        return False
    if setting.other_than and node.text == view.root.at(*setting.other_than).text:
        return False
    if setting.value in ("true", "false"):
        return as_flag(node.value) is (setting.value == "true")
    return str(node.value) == setting.value if setting.value else as_flag(node.value) is not False


for _row in FAULTS:
    rule(_row.id)(_asked(_row))
