"""What may lie in a records folder: files that cannot be used, and records that can and whose texts are hostile.

Each row puts something in the place of n2's record, or beside it; n1's is good.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.jobs.making import path_of, version_1, version_2

Put = Callable[[Path], Path]
"""Puts something below the records folder, and returns its path."""

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b2J\r\n\x08\u202e\u2066\u200f\ud800 [red]x[/red] :skull:"
DEEP = b"[" * 100_000
SCHEMA = b'{"schema_version": 2, '


def content(data: bytes) -> Put:
    """Return what writes ``data`` as n2's file."""

    def put(folder: Path) -> Path:
        path = path_of(folder, version_2("n2"))
        path.write_bytes(data)
        return path

    return put


def mutated(make: Callable[..., dict[str, Any]] = version_2, **changes: Any) -> Put:
    """Return what writes n2's record with other fields."""
    return content(json.dumps({**make("n2"), **changes}).encode())


def text(old: str, new: str) -> Put:
    """Return what writes n2's record with ``old`` in its JSON replaced."""
    whole = json.dumps(version_2("n2"))
    assert old in whole
    return content(whole.replace(old, new, 1).encode("utf-8", "surrogatepass"))


def without(field: str) -> Put:
    """Return what writes n2's record without a field."""
    return content(json.dumps({name: value for name, value in version_2("n2").items() if name != field}).encode())


def device(**changes: Any) -> Put:
    """Return what writes n2's record with another device."""
    return mutated(devices=[{**version_2()["devices"][0], **changes}])


def counter(value: str) -> Put:
    """Return what writes n2's record with a counter's value as JSON writes it."""
    return text('"counters": {"tx_bytes": 1000000000', '"counters": {"tx_bytes": ' + value)


def made_by(make: Callable[[Path], object]) -> Put:
    """Return what makes something that is no file, in the place of n2's."""

    def put(folder: Path) -> Path:
        path = path_of(folder, version_2("n2"))
        make(path)
        return path

    return put


def sparse(path: Path) -> None:
    """Make a file of 3 GB that takes no room."""
    with path.open("wb") as file:
        file.truncate(3 << 30)


def listen(path: Path) -> None:
    """Make a socket; its path may be longer than a socket's name can be."""
    here = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)
        os.close(here)


def beside(name: bytes, data: bytes | None = None, folder: str = "lab/7") -> Put:
    """Return what writes another file, beside good records of n1 and n2."""

    def put(records: Path) -> Path:
        own = path_of(records, version_2("n2"))
        own.write_text(json.dumps(version_2("n2")))
        path = records / folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(version_2("n2")).encode() if data is None else data)
        return path

    return put


def in_other_cluster(**changes: Any) -> Put:
    """Return what writes a record of another cluster, beside the good ones of this one."""
    return beside(b"n1.r0.0123456789abcdef.json", json.dumps(version_2("n1", cluster="o", **changes)).encode(), "o/7")


