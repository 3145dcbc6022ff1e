"""The live screen: rich draws, this module waits for keys and signals and leaves the terminal as it was."""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from efakit.printable import printable
from efakit.top.sample import NodeRates
from efakit.top.table import of_devices, of_nodes, rows_of_devices
from efakit.top.watch import Watch

_HELP = "q quits, d shows devices or nodes, up and down choose a node"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT)
_UP, _DOWN = (b"\x1b[A", b"\x1bOA", b"k"), (b"\x1b[B", b"\x1bOB", b"j")
_KEY = re.compile(rb"\x1b[\[O].|.", re.DOTALL)
# How soon what has just come is drawn.
_LOOK_SECONDS = 0.25


class Screen:
    """Shows what ``watch`` sees until somebody quits; ``title`` says what of."""

    def __init__(self, watch: Watch, title: str, interval_seconds: float) -> None:
        self._watch = watch
        self._title = title
        self._interval = interval_seconds
        self._chosen = 0
        self._devices: bool | None = None
        self._signal = 0
        self._suspended = self._continued = False
        self._drawn: Any = None

    def run(self) -> int:
        """Return 0 where a key or Ctrl-C ended it, else 128 and the number of the signal."""
        console = Console()
        # The signal's handler runs between two steps of ours, and the pipe ends the wait for keys.
        with (
            _signals(self._note) as woken,
            _Keyboard(sys.stdin.fileno()) as keyboard,
            Live(console=console, screen=True, auto_refresh=False) as live,
        ):
            self._loop(live, console, keyboard, woken)
        return 0 if self._signal in (0, signal.SIGINT) else 128 + self._signal

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._suspended = True
        elif number == signal.SIGCONT:
            self._continued = True
        else:
            self._signal = number

    def _loop(self, live: Live, console: Console, keyboard: _Keyboard, woken: int) -> None:
        next_look = 0.0
        while not self._signal:
            if self._suspended:
                self._suspend(live, keyboard)
            elif self._continued:
                # SIGSTOP gave no time to tidy up: the shell has drawn over the screen and set modes of its own.
                self._leave(live, keyboard)
                self._enter(live, keyboard)
            if self._signal:
                return
            if time.monotonic() >= next_look:
                self._watch.ask()
                next_look = time.monotonic() + self._interval
            self._draw(live, console)
            left = max(0.0, min(_LOOK_SECONDS, next_look - time.monotonic()))
            ready, _, _ = select.select([keyboard.fileno(), woken], [], [], left)
            if woken in ready:
                os.read(woken, 64)
            if keyboard.fileno() in ready and not self._take(keyboard.read()):
                return

    def _suspend(self, live: Live, keyboard: _Keyboard) -> None:
        """Stop as SIGTSTP stops a program, with the shell's own screen shown; return when somebody continues it."""
        self._leave(live, keyboard)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._note)
        self._enter(live, keyboard)

    def _leave(self, live: Live, keyboard: _Keyboard) -> None:
        live.stop()
        keyboard.release()

    def _enter(self, live: Live, keyboard: _Keyboard) -> None:
        # First the keys: where this runs in the background, they stop it again before it writes over the shell.
        keyboard.take()
        self._suspended = self._continued = False
        live.start()
        self._drawn = None

    def _take(self, typed: bytes) -> bool:
        """Do what keys say; return False for the one that quits, or where the terminal has gone."""
        for key in _KEY.findall(typed):
            if key.lower() == b"q":
                return False
            if key == b"d":
                self._devices = not self._devices
            self._chosen = max(0, self._chosen + (key in _DOWN) - (key in _UP))
        return bool(typed)

    def _draw(self, live: Live, console: Console) -> None:
        found = self._watch.rates()
        if self._devices is None:
            self._devices = len(found) == 1
        state = (found, console.size, self._chosen, self._devices)
        if state != self._drawn:
            self._drawn = state
            live.update(self._picture(found, console.height), refresh=True)

    def _picture(self, found: Sequence[NodeRates], height: int) -> RenderableType:
        names = sorted(found, key=lambda node: node.node)
        self._chosen = min(self._chosen, len(names) - 1)
        chosen = names[self._chosen]
        head = Text(printable(f"efakit top: {self._title}"), style="bold", no_wrap=True, overflow="ellipsis")
        foot = Text(_HELP, style="dim", no_wrap=True, overflow="ellipsis")
        if self._devices:
            one = of_nodes([chosen])
            return Group(head, one, Text(), _cut(of_devices(chosen), chosen, height - 7), foot)
        return Group(head, of_nodes(found, height - 7), foot)


def _cut(table: RenderableType, node: NodeRates, rows: int) -> RenderableType:
    """Return the table, or a note where the terminal is too small for it."""
    if rows_of_devices(node) <= rows:
        return table
    return Text(f"{len(node.devices)} devices need a terminal with {rows_of_devices(node) + 7} lines")


class _Keyboard:
    """Reads keys one by one, without echo; whatever happens the terminal is as before afterwards."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._before = termios.tcgetattr(terminal)

    def __enter__(self) -> _Keyboard:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def fileno(self) -> int:
        return self._terminal

    def read(self) -> bytes:
        return os.read(self._terminal, 64)

    def take(self) -> None:
        self._set(lambda: tty.setcbreak(self._terminal))

    def release(self) -> None:
        self._set(lambda: termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before))

    def _set(self, change: Callable[[], object]) -> None:
        """Change the terminal's modes; a program in the background is stopped here until it is in the foreground."""
        while True:
            try:
                change()
            except termios.error as error:
                if error.args[0] == errno.EINTR:
                    continue
                raise
            return


@contextmanager
def _signals(note: Any) -> Iterator[int]:
    """Call ``note`` for the signals that end or suspend this; give a descriptor that becomes readable with each."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before_fd = signal.set_wakeup_fd(writer)
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield reader
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_fd)
        os.close(reader)
        os.close(writer)
