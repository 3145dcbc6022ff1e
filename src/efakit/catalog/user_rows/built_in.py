"""What the user's own rows are compared with, and laid over: the catalog as efakit ships it."""

from __future__ import annotations

from typing import Any, NamedTuple


class BuiltIn(NamedTuple):
    """The catalog as efakit ships it, as rows; nobody changes them."""

    revision: int
    """Rises by one whenever a row changes."""
    sources: dict[str, dict[str, Any]]
    ec2_source: str
    """Key of the source of EC2's own data; a row with another one was made by hand."""
    efa: dict[str, dict[str, Any]]
    plain: dict[str, list[Any]]
