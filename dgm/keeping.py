"""Commands that look after runs: is one whole, a fork of it, an agent or all tables out of it, an agent in."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import archive
from archive import (
    ArchiveError,
    RunReader,
    check_path,
    collect_garbage,
    export_agent,
    export_delta,
    fork_run,
    verify,
)
from dgm.errors import UserError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

Say = Callable[[str], None]

USAGE = """dgm verify RUN               whether the run is whole: log, parts, rows, agents' code, blobs, paid calls
dgm fork RUN --at SEQ NEW    a new run that begins as RUN was before entry SEQ; `dgm run name=NEW` goes on with it
dgm export RUN --agent AGENT DIR    one agent as plain files, with its lineage, patches and transcripts
dgm export RUN --delta DIR   all tables as Delta Lake tables
dgm import DIR [NAME]        check an agent of your own and keep it as agents/NAME, for `dgm run agent=agents/NAME`
dgm gc RUN [--dry-run]       remove what no row of the run names"""


def add_commands(
    commands: _SubParsersAction[argparse.ArgumentParser], directory: Callable[[str], Path], say: Say
) -> None:
    """Add these commands. `directory` finds a run by what the user calls it."""

    def add(name: str, call: Callable[[Say, argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name)
        command.set_defaults(call=partial(call, say))
        if name != "import":
            command.add_argument("run", type=directory)
        return command

    add("verify", _verify)
    fork = add("fork", _fork)
    fork.add_argument("--at", type=int, required=True, metavar="SEQ")
    fork.add_argument("new", type=directory)
    export = add("export", _export)
    what = export.add_mutually_exclusive_group(required=True)
    what.add_argument("--agent")
    what.add_argument("--delta", action="store_true")
    export.add_argument("directory", type=Path, metavar="DIR")
    brought = add("import", _import)
    brought.add_argument("directory", metavar="DIR")
    brought.add_argument("name", nargs="?")
    add("gc", _collect).add_argument("--dry-run", action="store_true")


def _verify(say: Say, options: argparse.Namespace) -> int:
    from dgm.payments import payments  # here, because the gateway's records take a while to import

    found = verify(options.run)
    problems = list(found.problems)
    looked = f"{options.run}: {found.entries} entries, {found.agents} agents, {found.blobs} blobs"
    try:
        paid = payments(options.run)
    except ArchiveError as error:
        if not problems:
            problems.append(str(error))
    else:
        problems += paid.problems
        looked += f", {paid.recorded}"
        if paid.open.calls:
            looked += f" and {paid.open} for decisions that are open"
    for problem in problems:
        say(problem)
    say(f"{looked}; {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
    return 1 if problems else 0


def _fork(say: Say, options: argparse.Namespace) -> int:
    fork_run(options.run, options.new, at=options.at)
    say(
        f"{options.new} holds entries 0 to {options.at - 1} of {options.run}; "
        f"its `dgm run` command with name={options.new.name} goes on with it"
    )
    return 0


def _export(say: Say, options: argparse.Namespace) -> int:
    with archive.open(options.run) as run:
        if options.delta:
            say(f"Delta tables of {options.run}: {export_delta(run, options.directory)}")
        else:
            agent = _agent(run, options.agent)
            say(f"agent {agent}: {export_agent(run, agent, options.directory)}")
    return 0


def _agent(run: RunReader, name: str) -> str:
    """The agent that the user means, as `dgm diff` does."""
    from dgm.report import view_of  # here, because `verify` and `gc` do without its statistics

    return view_of(run).agent(name).id


def _import(say: Say, options: argparse.Namespace) -> int:
    from dgm.jobs.manifest import MANIFEST, ManifestError, parse_manifest  # here, as above
    from dgm.seeds import read_agent

    tree = read_agent(options.directory)
    try:
        manifest = parse_manifest(tree[MANIFEST])
        for path in tree:
            check_path(path)
    except (ManifestError, ArchiveError) as error:
        raise UserError(f"{options.directory} is not an agent: {error}") from error
    target = Path("agents") / _plain(options.name or Path(options.directory).resolve().name)
    if target.exists():
        raise UserError(f"{target} exists; choose another name: dgm import {options.directory} NAME")
    target.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as whole:
        for path, content in tree.items():
            file = Path(whole) / target.name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        (Path(whole) / target.name).rename(target)
    say(
        f"{target}: agent {manifest.name!r}, {len(tree)} files; `dgm run agent={target}` begins a search from it"
    )
    return 0


def _plain(name: str) -> str:
    if name in ("", ".", "..") or "/" in name:
        raise UserError(f"NAME is that of one directory under agents/, such as mine, got {name!r}")
    return name


def _collect(say: Say, options: argparse.Namespace) -> int:
    found = collect_garbage(options.run, dry_run=options.dry_run)
    done = "would remove" if options.dry_run else "removed"
    say(
        f"{done} {len(found.blobs)} blobs, {len(found.objects)} git objects, {len(found.refs)} refs, "
        f"{len(found.temporary)} temporary files: {found.size / 1e6:.1f} MB"
    )
    return 0
