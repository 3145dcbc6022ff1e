"""Reads what LNet, Lustre's own network, has moved: FSx for Lustre over EFA uses the devices of the ranks.

LNet counts the bytes of what it carries, over all of its networks together, in ``lnet/stats`` of debugfs (``lnet/lnet/
lnet_debugfs.c`` in lustre-release 2.17.0: seven counts, then bytes sent, received, routed and dropped; the text of
older clients, such as FSx's 2.15, was not read, and a file of another form counts as unread). It counts messages by
interface too, but no bytes; ``lnet/nis`` names the interfaces. Both files answer from memory under LNet's own lock: a
file system that is away does not hold them. Only root may read them.
"""

from __future__ import annotations

import errno
import os

from efakit.node.files import again, below, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class LnetReading(TypedDict):
        """LNet's counters since it was started, and the networks of its interfaces, such as ``efa`` and ``tcp``.

        ``error`` says why they are not known. ``all_tcp``: whichever interface LNet's TCP uses, its bytes are counted.
        """

        networks: list[str]
        send_bytes: int
        recv_bytes: int
        messages: int
        all_tcp: bool
        error: str | None


_FOLDER, _MODULE = "sys/kernel/debug/lnet", "sys/module/lnet"
# The places in lnet/stats of the messages and bytes that went out and came in.
_SEND_COUNT, _RECV_COUNT, _SEND_LENGTH, _RECV_LENGTH, _FIELDS = 3, 4, 7, 8, 11
# An interface is a line of some 80 letters in each CPU partition.
_MOST_BYTES, _CHUNK_BYTES = 1 << 18, 4096
# Messages are counted in 32 bits.
_COUNT_RANGE = 1 << 32


def read_lnet(root: str, *, all_tcp: bool) -> LnetReading | None:
    """Return LNet's counters; None where the node has no LNet."""
    reading: LnetReading = {
        "networks": [],
        "send_bytes": 0,
        "recv_bytes": 0,
        "messages": 0,
        "all_tcp": all_tcp,
        "error": None,
    }
    try:
        counts = _counts(again(_read_whole, below(root, _FOLDER, "stats")))
        networks = _networks(again(_read_whole, below(root, _FOLDER, "nis")))
    except (FileNotFoundError, NotADirectoryError):
        loaded, why = told(os.stat, below(root, _MODULE))
        if loaded is None and why is None:
            return None
        reading["error"] = "lnet is loaded, and debugfs does not show it"
    except OSError as error:
        # LNet is loaded and not started: what it counts begins at 0.
        if error.errno != errno.ENODEV:
            reading["error"] = "%s: %s" % (os.path.basename(error.filename or "stats"), error.strerror)
    else:
        if counts is None or networks is None:
            reading["error"] = "lnet/%s has another form" % ("stats" if counts is None else "nis")
        else:
            reading["networks"] = networks
            reading["messages"], reading["send_bytes"], reading["recv_bytes"] = counts
    return reading


def lnet_difference(before: LnetReading | None, after: LnetReading | None) -> LnetReading | None:
    """Return what LNet moved between two readings; None where the node had none at the end.

    One that was not there at first counted from 0.
    """
    if before is None or after is None:
        return after
    networks = sorted({*before["networks"], *after["networks"]})
    sent, received = (after[name] - before[name] for name in ("send_bytes", "recv_bytes"))
    error = before["error"] or after["error"]
    if error is None and min(sent, received) < 0:
        error = "LNet's counters began anew"
    known = error is None
    return {
        "networks": networks,
        "send_bytes": sent if known else 0,
        "recv_bytes": received if known else 0,
        "messages": (after["messages"] - before["messages"]) % _COUNT_RANGE if known else 0,
        "all_tcp": before["all_tcp"] and after["all_tcp"],
        "error": error,
    }


def _read_whole(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = bytearray()
        # One read of lnet/nis gives one line.
        while len(data) < _MOST_BYTES:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                break
            data += chunk
        return data.decode("ascii", "replace")
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.closerange(descriptor, descriptor + 1)


def _counts(text: str) -> tuple[int, int, int] | None:
    """Return messages, bytes sent and bytes received."""
    words = text.split()
    if len(words) != _FIELDS or not all(word.isdigit() and len(word) <= 20 for word in words):
        return None
    messages = (int(words[_SEND_COUNT]) + int(words[_RECV_COUNT])) % _COUNT_RANGE
    return messages, int(words[_SEND_LENGTH]), int(words[_RECV_LENGTH])


def _networks(text: str) -> list[str] | None:
    """Return the networks of the lines ``172.31.0.9@efa up 0 1 ...`` below the heading; not the node's own, ``lo``."""
    lines = text.splitlines()
    if not lines or lines[0].split()[:1] != ["nid"]:
        return None
    found = {line.split()[0].rpartition("@")[2] for line in lines[1:] if line.strip()}
    return sorted(found - {"lo"})
