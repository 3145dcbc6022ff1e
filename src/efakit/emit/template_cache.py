"""Keeps efakit's own job templates compiled, where Python keeps its modules: compiling takes longer than rendering.

So whoever may write efakit's bytecode may write this, and nobody else: ``PYTHONPYCACHEPREFIX`` and
``PYTHONDONTWRITEBYTECODE`` hold as for modules, and a folder that cannot be written stays as it is.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import BytecodeCache, compiler
from jinja2.bccache import Bucket


class TemplateCache(BytecodeCache):
    """The compiled templates of one folder; those of other folders, the user's own, are compiled each time.

    What is kept serves as long as the template, Jinja2's compiler and ``settings`` of the environment are the same.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        compiled_by = Path(compiler.__file__).stat()
        self._serves = f"{compiled_by.st_mtime_ns} {compiled_by.st_size} {sorted(settings.items())}\n"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the template's path."""
        return filename or ""

    def get_source_checksum(self, source: str) -> str:
        """Return what tells one state of a template, and of what compiled it, from another."""
        return hashlib.sha256((self._serves + source).encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is kept of a template, if it serves."""
        kept = self._kept(bucket.key)
        if kept is None:
            return
        try:
            bucket.bytecode_from_string(kept.read_bytes())
        except Exception:  # a file that is not there, or damaged: unpickling raises whatever it meets
            bucket.reset()
        # A checkout that was moved takes its folders along; messages name the template's file.
        if not isinstance(bucket.code, CodeType) or bucket.code.co_filename != bucket.key:
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, if that can be."""
        kept = self._kept(bucket.key)
        if kept is not None and not sys.dont_write_bytecode:
            # As Python does for modules: whole or not at all, and no word where the folder cannot be written.
            SourceFileLoader("", bucket.key).set_data(str(kept), bucket.bytecode_to_string())

    def _kept(self, template: str) -> Path | None:
        if Path(template).parent != self._folder:
            return None
        try:
            return Path(cache_from_source(template))
        except NotImplementedError:  # this Python keeps no bytecode
            return None
