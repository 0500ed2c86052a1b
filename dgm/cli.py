"""The command line: `dgm run` composes a configuration and searches; the other commands read runs and check things."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import archive
from archive import ArchiveError, NotLocalError, RunReader
from dgm import comparing, keeping, showing, usage
from dgm.control import commands as control
from dgm.errors import UserError
from dgm.report import (
    QUESTIONS,
    RunView,
    answer_data,
    answer_text,
    asked,
    best_data,
    best_text,
    diff_data,
    safe_text,
    show_data,
    tasks_data,
    tasks_text,
    tree_data,
    tree_text,
    view_of,
    why_data,
    why_text,
)
from dgm.width import Share
from sandbox import SandboxError

EXPECTED = (UserError, ArchiveError, SandboxError, OSError)
"""What a user can cause or mend: told in one line, without a traceback."""

DONE, DOES_NOT_HOLD, WRONG_INPUT, STOPPED = 0, 1, 2, 130
"""Exit statuses."""

COMPLAINT = "dgm: "
"""How every line begins that tells what went wrong."""

USAGE = f"""dgm run [OVERRIDE ...]       search; overrides such as policy=uniform budget.evaluations=30, or seed=1,2 -m;
                             `dgm run --help` lists them, `dgm run --cfg job` prints the configuration
dgm estimate [OVERRIDE ...]  evaluations, expansions, tokens and money of such a run, nothing begun; [--from RUN] takes
                             what rollouts use from a past run; `dgm run --dry-run` is the same
dgm tree RUN                 the tree of agents
dgm best RUN                 the winner beside the seed
dgm tasks RUN                the tasks, and who resolved them
dgm show RUN WHAT            an entry by its number; an agent, expansion or evaluation by the beginning of its id
dgm why RUN [NUMBER]         why each decision (or this one) came out as it did, and what came second
dgm diff RUN AGENT [OTHER]   what changed from OTHER (by default its parent) to AGENT
dgm lineage RUN AGENT        its ancestors, the seed first, and how each was made
dgm flips RUN                tasks won and lost by each agent against its parent
dgm costs RUN                model calls, tokens and dollars by role and model
dgm operators RUN            what was asked of parents: expansions, children, their gain, and how likely it was drawn
dgm timeline RUN             when each job ran, and what ran beside it
dgm regrade RUN [ID ...]     grade stored answers again, without a model: all, or these, --agent, --task, --changed
dgm replay RUN               every decision made again from the rows before it; 1 if one comes out otherwise
{comparing.USAGE}
{control.USAGE}
{showing.USAGE}
{keeping.USAGE}
dgm simulate [OVERRIDE ...]  policies in made-up worlds: -m policy=huxley,darwin world=A,B seeds=200; see `--help`.
                             --from RUN fits a world to a run and says what to choose for the next one
dgm doctor                   what this machine offers; `dgm --version` says which dgm this is
dgm benchmark check WHAT     reference and stub of every task through sandbox and grader; katas or path=FOLDER
dgm images build             the images of sandbox=docker, once per engine [--base-image NAME]

RUN is a run's directory, or its name under runs/. AGENT may be `seed` or `best`. Those from `tree` to `timeline` read a
run, also at an address such as s3://bucket/run, and take --json: one document, texts as they were recorded; without it
what could steer a terminal is shown as escapes."""

Json = Mapping[str, object]

PAGES: Mapping[str, tuple[Callable[[RunView], str], Callable[[RunView], Json]]] = {
    "tree": (tree_text, tree_data),
    "best": (best_text, best_data),
    "tasks": (tasks_text, tasks_data),
}
"""Command -> the same page for people and for programs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: something did not hold; 2: wrong input; 130: stopped by the operator."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        composed = COMPOSED.get(given[0] if given else "")
        return composed(given[1:]) if composed else _command(given)
    except (
        SystemExit
    ) as error:  # argparse and Hydra end like this: after --help, or with a message of their own
        return error.code if isinstance(error.code, int) else WRONG_INPUT if error.code else DONE
    except KeyboardInterrupt:
        _complain("stopped")
        return STOPPED
    except BrokenPipeError:
        _leave_quietly()
        return DOES_NOT_HOLD
    except EXPECTED as error:
        return _told(error)


