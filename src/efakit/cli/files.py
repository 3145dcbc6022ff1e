"""Writes a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a new file with ``content`` in the place of ``path``, by rename; raise OSError, with nothing changed."""
    import tempfile  # imports much, and most commands write no file

    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".efakit-", delete=False) as new:
        temporary = Path(new.name)
        try:
            new.write(content)
            new.flush()
            os.fchmod(new.fileno(), mode)
            os.fsync(new.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
