"""Rows: settings that are missing, broken, not to be trusted, or from the future."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.hook.faults.environments import NAMED, exactly, written_config
from tests.hook.faults.story import (
    DEVICES,
    Case,
    Step,
    Story,
    efa_bytes,
    finding,
    no_finding,
    prolog,
    record,
    said,
    traffic,
    whole,
)


def config(content: bytes | None) -> Step:
    """Run prolog and epilog with this file of settings, on a node whose defaults touch nothing real."""

    def step(story: Story) -> None:
        path = story.node.root.parent / "hook.json"
        if content is not None:
            path.write_bytes(content)
        run_apart(story, str(path))

    return step


# With the defaults in force the hook uses the real /var/spool and /run: here some that go with the process.
_OWN = "/bin/mount -t tmpfs none /var/spool && /bin/mount -t tmpfs none /run"
_BOTH = '"$0" -I -S "$1" prolog --config "$2"; a=$?; "$0" -I -S "$1" epilog --config "$2"; exit $((a + $?))'


def run_apart(story: Story, path: str) -> None:
    node = story.node
    hooks = ["/bin/sh", "-c", _BOTH, node.python, str(node.archive), path]
    apart = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f'{_OWN} && exec "$@"', "sh"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*apart, *hooks], env=NAMED, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "internal error" not in done.stdout
    assert "prolog of job 7" in done.stdout
    assert "epilog of job 7" in done.stdout
    story.said.append(done.stdout)


def odd_config(make: Step) -> Step:
    """Run with what ``make`` leaves at the place of the settings."""

    def step(story: Story) -> None:
        make(story)
        run_apart(story, str(story.node.root.parent / "hook.json"))

    return step


def at_config(story: Story) -> str:
    return str(story.node.root.parent / "hook.json")


def altered(**changes: Any) -> Step:
    """Write the node's settings with changes; the next runs use them."""
    return lambda story: story.node.settings.update(changes)


def link_to_settings(story: Story) -> None:
    Path(at_config(story)).symlink_to(written_config(story.node))


def world_writable(story: Story) -> None:
    path = Path(at_config(story))
    path.write_text(json.dumps(story.node.settings))
    path.chmod(0o666)


def with_settings(**changes: Any) -> tuple[Step, ...]:
    return altered(**changes), prolog, traffic, exactly("epilog", NAMED)


UNREAD = (said("settings not read"),)

CASES = [
    Case("settings that are missing", (config(None),), UNREAD),
    Case("settings that are empty", (config(b""),), UNREAD),
    Case("settings that are cut off", (config(b'{"mode": "observe", "records_dir": "/sha'),), UNREAD),
    Case("settings that are garbage", (config(bytes(range(256))),), UNREAD),
    Case("settings in UTF-16", (config('{"mode": "observe"}'.encode("utf-16")),), UNREAD),
    Case("settings that are a list", (config(b"[]"),), UNREAD),
    Case("settings nested too deep", (config(b"[" * 100_000),), UNREAD),
    Case("settings in a folder's place", (odd_config(lambda story: Path(at_config(story)).mkdir()),), UNREAD),
    Case("settings in a FIFO's place", (odd_config(lambda story: os.mkfifo(at_config(story))),), UNREAD),
    Case("settings behind a link", (odd_config(link_to_settings),), UNREAD),
    Case("settings that anybody may write", (odd_config(world_writable),), UNREAD),
    Case(
        "settings of wrong kinds",
        (
            config(
                json.dumps(
                    {
                        "mode": 7,
                        "deadline_seconds": "soon",
                        "root": ["x"],
                        "records_mode": "0777",
                        "spool_dir": "here",
                        "compute_resources": {"a": -1},
                        "tcp_interfaces": "../eth0",
                    }
                ).encode()
            ),
        ),
        (said("is not allowed"),),
    ),
    Case(
        "settings from the future",
        with_settings(schema_version=99, quantum=True, modes=["x"], breaker={"a": 1}),
        whole(),
    ),
    Case(
        "a mode from the future", with_settings(mode="repair"), (*whole(), record(mode="observe"), said("setting mode"))
    ),
    Case(
        "a deadline that is not a number",
        with_settings(deadline_seconds=float("nan")),
        (*whole(), said("setting deadline")),
    ),
    Case("a deadline without end", with_settings(deadline_seconds=float("inf")), (*whole(), said("setting deadline"))),
    Case("a deadline in the past", with_settings(deadline_seconds=-1), (*whole(), said("setting deadline"))),
    Case("a deadline of next to nothing", with_settings(deadline_seconds=0.001), (said("epilog of job 7"),)),
    Case(
        "an interface that is not there",
        with_settings(tcp_interfaces=["eth0", "eth99"]),
        (record(baseline="ok"), efa_bytes(DEVICES * 1000)),
    ),
    Case(
        "a root that is not there",
        with_settings(root="/nonexistent"),
        (record(devices_found=0, devices=0), finding("snapshot-incomplete"), no_finding("devices-missing")),
    ),
]