# What cannot be used: name, what puts it there, words of the fault.
REFUSED: list[tuple[str, Put, str]] = [
    ("empty", content(b""), "is not JSON"),
    ("zeros", content(b"\0" * 4096), "is not JSON"),
    ("cut short", content(json.dumps(version_2("n2")).encode()[:700]), "is not JSON"),
    ("two values", content(json.dumps(version_2("n2")).encode() * 2), "Extra data"),
    ("random bytes", content(bytes(range(256))), "not UTF-8"),
    ("latin 1", content(b'{"node": "\xe9"}'), "not UTF-8"),
    ("a surrogate in UTF-8", text('"me"', '"\ud800"'), "not UTF-8"),
    ("UTF-16", content(json.dumps(version_2("n2")).encode("utf-16")), "not UTF-8"),
    ("byte order mark", content(b"\xef\xbb\xbf{}"), "is not JSON"),
    ("a list", content(b"[]"), "is not a record"),
    ("a text", content(b'"x"'), "is not a record"),
    ("a number", content(b"1"), "is not a record"),
    ("null", content(b"null"), "is not a record"),
    ("no fields", content(b"{}"), "is not a record"),
    ("nested lists", content(DEEP), "nested deeper"),
    ("nested lists, closed", content(DEEP + b"]" * 100_000), "nested deeper"),
    ("nested objects", content(b'{"a":' * 100_000), "nested deeper"),
    ("nested forty times in a field", mutated(later=json.loads("[" * 40 + "]" * 40)), "nested deeper"),
    ("quotes and backslashes", content(b'"' + b'\\"' * 500_000), "is not JSON"),
    ("spaces", content(b" " * 3_000_000), "is not JSON"),
    ("5 MB", content(b'{"a": "' + b"x" * 5_000_000 + b'"}'), "too large"),
    ("3 GB", made_by(sparse), "too large"),
    ("FIFO", made_by(os.mkfifo), "not a regular file"),
    ("folder", made_by(Path.mkdir), "not a regular file"),
    ("link to a good record", made_by(lambda path: path.symlink_to("n1.r0.json")), "is a link"),
    ("link to nowhere", made_by(lambda path: path.symlink_to("/none/x")), "is a link"),
    ("link to a device", made_by(lambda path: path.symlink_to("/dev/zero")), "is a link"),
    ("link loop", made_by(lambda path: path.symlink_to(path.name)), "is a link"),
    ("socket", made_by(listen), "not a regular file"),
    ("duplicate field", text('"node": "n2"', '"node": "n1", "node": "n2"'), "duplicate name 'node'"),
    ("duplicate counter", text('"tx_bytes"', '"rx_bytes"'), "duplicate name 'rx_bytes'"),
    ("duplicate name that is hostile", content(b'{"\\u001b[2J": 1, "\\u001b[2J": 2}'), "duplicate name"),
    ("newer", mutated(schema_version=4), "newer efakit"),
    ("much newer", mutated(schema_version=10**15), "newer efakit"),
    ("version 0", mutated(schema_version=0), "is not a record"),
    ("version -1", mutated(schema_version=-1), "is not a record"),
    ("version true", mutated(schema_version=True), "is not a record"),
    ("version 2.0", mutated(schema_version=2.0), "is not a record"),
    ("version as a text", mutated(schema_version="2"), "is not a record"),
    *((f"counter {value}", counter(value), words) for value, words in (
        ("-1", "devices"), ("1.0", "devices"), ("1e3", "devices"), ("true", "devices"), ("null", "devices"),
        ('"5"', "devices"), (str(2**64), "devices"), ("NaN", "NaN"), ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1" + "0" * 400, "401 digits"), ("9" * 5000, "5000 digits"), ("1e400", "too large"),
        ("1." + "9" * 5000, "5002 letters"), ("[]", "devices"), ("{}", "devices"),
    )),
    *((f"{name} {value!r}", mutated(**{name: value}), f"damaged: {name} ") for name, value in (
        ("job_id", 0), ("job_id", -7), ("job_id", 7.0), ("job_id", True), ("job_id", 2**32), ("job_id", "7"),
        ("ended_at", -1), ("ended_at", 1e18), ("ended_at", True), ("ended_at", None), ("began_at", -0.5),
        ("started_at", 0.5), ("started_at", 10**13), ("clock_jump_seconds", 1e300), ("restart_count", -1),
        ("restart_count", 1.5), ("node", ""), ("node", "n" * 2000), ("node", "n²"), ("node", "n٣"), ("node", ["n2"]),
        ("cluster", ""), ("cluster", None), ("run", ""), ("run_from", "x"), ("record_id", "x"), ("record_id", "A" * 16),
        ("record_id", None), ("node_list", 1), ("node_list_at_end", []), ("sluid", 7), ("baseline", "fine"),
        ("baseline", {}), ("devices_found", -1), ("devices_found", False), ("devices_expected", "8"),
        ("devices_unknown", None), ("interfaces_unknown", 0), ("shared_with", [0]), ("shared_with", ["8"]),
        ("shared_with", [True]), ("shared_with", list(range(1, 20_000))), ("findings", [1]), ("findings", [{}]),
        ("findings", {}), ("doubts", "none"), ("doubts", [1]), ("resets", None), ("het_job_id", 0),
        ("installation_id", 5), ("prolog_failed", 1), ("user_id", -1), ("user", []),
        ("devices", {}), ("devices", [None]), ("devices", version_2()["devices"] * 2), ("interfaces", [{}]),
        ("interfaces", [{"name": "eth0", "counters": {}, "errors": []}]),
    )),
    ("a device without a name", device(name=""), "damaged: devices"),
    ("a device's errors as a text", device(errors="none"), "damaged: devices"),
    ("unknown as a text", device(unknown="tx_bytes"), "damaged: devices"),
    *((f"without {name}", without(name), f"damaged: {name} ") for name in (
        "node", "cluster", "run", "record_id", "devices", "interfaces", "devices_unknown", "node_list_at_end", "doubts",
    )),
    ("another job's", mutated(job_id=8), "in the folder of another"),
    ("another cluster's", mutated(cluster="zz"), "is a record of cluster zz, in the folder of lab"),
    ("another cluster's, with escapes", mutated(cluster=ESCAPES), "is a record of cluster ?"),
    ("a component that can be none", mutated(het_job_id=8), "not a component"),
    *((f"node list {value[:30]!r}", mutated(node_list=value), words) for value, words in (
        ("n[0-9999999]", "10000000 nodes"), ("n[1-9][1-9][1-9][1-9][1-9][1-9]", "531441 nodes"),
        ("n[0-" + "9" * 5000 + "]", "not a range"), ("n[1-2", "not a node list"), ("n[[1-2]]", "not a node list"),
        ("@all", "not a node list"), ("@*", "not a node list"), ("n*", "not a node list"), ("n1 n2", "not a node list"),
        ("n[\u0663]", "not a node list"), ("n[1-2]\x1b[2J", "not a node list"), ("," * 1000, "not a node list"),
        ("n" * 300_000, "too long"), ("n[1]," * 5000 + "n2", "more than 4096"), ("(null)", "not a node list"),
    )),
    ("node list at the end", mutated(node_list_at_end="n[0-9999999]"), "10000000 nodes"),
    ("version 1 with a bad node list", mutated(version_1, node_list="n["), "not a node list"),
    ("version 1 with a bad counter", mutated(version_1, devices=[{"name": "d", "counters": {"x": -1}, "errors": []}]),
     "damaged: devices"),
    ("version 1 without its node", content(b'{"schema_version": 1}'), "damaged: "),
    ("name that is not UTF-8", beside(b"\xff\xfe.r0.json", b"{"), "is not JSON"),
    ("name with escapes", beside(b"\x1b[2J.r0.json", b"{"), "is not JSON"),
    ("name with a newline", beside(b"a\nb.r0.json", b"{"), "is not JSON"),
    ("name with odd digits", beside("n².r³.json".encode(), b"{"), "is not JSON"),
    ("name of 255 letters", beside(b"n" * 250 + b".json", b"{"), "is not JSON"),
    ("name without a node", beside(b"r0.json", b"{"), "is not JSON"),
    ("name of dots", beside(b"n9...json", b"{"), "is not JSON"),
    ("another cluster's bad node list", in_other_cluster(node_list="n[0-9999999]"), "10000000 nodes"),
    ("another cluster's newer record", in_other_cluster(schema_version=9), "newer efakit"),
    ("another cluster's cut record", beside(b"n1.r0.json", b"{", "o/7"), "is not JSON"),
]  # fmt: skip

