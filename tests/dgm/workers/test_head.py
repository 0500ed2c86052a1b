"""The head of a cluster: one that does not answer for a while is waited for, and then the run ends and says so."""

from __future__ import annotations

import socket
import time
from threading import Event

import pytest

from dgm.workers.ray_cluster import GONE_S, LOOK_S, Beside, Head


def test_a_head_that_is_gone_is_waited_for_before_the_run_ends() -> None:
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        head = Head(f"127.0.0.1:{port}", clock=lambda: now)
        head.look()
        assert head.there
    head.look()
    assert not head.there
    now = GONE_S
    head.look()
    with socket.create_server(("127.0.0.1", port)):
        head.look()
        assert head.there
    now = 2 * GONE_S
    head.look()
    assert not head.there
    now = 2 * GONE_S + 1
    with pytest.raises(ConnectionError, match=rf"127.0.0.1:{port} is gone.*run the same command to go on"):
        head.look()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_a_head_may_have_an_address_of_ipv6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        head = Head(f"[::1]:{listening.getsockname()[1]}")
        head.look()
        assert head.there


def test_who_does_not_answer_is_not_waited_for_twice() -> None:
    answers = Event()
    asked: list[float] = []

    def ask() -> str:
        asked.append(time.monotonic())
        answers.wait(60.0)
        return "here"

    beside = Beside(ask)
    assert beside.now() is None
    began = time.monotonic()
    assert [beside.now() for _ in range(100)] == [None] * 100
    assert time.monotonic() - began < LOOK_S * 50
    answers.set()
    while (answer := beside.now()) is None:
        time.sleep(0.01)
    assert (answer, len(asked)) == ("here", 1)