def _run(arguments: Sequence[str]) -> int:
    # here, because Hydra, the gateway and the jobs take a second to import, which reading a run does without
    if "--dry-run" in arguments:
        return _estimate([word for word in arguments if word != "--dry-run"])
    from dgm.config import compose_and_run
    from dgm.multirun import run_together

    def together(configs: Sequence[Mapping[str, Any]], at_once: int | None) -> int | None:
        return run_together(configs, _named(_say), _named(_complain), at_once)

    if "--json" in arguments:  # one search after the other: lines of several are not to be mixed
        words = [word for word in arguments if word != "--json"]
        return compose_and_run(words, _search_in_lines)
    return compose_and_run(arguments, _search, together=together)


def _named(tell: Callable[[str], None]) -> Callable[[str, str], None]:
    """Lines with the name of the search that they are of."""
    return lambda name, line: tell(f"{name}: {line.removeprefix(COMPLAINT)}")


def _one_of_many(arguments: Sequence[str]) -> int:
    """One search of a multirun, led by its standard input; `dgm run` starts it."""
    from dgm.beside import led

    config, share = led()
    return _search(config, share)


def _search_in_lines(config: Mapping[str, Any]) -> int:
    """A search that prints lines for machines; what libraries print, Ray its warnings for one, is not among them."""
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        return _search(config, lines=partial(_print, stream=out))


def _search(
    config: Mapping[str, Any], share: Share | None = None, lines: Callable[[str], None] | None = None
) -> int:
    from dgm.deciding import DriverError
    from dgm.launch import launch
    from dgm.search import StoppedError

    try:
        return launch(config, say=_say, share=share, lines=lines)
    except StoppedError as error:
        _complain(f"{error}; the same command goes on where this one stopped")
        return STOPPED
    except DriverError as error:
        _complain(str(error))
        return DOES_NOT_HOLD
    except BrokenPipeError:
        raise
    except EXPECTED as error:
        return _told(error)


def _estimate(arguments: Sequence[str]) -> int:
    from dgm.config import compose_and_run  # here, because they compose a configuration with Hydra
    from dgm.estimate import report

    words, past = list(arguments), None
    if "--from" in words:
        place = words.index("--from")
        if place + 1 == len(words):
            raise UserError("--from needs a run: its directory, or its name under runs/")
        past = _directory(words.pop(place + 1))
        words.pop(place)

    def one(config: Mapping[str, Any]) -> int:
        try:
            return report(config, past, _say)
        except BrokenPipeError:
            raise
        except EXPECTED as error:
            return _told(error)

    return compose_and_run(words, one, command="estimate")


def _simulate(arguments: Sequence[str]) -> int:
    from dgm import simulating  # here, because it composes policies with Hydra

    flags, overrides = simulating.split_flags(arguments)
    if flags.sources:
        from dgm.advising import advise_from

        return advise_from([_directory(run) for run in flags.sources], overrides, flags, _say, _complain)
    return simulating.simulate(flags, overrides, _say)


def _told(error: BaseException) -> int:
    _complain(str(error) or type(error).__name__)
    return WRONG_INPUT


