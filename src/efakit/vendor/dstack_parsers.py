"""dstack's own parsers, asked in this process: they need no server and no network.

Its modules are no public interface: what is not as it was in the release that ``pyproject.toml`` names is told, and is
nobody's fault but ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

import yaml

SERVER_CONFIG = "server-config.yml"


def installed_version() -> str | None:
    """Return the release of dstack that is installed, None without one."""
    try:
        return version("dstack")
    except PackageNotFoundError:
        return None


def refusals(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Give each file that dstack's parsers refuse and what they say; ``files`` holds each file's YAML by its name.

    Raises ImportError where this release of dstack has its parsers elsewhere, or they are others.
    """
    from dstack._internal.core.errors import DstackError
    from dstack._internal.core.models.configurations import parse_apply_configuration
    from dstack._internal.core.services import validate_dstack_resource_name
    from dstack._internal.server.services.config import ServerConfig

    for name, content in files.items():
        data = yaml.safe_load(content)
        try:
            if name.endswith(SERVER_CONFIG):
                ServerConfig.model_validate(data)
            else:
                parse_apply_configuration(data)
                validate_dstack_resource_name(data["name"])
        except (DstackError, ValueError) as error:  # pydantic's ValidationError is a ValueError
            yield name, " ".join(str(error).split())
        except (AttributeError, TypeError) as error:
            raise ImportError(f"they answer otherwise than in 0.22.5: {error}") from error
