"""The command line: `dgm run` composes a configuration and searches; the other commands read runs and check things."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from archive import ArchiveError, open_run
from dgm import doctor
from dgm.config import ConfigError, Plain, compose_and_run
from dgm.launch import check, launch, view_of
from dgm.report import views
from dgm.search import DriverError, StoppedError
from sandbox import SandboxError

EXPECTED = (ConfigError, ArchiveError, SandboxError, DriverError, views.LookUpError, OSError)
"""What a user can cause or mend: told in one line, without a traceback."""

USAGE = """dgm run [OVERRIDE ...]       search; Hydra overrides such as policy=uniform budget.evaluations=30 seed=1,2 -m
                             `dgm run --cfg job` prints the configuration, `dgm run --help` lists the groups
dgm tree|best|tasks RUN      the tree of agents, the best-belief agent, the tasks      [--json]
dgm show RUN WHAT            a decision by number; an agent, expansion or evaluation by the beginning of its id
dgm diff RUN AGENT [OTHER]   what changed from OTHER (by default its parent) to AGENT
dgm doctor                   what this machine offers
dgm benchmark check WHAT     reference and stub of every task through sandbox and grader; katas or path=FOLDER

RUN is a run's directory, or its name under runs/. AGENT may be `seed` or `best`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: something did not hold; 2: wrong input; 130: stopped by the operator."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["run"]:
            return compose_and_run(given[1:], _run)
        return _command(given)
    except StoppedError as error:
        _complain(f"{error}; the same command goes on where this one stopped")
        return 130
    except DriverError as error:
        _complain(str(error))
        return 1
    except EXPECTED as error:
        _complain(str(error))
        return 2
    except BrokenPipeError:
        return 1


def _run(config: Plain) -> int:
    return launch(config, say=_say)


def _command(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dgm", usage=USAGE, add_help=True)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("tree", "best", "tasks", "show", "diff"):
        command = commands.add_parser(name)
        command.add_argument("run")
        if name == "show":
            command.add_argument("what")
        if name == "diff":
            command.add_argument("agent")
            command.add_argument("other", nargs="?")
        command.add_argument("--json", action="store_true")
        command.set_defaults(call=_view)
    commands.add_parser("doctor").set_defaults(call=lambda _: doctor.report(_say))
    benchmark = commands.add_parser("benchmark").add_subparsers(dest="action", required=True)
    checked = benchmark.add_parser("check")
    checked.add_argument("what")
    checked.add_argument("--sandbox", default="auto")
    checked.set_defaults(call=lambda options: check(options.what, options.sandbox, _say))
    options = parser.parse_args(given)
    call: Callable[[argparse.Namespace], int] = options.call
    return call(options)


def _view(options: argparse.Namespace) -> int:
    path = Path(options.run)
    if not path.exists() and len(path.parts) == 1:
        path = Path("runs") / path
    with open_run(path) as run:
        view = view_of(run)
        if options.command == "diff":
            agent = view.agent(options.agent)
            other = view.agent(options.other).id if options.other else agent.parent
            if other is None:
                raise views.LookUpError(
                    f"{agent.id[:10]} is the seed and has no parent: name another agent to compare with"
                )
            patch = run.code.patch(other, agent.id)
            _say(json.dumps({"from": other, "to": agent.id, "patch": patch}) if options.json else patch)
            return 0
    text, data = {
        "tree": (views.tree_text, lambda: [asdict(one) for one in views.standings(view)]),
        "best": (views.best_text, lambda: views.best_data(view)),
        "tasks": (views.tasks_text, lambda: [asdict(one) for one in views.task_lines(view)]),
        "show": (
            lambda view: json.dumps(views.show_data(view, options.what), indent=2, ensure_ascii=False),
            lambda: views.show_data(view, options.what),
        ),
    }[options.command]
    _say(json.dumps(data(), ensure_ascii=False) if options.json else text(view))
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command line's own output


def _complain(text: str) -> None:
    print(f"dgm: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the command line's own output


if __name__ == "__main__":
    sys.exit(main())
