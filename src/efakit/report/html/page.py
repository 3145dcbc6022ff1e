"""How a page is made: Jinja2 with autoescape, and a policy by which the browser loads and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from efakit.printable import printable

_MOST_LETTERS = 600
"""Of one text: a record's may be of any length."""


def render(template: str, values: dict[str, Any]) -> str:
    """Return the page of a template.

    Each text passes ``printable`` and is escaped. The page's policy allows its own style, by its hash, and nothing
    else: no script, no request, no form.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("efakit.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_safe,
    )
    style = resources.files("efakit.report.html").joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals |= {
        "style": Markup(style),  # noqa: S704 - our own file
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    }
    environment.filters["number"] = lambda value: f"{value:,}"
    return environment


def _safe(value: Any) -> Any:
    return printable(value, _MOST_LETTERS) if isinstance(value, str) and not isinstance(value, Markup) else value
