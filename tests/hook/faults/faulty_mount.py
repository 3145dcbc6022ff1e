"""A FUSE file system that shows a folder, and hangs or fails where it is told to.

A request that hangs is taken and never answered, as by a dead file server or a device whose admin command never
completes: who waits for it sleeps uninterruptibly, and SIGKILL does not end that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from pathlib import Path

# As in faulty_server, which only that program's own process can import: it wants libfuse.
HANG = 0
_STARTED = b"mounted\n"
_CONNECTIONS = Path("/sys/fs/fuse/connections")
_SERVER = Path(__file__).with_name("faulty_server.py")


def missing_for_fuse() -> list[str]:
    """Return what a FUSE mount lacks here, for a test's skip message; empty if one can be made."""
    reasons = [] if sys.platform == "linux" and os.geteuid() == 0 else ["root on Linux"]
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        reasons.append("/dev/fuse")
    try:
        import mfusepy  # noqa: F401
    except (ImportError, OSError) as error:
        reasons.append(f"mfusepy with libfuse ({error}): apt-get install fuse3")
    return reasons


class FaultyMount:
    """``mountpoint`` shows ``backing``; ``fail`` and ``hang`` say what goes wrong from then on."""

    def __init__(self, mountpoint: Path, backing: Path) -> None:
        self.mountpoint, self.backing = mountpoint, backing
        self._rules: list[tuple[str, str, int]] = []
        self._rules_file = mountpoint.with_name(f".rules-{mountpoint.name}.json")
        self._server: subprocess.Popen[bytes] | None = None

    def fail(self, operation: str, pattern: str, code: int) -> None:
        """Answer ``operation`` (a name of FUSE: getattr, read, ...) with an error number where the path matches."""
        self._rules.append((operation, pattern, code))
        self._write_rules()

    def _write_rules(self) -> None:
        temporary = self._rules_file.with_suffix(".new")
        temporary.write_text(json.dumps(self._rules))
        temporary.replace(self._rules_file)

    def hang(self, operation: str, pattern: str) -> None:
        """Never answer ``operation`` where the path matches."""
        self.fail(operation, pattern, HANG)

    def heal(self) -> None:
        """Answer as a sound file system from now on, also what hangs already: the file server is back."""
        self._rules = []
        self._write_rules()

    def die(self) -> None:
        """Let the server end without unmounting: whatever is asked then, and what hangs, fails with ENOTCONN."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def start(self) -> None:
        """Mount. Raises RuntimeError where the server cannot."""
        self.mountpoint.mkdir(parents=True, exist_ok=True)
        self._write_rules()
        arguments = [str(self.mountpoint), str(self.backing), str(self._rules_file)]
        log = self._rules_file.with_suffix(".log")
        with log.open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, str(_SERVER), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self._server.stdout is not None
        with self._server.stdout as said:
            ready = select.select([said], [], [], 30)[0]
            if not ready or said.readline() != _STARTED:
                self.stop()
                raise RuntimeError(f"no FUSE file system at {self.mountpoint}: {log.read_text()}")

    def stop(self) -> None:
        """Unmount, whatever hangs: the kernel fails all open requests when the connection ends."""
        _abort(self.mountpoint)
        self.die()
        subprocess.run(["umount", "-l", str(self.mountpoint)], check=False, capture_output=True)


def _abort(mountpoint: Path) -> None:
    # From mountinfo, not by stat: the mount may hang.
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4] == str(mountpoint):
            minor = fields[2].partition(":")[2]
            with contextlib.suppress(OSError):  # without fusectl the end of the server does the same
                (_CONNECTIONS / minor / "abort").write_text("1")
