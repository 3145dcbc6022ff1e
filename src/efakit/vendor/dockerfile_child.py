"""Reads a Dockerfile on standard input by BuildKit's parser and prints what it made of it as JSON.

``python -m efakit.vendor.dockerfile_child``: ``{"instructions": [[name, first line, last line], ...]}``, or
``{"refused": message}``. The package ``dockerfile`` brings Go's runtime, which takes the process's signals and threads:
it has this process for itself, and where it falls it takes no command and no other judge's answer along.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Read, parse, print."""
    import dockerfile

    try:
        parsed = dockerfile.parse_string(sys.stdin.buffer.read().decode())
    except dockerfile.GoParseError as error:
        answer: dict[str, object] = {"refused": str(error)}
    else:
        answer = {"instructions": [[command.cmd, command.start_line, command.end_line] for command in parsed]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
