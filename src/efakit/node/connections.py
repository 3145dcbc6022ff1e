"""Reads how many bytes this user's TCP connections with certain addresses have carried, as the kernel counts them.

By sock_diag(7), which any user may ask. The kernel's own clients of storage (NFS, Lustre) belong to root, and storage
has none of these addresses. ``tcp_info`` counts payload alone (linux, ``include/uapi/linux/tcp.h``, ``inet_diag.h``;
both byte counters since 4.1).
"""

from __future__ import annotations

import os
from _struct import Struct  # struct itself is one more file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    Connections = dict[bytes, tuple[int, int, bytes]]

_AF_INET, _AF_INET6, _AF_NETLINK, _SOCK_DIAG = 2, 10, 16, 4
_SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, _TCP = 20, 0x301, 6
_ERROR, _DONE, _INFO = 2, 3, 2
# Connections that carry data: TCP_ESTABLISHED and TCP_CLOSE_WAIT.
_STATES = 1 << 1 | 1 << 8
_HEADER, _REQUEST, _SOCKET_ID_BYTES = Struct("=IHHII"), Struct("=BBBBI"), 48
_PORTS, _OWNER, _ATTRIBUTE, _ERRNO = Struct(">HH"), Struct("=I"), Struct("=HH"), Struct("=i")
# Of inet_diag_msg: ports, the two addresses, a number that no other connection has, the owner, and what follows.
_PORTS_AT, _OWN, _PEER, _COOKIE, _OWNER_AT, _ATTRIBUTES_AT = 4, slice(8, 24), slice(24, 40), slice(44, 52), 64, 72
# tcpi_bytes_acked and tcpi_bytes_received.
_CARRIED, _CARRIED_AT = Struct("=QQ"), 120
_MAPPED = b"\0" * 10 + b"\xff\xff"
# ssh, and what nodes may serve to each other: NFS and Lustre.
_NO_RANKS_PORTS = (22, 2049, 988)
_CHUNK_BYTES, _TIMEOUT_SECONDS = 1 << 16, 2.0


def read_connections(peers: Container[bytes], user_id: int) -> Connections:
    """Return the bytes sent and received of each connection with ``peers``, by the kernel's number of it.

    The third value is the peer's address, packed: 4 or 16 bytes, as in ``peers``. A connection of the node with itself
    is left out. Raises OSError where the kernel does not tell.
    """
    found: Connections = {}
    for family in (_AF_INET, _AF_INET6):
        for message in _dump(family):
            peer = _address(family, message[_PEER])
            if peer not in peers or _OWNER.unpack_from(message, _OWNER_AT)[0] != user_id:
                continue
            ports = _PORTS.unpack_from(message, _PORTS_AT)
            carried = _carried(message)
            if carried and peer != _address(family, message[_OWN]) and not set(ports) & set(_NO_RANKS_PORTS):
                found[bytes(message[_COOKIE])] = (*carried, peer)
    return found


def packed(address: str) -> bytes | None:
    """Return an address as the kernel has it, None for what is none."""
    import _socket

    for family in (_AF_INET, _AF_INET6):
        try:
            return _address(family, _socket.inet_pton(family, address))
        except (OSError, ValueError):
            pass
    return None


def _address(family: int, raw: bytes) -> bytes:
    """Return an address's own bytes: a socket of version 6 may have a peer of version 4."""
    if family == _AF_INET:
        return bytes(raw[:4])
    return bytes(raw[12:]) if raw[:12] == _MAPPED else bytes(raw)


def _carried(message: bytes) -> tuple[int, int] | None:
    place = _ATTRIBUTES_AT
    while place + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, place)
        if kind == _INFO and length >= _ATTRIBUTE.size + _CARRIED_AT + _CARRIED.size:
            sent, received = _CARRIED.unpack_from(message, place + _ATTRIBUTE.size + _CARRIED_AT)
            return sent, received
        if length < _ATTRIBUTE.size:
            break
        place += length + 3 & ~3
    return None


def _dump(family: int) -> Iterator[bytes]:
    """Give the kernel's message of each TCP connection."""
    import _socket

    kernel = _socket.socket(_AF_NETLINK, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, _SOCK_DIAG)
    try:
        kernel.settimeout(_TIMEOUT_SECONDS)
        request = _REQUEST.pack(family, _TCP, 1 << (_INFO - 1), 0, _STATES) + bytes(_SOCKET_ID_BYTES)
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _DUMP_REQUEST, 1, 0) + request)
        while True:
            chunk = kernel.recv(_CHUNK_BYTES)
            place = 0
            while place + _HEADER.size <= len(chunk):
                length, kind, *_ = _HEADER.unpack_from(chunk, place)
                if kind == _DONE:
                    return
                message = chunk[place + _HEADER.size : place + length]
                if kind == _ERROR or length < _HEADER.size:
                    number = -_ERRNO.unpack_from(message)[0] if len(message) >= _ERRNO.size else 0
                    raise OSError(number, os.strerror(number))
                if len(message) >= _ATTRIBUTES_AT:
                    yield message
                place += length + 3 & ~3
    finally:
        kernel.close()
