"""The commands that ask a running driver: stop, pause, resume, change."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import archive
from dgm.control.asking import NoDriverError, ask
from dgm.control.requests import Verb
from dgm.schemas import fixed

if TYPE_CHECKING:
    from argparse import _SubParsersAction

Say = Callable[[str], None]

USAGE = """dgm stop RUN [--now]         end a running search from another terminal, as Ctrl-C does; its command goes on
dgm pause RUN                begin nothing new until dgm resume RUN; what runs ends
dgm resume RUN               go on after a pause
dgm change RUN KEY=VALUE ... budget.evaluations=120 workers.slots=4: a larger budget or other slots while it searches"""

WAIT_S = 30.0
"""How long a command waits for the driver unless it is told otherwise."""

WITHOUT_DRIVER = {
    Verb.STOP: "there is nothing to stop",
    Verb.PAUSE: "there is nothing to pause",
    Verb.RESUME: "its `dgm run` command goes on with it; if it was paused then, say this again",
}


def add_commands(
    commands: _SubParsersAction[argparse.ArgumentParser], directory: Callable[[str], Path], say: Say
) -> None:
    """Add these commands. `directory` finds a run by what the user calls it."""
    for verb in Verb:
        command = commands.add_parser(verb)
        command.add_argument("run", type=directory)
        if verb is Verb.STOP:
            command.add_argument("--now", action="store_true", help="do not wait for running jobs")
        if verb is Verb.CHANGE:
            command.add_argument("values", nargs="+", type=_pair, metavar="KEY=VALUE")
        command.add_argument(
            "--wait", type=float, default=WAIT_S, metavar="S", help="seconds to wait for the driver"
        )
        command.set_defaults(call=partial(_ask, verb, say))


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, such as budget.evaluations=120, got {text!r}")
    return key, value


def _later(values: Mapping[str, str]) -> str:
    """What becomes of a change that no driver took up."""
    typed = " ".join(f"{key}={value}" for key, value in values.items())
    never = [why for key in values if (why := fixed(key))]
    return "; ".join(never) or f"give {typed} to its next `dgm run` command"


def _ask(verb: Verb, say: Say, options: argparse.Namespace) -> int:
    """0: the driver did it, or it is so already; 1: it refused, or nobody took it up."""
    archive.open(options.run).close()  # says what is wrong with a path that is no run
    values = dict(getattr(options, "values", ()))
    began = time.monotonic()
    try:
        answer = ask(
            options.run, verb, now=getattr(options, "now", False), values=values, wait_s=options.wait
        )
    except NoDriverError as error:
        advice = WITHOUT_DRIVER.get(verb) or _later(values)
        say(f"not done: {error}; {advice}" if not error.there else f"not done: {error}")
        return 1
    took = f"taken up after {time.monotonic() - began:.1f} s"
    say(f"{took}: {answer.text}" if answer.done else f"{took}, but refused: {answer.text}")
    return 0 if answer.done else 1
