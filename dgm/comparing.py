"""`dgm compare`: several runs side by side, as a table, a document or a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import archive
from dgm.errors import LookUpError
from dgm.pictures import check_picture
from dgm.report import view_of
from dgm.report.compare import Comparison, Side, compare, side
from dgm.report.compared import compared_data, compared_text

USAGE = """dgm compare RUN ...          runs, or all in a directory, side by side: groups that differ in more than seed,
                             what each gained, differences to the first, seed by seed; --json, --plot FILE"""


def add_command(commands: Any, directory: Callable[[str], Path], say: Callable[[str], None]) -> None:
    """Add `dgm compare` to the parser's subcommands."""

    def call(options: argparse.Namespace) -> int:
        if options.plot:
            check_picture(options.plot)
        found = compare(sides(options.runs, directory))
        say(json.dumps(compared_data(found)) if options.json else compared_text(found))
        if options.plot:
            from dgm.report.plots import draw_comparison  # here, because matplotlib is optional

            draw_comparison(found, options.plot)
        return 0

    command = commands.add_parser("compare")
    command.add_argument("runs", nargs="+", metavar="RUN")
    command.add_argument("--plot", type=Path, metavar="FILE")
    command.add_argument("--json", action="store_true")
    command.set_defaults(call=call)


def comparison(places: Sequence[str | Path]) -> Comparison:
    """These runs, or all in these directories, side by side."""
    return compare(sides([str(place) for place in places], Path))


def sides(places: Sequence[str], directory: Callable[[str], Path]) -> list[Side]:
    found = []
    for place in dict.fromkeys(run for given in places for run in _runs_at(given, directory)):
        with archive.open(place) as run:
            found.append(side(Path(place).name, view_of(run)))
    return found


def _runs_at(given: str, directory: Callable[[str], Path]) -> Iterator[str | Path]:
    """The run at this place, or all in this directory, by name; raises LookUpError where there is none."""
    path = given if "://" in given else directory(given)
    if isinstance(path, str) or not path.is_dir() or (path / "run.json").exists():
        yield path
        return
    below = sorted(entry.parent for entry in path.glob("*/run.json"))
    if not below:
        raise LookUpError(
            f"{path} is no run and holds none: expected run.json there, or in a directory below"
        )
    yield from below
