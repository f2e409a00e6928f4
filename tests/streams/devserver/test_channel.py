"""A connection's bytes, whatever number the operating system gave its socket."""

from __future__ import annotations

import fcntl
import socket

from streams.devserver.channel import Channel


def test_a_connection_beyond_the_thousandth_file_is_looked_at_like_the_first() -> None:
    client, server = socket.socketpair()
    with client, server, socket.socket(fileno=fcntl.fcntl(server.fileno(), fcntl.F_DUPFD, 1_500)) as late:
        channel = Channel(late, send_seconds=1.0)
        assert not channel.waiting()
        client.sendall(b"\x04")
        assert channel.waiting()


def test_a_client_that_has_left_is_noticed() -> None:
    client, server = socket.socketpair()
    with server:
        client.close()
        assert Channel(server, send_seconds=1.0).waiting()
