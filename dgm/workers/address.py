"""Addresses of clusters: HOST:PORT, where a host of IPv6 stands in brackets."""

from __future__ import annotations

import socket


def knock(address: str, within_s: float) -> None:
    """Raises OSError where nobody answers within so many seconds, OverflowError where the port is none."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=within_s).close()