# What can be used, and must harm nobody.
USABLE: list[tuple[str, Put]] = [
    ("fields of later", mutated(later={"x": [1, 2.5, None, "y"]})),
    ("the largest counters", counter(str(2**64 - 1))),
    ("counters of zero", counter("-0")),
    ("user with escapes", mutated(user=ESCAPES)),
    ("finding with escapes", mutated(findings=[{"rule": ESCAPES, "severity": "error", "message": ESCAPES}])),
    ("finding of a megabyte", mutated(findings=[{"rule": "r", "severity": "error", "message": "x" * 10**6}])),
    (
        "thousand findings",
        mutated(findings=[{"rule": "r", "severity": "error", "message": f"m{n}"} for n in range(1000)]),
    ),
    ("resets with escapes", mutated(resets=[ESCAPES])),
    ("doubts with escapes", mutated(doubts=[ESCAPES])),
    ("prolog failed with escapes", mutated(prolog_failed=ESCAPES)),
    ("device's name with escapes", device(name=ESCAPES, errors=[ESCAPES + ": x"])),
    ("interface's name with escapes", mutated(interfaces=[{**version_2()["interfaces"][0], "name": ESCAPES}])),
    ("counter's name with escapes", device(counters={ESCAPES: 5, "tx_bytes": 1, "rx_bytes": 1})),
    ("unknown with escapes", device(unknown=[ESCAPES])),
    ("run with escapes", mutated(run=ESCAPES)),
    ("SLUID with escapes", mutated(run=ESCAPES, sluid=ESCAPES)),
    ("node with escapes", mutated(node=ESCAPES)),
    ("node with markup", mutated(node="[bold]n2[/bold]")),
    ("node with a format", mutated(node="{0.__class__}{x}%s", resets=[f"{{{n}}}" for n in range(50)])),
    ("node with a path", mutated(node="../../etc/passwd")),
    ("node of 1,000 letters", mutated(node="n" * 1000)),
    ("node with 1,000 digits", mutated(node="n" + "9" * 1000)),
    ("the largest restart count", mutated(restart_count=2**64 - 1, run=f"r{2**64 - 1}")),
    ("the last year", mutated(ended_at=253_402_300_799, began_at=0, started_at=253_402_300_799)),
    ("begins after its end", mutated(began_at=3000.0, ended_at=1.0)),
    ("a file's name with escapes", beside(b"\x1b[2J.r0.json")),
    ("a file's name that is not UTF-8", beside(b"\xff.r0.json")),
    ("a file that is being written", beside(b".n3.r0.json.77", b"{")),
    ("a file that is none of ours", beside(b"README", b"\x1b[2J")),
    ("node lists of null", mutated(node_list=None, node_list_at_end=None)),
    ("a node list of its own", mutated(node_list="m[1-5]", node_list_at_end="m[1-5]")),
]
