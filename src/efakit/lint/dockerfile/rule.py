"""The rules asked of Dockerfiles. A new one is a row of the registry and a function with ``@rule`` here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from efakit.lint.checks import Checks
from efakit.lint.dockerfile.contents import Contents
from efakit.lint.dockerfile.image import Image
from efakit.lint.script.rule import Problem, Surroundings
from efakit.rules.releases import target_of
from efakit.rules.target import Target

_MODULES = ("form_rules", "installer_rules", "plugin_rules", "base_rules", "setting_rules", "software_rules")


_BROUGHT = ("plugin", "libfabric", "rdma_core", "open_mpi", "open_mpi_5")
_NAMED_APART = ("installer", "plugin", "parallelcluster", "efa_interfaces")


class Context:
    """A Dockerfile's stages, what they install, and what the caller knows beside the text."""

    def __init__(self, image: Image, surroundings: Surroundings) -> None:
        self.image = image
        self.file = image.file
        self.surroundings = surroundings

    @cached_property
    def contents(self) -> list[Contents]:
        """What each image that the file makes holds."""
        return [Contents(stage) for stage in self.image.leaves]

    def target(self, contents: Contents) -> Target:
        """Return what a job in an image runs on: what the image names, else what the caller does."""
        given = self.surroundings.target
        named = contents.versions
        if not named:
            return given
        # What the caller's installer brings is not in an image that has another one.
        gone = _BROUGHT if "installer" in named else ()
        versions = {name: version for name, version in given.versions.items() if name not in gone} | named
        own = {name: version for name, version in versions.items() if name not in _NAMED_APART}
        try:
            found = target_of(
                installer=versions.get("installer"),
                plugin=versions.get("plugin"),
                instance=given.instance,
                os=given.os,
                **own,
            )
        except KeyError:  # an installer without a row
            return Target(versions, {}, given.instance, given.os)
        # The driver is the node's, whatever installer the image has.
        driver = given.versions.get("driver")
        kept = {name: version for name, version in found.versions.items() if name != "driver"}
        return found._replace(versions={**kept, **({"driver": driver} if driver else {})})


Check = Callable[[Context], Iterator[Problem]]


_checks: Checks[Check] = Checks("dockerfile", tuple(f"efakit.lint.dockerfile.{module}" for module in _MODULES))
rule, for_rows, all_rules = _checks.rule, _checks.for_rows, _checks.all
