"""Commands that show the page of a run: `dgm report` as one file, `dgm view` while it goes on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import archive
from dgm.errors import UserError
from dgm.report import view_of

if TYPE_CHECKING:
    from argparse import _SubParsersAction

Say = Callable[[str], None]

USAGE = """dgm report RUN -o FILE       the whole run in one HTML file that opens anywhere; [--mib N] at most
dgm view RUN                 the same page of a run that goes on, served on this machine; [--port N]; [--bind ADDRESS]
                             where a container publishes the same port on this machine"""


def add_commands(
    commands: _SubParsersAction[argparse.ArgumentParser], directory: Callable[[str], Path], say: Say
) -> None:
    """Add these commands. `directory` finds a run by what the user calls it."""
    reported = commands.add_parser("report")
    reported.add_argument("run")
    reported.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    reported.add_argument("--mib", type=float, default=24.0, metavar="N")
    reported.set_defaults(call=partial(_report, directory, say))
    viewed = commands.add_parser("view")
    viewed.add_argument("run", type=directory)
    viewed.add_argument("--port", type=int, default=0, metavar="N")
    viewed.add_argument("--bind", default=None, metavar="ADDRESS")
    viewed.set_defaults(call=partial(_view, say))


def _report(directory: Callable[[str], Path], say: Say, options: argparse.Namespace) -> int:
    # here, because the layout and the transcripts take a while to import
    from dgm.report.page.report import MIB, report

    if not options.mib >= 1:
        raise UserError(f"--mib must be at least 1, got {options.mib:g}")
    place = options.run if "://" in options.run else directory(options.run)
    with archive.open(place) as run:
        found = report(view_of(run), run.path.name, limit=int(options.mib * MIB))
    options.output.write_text(found.html, encoding="utf-8")
    say(f"{options.output}: {len(found.html) / MIB:.1f} MiB, {found.kept['agent'][1]} agents")
    for line in found.told():
        say(line)
    return 0


def _view(say: Say, options: argparse.Namespace) -> int:
    # here, because a server takes a while to import
    import asyncio

    from dgm.report.page.live import HERE, Live, serve

    if not 0 <= options.port < 1 << 16:
        raise UserError(f"--port must be from 0 (any that is free) to 65535, got {options.port}")

    def ready(address: str) -> None:
        say(f"{address}\nwhoever has this address can read the run; Ctrl-C ends it")

    with Live(options.run) as live:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(live, ready, options.port, bind=options.bind or HERE))
        if live.is_busy():
            os._exit(0)  # nobody waits for that answer any more, and a thread cannot be ended
    return 0
