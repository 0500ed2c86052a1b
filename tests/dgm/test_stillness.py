"""What ran while its process stood still is no evidence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from dgm.llm import Gateway, RolloutSpec
from dgm.llm.backends import ScriptedBackend
from dgm.stillness import Stillness

COUNTS = """
import sys
from dgm.stillness import Stillness
with Stillness(lambda why: print("told:", why, flush=True), most_s=2.0) as still:
    print("here", flush=True)
    sys.stdin.readline()
print("found:", still.found, flush=True)
"""


def test_a_stopped_process_knows_when_it_goes_on() -> None:
    command = [sys.executable, "-c", COUNTS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(3.0)
        process.stdin.write("\n")  # the end of its work waits for it already
        process.stdin.flush()
        os.kill(process.pid, signal.SIGCONT)
        out, _ = process.communicate()
    assert "told: its process stood still for" in out
    assert "found: its process stood still for" in out


def test_a_process_that_goes_on_finds_nothing() -> None:
    with Stillness() as still:
        pass
    assert still.found is None


def test_a_gateway_that_stood_still_makes_its_open_rollouts_void() -> None:
    with Gateway(ScriptedBackend(())) as gateway:
        for n in (1, 2):
            gateway.open(RolloutSpec(id=f"{n}" * 32, decision=n, role="solve", sample=bytes(16)))
        assert gateway.close("1" * 32).fault is None
        gateway.blame("its process stood still for 20 s")
        fault = gateway.close("2" * 32).fault
    assert fault == "the gateway failed: its process stood still for 20 s"
