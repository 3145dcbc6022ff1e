"""Names for platforms that take small letters, digits and hyphens only."""

from __future__ import annotations

import re


def plain_name(text: str, taken: dict[str, str], most: int) -> str:
    """Return such a name of at most ``most`` letters, a letter first, another one for each text.

    ``taken`` has the texts of the names given out so far, and gets this one's.
    """
    plain = re.sub(r"[^a-z0-9-]", "-", text.lower())
    plain = (plain if plain[:1].isalpha() else f"j-{plain}")[:most].rstrip("-").ljust(2, "0")
    for number in range(2, len(taken) + 3):
        if taken.setdefault(plain, text) == text:
            break
        tail = f"-{number}"
        plain = plain[: most - len(tail)].rstrip("-") + tail
    return plain
