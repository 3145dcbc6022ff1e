"""TLS in which both sides show a certificate: of the exporter, and of who asks it."""

from __future__ import annotations

import ssl
from pathlib import Path

from efakit.errors import UsageError
from efakit.finding import Place
from efakit.inputs import read_input


def mutual_context(protocol: ssl._SSLMethod, certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """Return a context for our certificate and key, and for who signs the other side's.

    Raises:
        UsageError: a file cannot be read, or is no use.
    """
    for path in (certificate, key, authority):
        try:
            read_input(path)  # also refuses what OpenSSL would wait for
        except OSError as error:
            raise UsageError(f"cannot be read: {error.strerror}", Place(str(path))) from error
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, ValueError) as error:
        where = Place(str(certificate))
        raise UsageError(f"no certificate, or not that of {key}: {error}", where) from error
    try:
        context.load_verify_locations(authority)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(f"no certificate: {error}", Place(str(authority))) from error
    return context
