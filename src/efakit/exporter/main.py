"""The command line of efakit-exporter.pyz, for a bare Python: ``efakit exporter`` without click. Python 3.9."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from efakit.errors import EfakitError
from efakit.exporter.start import DEFAULT_LISTEN, Asked, start


def main(arguments: Sequence[str], by_type: Mapping[str, int], bytes_per_second: Mapping[str, float]) -> int:
    """Serve this node's metrics; return the exit code.

    ``by_type`` and ``bytes_per_second``: EFA interfaces and line rate of each instance type, as far as they are known.
    """
    # systemd ends the unit so; there is nothing to put in order.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    given = vars(_parser().parse_args(list(arguments)))
    asked = Asked(device_detail=not given.pop("no_device_detail"), **given)
    try:
        start(asked, by_type, bytes_per_second.get, _say)
    except EfakitError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"efakit-exporter: {text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="efakit-exporter.pyz", description="Serve Prometheus metrics of this node's EFA devices and jobs."
    )
    parser.add_argument("--listen", metavar="ADDRESS:PORT", default=DEFAULT_LISTEN, help=f"default: {DEFAULT_LISTEN}")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="certificate of this server (PEM)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--client-ca", type=Path, metavar="FILE", help="authority that signs the clients' certificates")
    parser.add_argument("--textfile", type=Path, metavar="FILE.prom", help="write the metrics once, and end")
    parser.add_argument("--no-device-detail", action="store_true", help="sums over all devices")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the hook's settings (hook.json)")
    parser.add_argument("--node", metavar="NAME", help="the node's name in Slurm; default: its host name")
    return parser