def _command(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dgm", usage=USAGE, add_help=True)
    parser.add_argument("--version", action="version", version=f"dgm {usage.installed()}")
    commands = parser.add_subparsers(dest="command", required=True, help=argparse.SUPPRESS, prog="dgm")
    for name in (*PAGES, "show", "why", "diff", *QUESTIONS):
        command = commands.add_parser(name)
        command.add_argument("run")
        if name == "show":
            command.add_argument("what")
        if name == "why":
            command.add_argument("number", nargs="?", type=_count)
        if name in ("diff", "lineage"):
            command.add_argument("agent")
        if name == "diff":
            command.add_argument("other", nargs="?")
        command.add_argument("--json", action="store_true")
        command.set_defaults(call=_read)
    regraded = commands.add_parser("regrade")
    regraded.add_argument("run")
    regraded.add_argument("evaluations", nargs="*", metavar="ID")
    regraded.add_argument("--agent")
    regraded.add_argument("--task")
    regraded.add_argument(
        "--changed", action="store_true", help="graded by other tests or programs than today's"
    )
    regraded.add_argument("--new-tests", action="store_true", help="grade by tasks that were changed since")
    regraded.add_argument("--sandbox", metavar="LEVEL", help="a stronger level than the run's")
    regraded.add_argument("--slots", type=_positive, metavar="N", help="how many at once")
    regraded.set_defaults(call=_regrade)
    replayed = commands.add_parser("replay")
    replayed.add_argument("run")
    replayed.set_defaults(call=_replay)
    comparing.add_command(commands, _directory, _say)
    showing.add_commands(commands, _directory, _say)
    keeping.add_commands(commands, _directory, _say)
    control.add_commands(commands, _directory, _say)
    commands.add_parser("doctor").set_defaults(call=_doctor)
    benchmark = commands.add_parser("benchmark").add_subparsers(dest="action", required=True)
    checked = benchmark.add_parser("check")
    checked.add_argument("what")
    checked.add_argument("--sandbox", default="auto")
    checked.set_defaults(call=_check)
    images = commands.add_parser("images").add_subparsers(dest="action", required=True)
    built = images.add_parser("build")
    built.add_argument("--base-image", metavar="NAME")
    built.set_defaults(call=_build_images)
    usage.describe(commands.choices, USAGE)
    options = usage.parse(parser, commands.choices, tuple(COMPOSED), given)
    call: Callable[[argparse.Namespace], int] = options.call
    return call(options)


def _read(options: argparse.Namespace) -> int:
    place = options.run if "://" in options.run else _directory(options.run)
    with archive.open(place) as run:
        _say(_page(options, run, view_of(run)))
    return DONE


def _directory(run: str) -> Path:
    if "://" in run:
        raise NotLocalError(f"this command needs the directory of a run, got {run}; copy the run here")
    path = Path(run)
    return Path("runs") / path if len(path.parts) == 1 and not path.exists() else path


def _page(options: argparse.Namespace, run: RunReader, view: RunView) -> str:
    """The page that was asked for. Every one says where its numbers come from."""
    if options.command in PAGES:
        text, data = PAGES[options.command]
        if not options.json:
            return "\n".join([text(view), *view.all_notes()])
        return json.dumps(data(view))
    if options.command in QUESTIONS:
        table = asked(options.command, run, view, getattr(options, "agent", ""))
        if options.json:
            return json.dumps(answer_data(view, options.command, table))
        return "\n".join([answer_text(table), *view.all_notes()])
    if options.command == "diff":
        changed = diff_data(view, run.code, options.agent, options.other)
        if options.json:
            return json.dumps(changed)
        same = (
            "the seed is the best-belief agent: nothing has changed"
            if options.other is None
            else "no difference"
        )
        return "\n".join([*view.all_notes(), str(changed["patch"]) or same])
    if options.command == "why":
        if options.json:
            return json.dumps(why_data(view, options.number))
        return "\n".join([why_text(view, options.number), *view.all_notes()])
    shown = show_data(view, options.what)
    return json.dumps(shown) if options.json else json.dumps(shown, indent=2, ensure_ascii=False)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from error


def _count(text: str) -> int:
    number = _number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {number}")
    return number


def _positive(text: str) -> int:
    number = _number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _regrade(options: argparse.Namespace) -> int:
    from dgm import regrade  # here, because it reads benchmarks with Hydra

    request = regrade.Request(
        evaluations=tuple(options.evaluations),
        agent=options.agent,
        task=options.task,
        changed=options.changed,
        new_tests=options.new_tests,
    )
    path = _directory(options.run)
    return regrade.regrade(path, request, slots=options.slots, level=options.sandbox, say=_say)


def _replay(options: argparse.Namespace) -> int:
    from dgm import replay  # here, because it composes policies with Hydra

    with archive.open(_directory(options.run)) as run:
        return replay.report(run, _say)


def _doctor(_: argparse.Namespace) -> int:
    from dgm import (
        doctor,
    )  # here and below, because the katas and the grader are only needed by these commands

    return doctor.report(_say)


def _check(options: argparse.Namespace) -> int:
    from dgm import doctor

    return doctor.check_tasks(options.what, options.sandbox, _say)


def _build_images(options: argparse.Namespace) -> int:
    from dgm import doctor

    return doctor.build_images(options.base_image, _say)


def _say(text: str) -> None:
    _print(text, sys.stdout)


def _complain(text: str) -> None:
    _print(f"{COMPLAINT}{text}", sys.stderr)


def _print(text: str, stream: Any) -> None:
    """Agents and models wrote some of what is printed, so nothing reaches the terminal that could steer it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = safe_text(text).encode(encoding, "backslashreplace").decode(encoding)
    print(shown, file=stream, flush=True)


def _leave_quietly() -> None:
    """Whoever read our output has gone. Python would complain once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


COMPOSED: Mapping[str, Callable[[Sequence[str]], int]] = {
    "run": _run,
    "simulate": _simulate,
    "estimate": _estimate,
    "one-of-many": _one_of_many,
}
"""Commands that do not read their own arguments with argparse."""

if __name__ == "__main__":
    sys.exit(main())
