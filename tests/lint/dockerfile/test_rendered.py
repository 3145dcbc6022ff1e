"""What efakit renders itself has nothing that its own rules find."""

from __future__ import annotations

from efakit.lint.dockerfile import lint_dockerfile
from efakit.lint.script.rule import Surroundings
from efakit.rules.target import any_supported
from tests.emit.test_container import every_dockerfile


def test_every_rendered_dockerfile_is_clean():
    files = every_dockerfile()
    found = [
        f"{name}:{item.line} {item.rule}: {item.message}"
        for name, text in files.items()
        for item in lint_dockerfile("Dockerfile", text.encode(), Surroundings(any_supported()))
    ]
    assert files
    assert found == []
