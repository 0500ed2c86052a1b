"""What `dgm --help` and `dgm COMMAND --help` say, and what is said to a command that is wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version

from dgm.errors import UserError

Commands = Mapping[str, argparse.ArgumentParser]


def told_of(command: str, usage: str) -> str:
    """What the usage says of one command: its lines, and those that go on with them."""
    entries = re.split(r"^(?=dgm )", usage.partition("\n\n")[0], flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.split()[1:2] == [command]).rstrip()


def describe(commands: Commands, usage: str) -> None:
    """Let `dgm COMMAND --help` say what `dgm --help` says of it."""
    for name, command in commands.items():
        command.description = told_of(name, usage)
        command.formatter_class = argparse.RawDescriptionHelpFormatter


def parse(
    parser: argparse.ArgumentParser, commands: Commands, others: Sequence[str], given: Sequence[str]
) -> argparse.Namespace:
    """The options that are given, or what is wrong with them in a line or two and not with the whole usage."""
    name = given[0] if given else "--help"
    if not name.startswith("-") and name not in commands:
        near = get_close_matches(name, [*commands, *others], n=1)
        raise UserError(
            f"there is no command {name!r}; {f'did you mean `dgm {near[0]}`? ' if near else ''}`dgm --help` lists them"
        )
    options, unknown = parser.parse_known_args(given)
    if unknown:
        commands[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    return options


def installed() -> str:
    try:
        return version("dgm")
    except PackageNotFoundError:
        return "not installed: run from its source"
