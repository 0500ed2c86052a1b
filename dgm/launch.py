"""From a configuration to a finished run: everything is checked first, then made, then searched."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

import archive
from archive import (
    SEGMENT_LINES,
    Agent,
    Blobs,
    NotWritableError,
    Row,
    Run,
    RunInfo,
    RunReader,
    Split,
    create_run,
    resume_run,
    tree_hash,
)
from dgm.columns import outcomes_of
from dgm.config import Plain, differences, run_id
from dgm.control import Mailbox
from dgm.deciding import Decider
from dgm.errors import ConfigError
from dgm.events import Events
from dgm.gates import form
from dgm.interrupts import Stops
from dgm.jobs import Job, Result
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.jobs.services import NodeSettings
from dgm.live import LiveConfig
from dgm.llm import GatewayError
from dgm.llm.recordings import recorded_calls
from dgm.llm.upstreams import Replay
from dgm.observing import events_of, observe, told_how_it_ends
from dgm.operators import mix_of
from dgm.planning import Plan, RunPlanner
from dgm.policies import Attempts
from dgm.prepare import (
    Prepared,
    check_surroundings,
    choose_level,
    follows_cluster,
    learn_tasks,
    prepare,
    runtime_of,
    slots_of,
)
from dgm.report import best_data, best_text, tree_text, view_of
from dgm.report.progress import Progress
from dgm.resume import carried_on, note_changes, refuse_another
from dgm.search import Search
from dgm.steering import Control, Uncontrolled
from dgm.tree import Tree
from dgm.watching import Display, Several, Status
from dgm.width import Share, most_of, warning, width_of
from dgm.workers import Figure, Pool, RecordedOrder
from sandbox import Level

Say = Callable[[str], None]

PACKAGES = (
    "dgm",
    "ray",
    "docker",
    "numpy",
    "gitpython",
    "openai",
    "pyarrow",
    "hydra-core",
    "aiohttp",
    "scipy",
)
"""Whose versions a run records."""


def launch(
    config: Plain,
    say: Say,
    segment_lines: int = SEGMENT_LINES,
    share: Share | None = None,
    lines: Say | None = None,
) -> int:
    """Run the configuration to its end, or print the result if it is finished already.

    `share` is what it may use where it goes on beside other searches. `segment_lines` is how many entries the log
    gathers before they are sealed into Parquet. With `lines` there is no screen: it takes all that happens as lines for
    machines, see `dgm.events`.

    A run that is there is looked at without the lock first: what is finished needs neither workers nor a sandbox, and
    what may not go on is refused before anything starts. A new one is made last, when everything else stands.
    """
    with Stops() as stops, ExitStack() as watchers:
        prepared = prepare(config, share)
        events = events_of(prepared, lines, os.environ)
        say = say if lines is None else events.tell
        with told_how_it_ends(events):
            exists = prepared.path.exists()
            if exists:
                prepared = _carried_on(prepared, say)
            ended = _finished(prepared) if exists else None
            if ended is None:
                check_surroundings(prepared)
                with ExitStack() as stack:
                    run = (
                        stack.enter_context(resume_run(prepared.path, segment_lines=segment_lines))
                        if exists
                        else None
                    )
                    level = choose_level(prepared.config, prepared.upstream, say)
                    prepared = learn_tasks(prepared, level, say)
                    pool, prepared = stack.enter_context(_started(prepared, _node(prepared, level)))
                    if run is None:
                        made = create_run(prepared.path, run_info(prepared), segment_lines=segment_lines)
                        run = stack.enter_context(made)
                    _plant(prepared, run)
                    _warn(prepared, pool.slots, say)
                    note_changes(run, prepared.config)
                    stops.count()
                    screen = None if lines is not None else _screen(prepared)
                    ended = _search(prepared, run, pool, level, stops, events, watchers, screen)
            _report(prepared, ended, None if lines is not None else say, events)
    return 0


def _node(prepared: Prepared, level: Level) -> NodeSettings:
    config = prepared.config
    return NodeSettings(
        level=level,
        limits=prepared.limits,
        upstream=prepared.upstream,
        slots=int(config["workers"]["slots"]) or os.cpu_count() or 1,
        runtime=runtime_of(config),
    )


def _screen(prepared: Prepared) -> Progress:
    display, console = prepared.config["display"], Console()
    live = console.is_terminal if display == "auto" else display == "live"
    return Progress(console, live=live, made_up=not prepared.upstream.real)


def _search(
    prepared: Prepared,
    run: Run,
    pool: Pool,
    level: Level,
    stops: Stops,
    events: Events,
    watchers: ExitStack,
    screen: Progress | None,
) -> Search:
    """`watchers` holds what goes on watching after the search, `screen` is what people see of it."""
    with ExitStack() as stack:
        past = stack.enter_context(archive.open(run.path))
        tell = events.tell if screen is None else screen.tell
        displays = observe(watchers, prepared, run, past, pool, level, events, tell, stops)
        if screen is not None:
            stack.enter_context(screen)
            screen.recall(outcomes_of(past))
            displays.append(screen)
        display = Several(displays)
        mailbox = stack.enter_context(_mailbox(run, display))
        search = _searcher(prepared, run, pool, display, stops, past, mailbox)
        search.run()
    return search


@contextmanager
def _mailbox(run: Run, display: Display) -> Iterator[Mailbox]:
    mailbox = Mailbox(run.path, run.driver, display.tell)
    try:
        yield mailbox
    finally:
        mailbox.close("the driver ends just now")


def _carried_on(prepared: Prepared, say: Say) -> Prepared:
    """The same with what operators changed while earlier drivers of the run went on."""
    with archive.open(prepared.path) as run:
        config = carried_on(prepared.config, run)
    kept = differences(prepared.config, config)
    if not kept:
        return prepared
    say("as it was changed while the run went on (given -> in force):\n  " + "\n  ".join(kept))
    return prepare(config, prepared.share)


def _searcher(
    prepared: Prepared,
    run: Run | RunReader,
    pool: Pool,
    display: Display,
    stops: Callable[[], int],
    past: RunReader,
    control: Control,
) -> Search:
    """The search of this run, which must have its seed agent already; `past` is the same run as it is now."""
    return Search(
        archive=run,
        decider=Decider(
            policy=prepared.policy,
            tree=Tree(run.info.splits[Split.SEARCH]),
            confirm=run.info.splits.get(Split.CONFIRM, ()),
            tests=run.info.splits[Split.TEST],
            operator=prepared.operator.name,
            choices=prepared.choices,
            mix=mix_of(prepared.operator),
        ),
        pool=pool,
        planner=RunPlanner(_plan(prepared, past), run.code, Blobs(past.directory / "blobs")),
        settings=prepared.settings,
        display=display,
        clock=time.monotonic,
        stops=stops,
        past=past,
        trouble=lambda: prepared.upstream.trouble(os.environ),
        control=control,
        changes=LiveConfig(prepared, pool.slots),
    )


class _Unfinished(Exception):
    """There is a job to run."""


class _NoPool:
    """Stands for a pool of so many slots where nothing may start; see `dgm.workers.base.Pool`."""

    running = 0

    def __init__(self, slots: int) -> None:
        self.slots = slots

    def lack(self) -> str:
        return ""

    def resize(self, slots: int) -> None:
        return None

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        return None

    def submit(self, job: Job) -> None:
        raise _Unfinished

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        raise _Unfinished

    def close(self) -> None:
        return None


class _NoDisplay:
    """Shows nothing; see `dgm.watching.Display`."""

    def show(self, status: Status) -> None:
        return None

    def note(self, row: Row) -> None:
        return None

    def tell(self, line: str) -> None:
        return None


def _finished(prepared: Prepared) -> Search | None:
    """The search of this run if nothing is left to do. Raises ConfigError if it may not go on with this configuration.

    The search itself says so: over a reader and a pool that starts nothing, it ends exactly if it has no decision to
    make and no job to run.
    """
    with archive.open(prepared.path) as run:
        refuse_another(prepared, run)
        if run.next_seq == 0:
            return None
        pool = _NoPool(next_width(prepared, run))
        search = _searcher(prepared, run, pool, _NoDisplay(), lambda: 0, run, Uncontrolled())
        try:
            search.run()
        except (_Unfinished, NotWritableError):
            return None
    return search


def next_width(prepared: Prepared, run: RunReader) -> int:
    """The width that the search would go on with; as wide as it was where only a cluster knows the slots."""
    slots = prepared.share.slots if prepared.share else slots_of(prepared.config)
    if slots is None:
        was = view_of(run).width or 1
        slots = max(was, prepared.width) if isinstance(prepared.width, int) else was
    return width_of(prepared.width, slots, prepared.settings.evaluations)


def run_info(prepared: Prepared) -> RunInfo:
    """What a new run of this configuration is."""
    return RunInfo(
        id=run_id(prepared.config),
        seed=prepared.settings.seed,
        config=prepared.config,
        packages=_versions(),
        splits=prepared.splits,
        seed_tree=tree_hash(prepared.seed_tree),
    )


def _plant(prepared: Prepared, run: Run) -> None:
    """The seed agent is the first entry of a run."""
    if run.next_seq == 0:
        seed = run.code.commit(prepared.seed_tree, parents=(), message="Seed agent", seq=0)
        run.append(
            Agent(
                id=seed, seq=0, parent=None, depth=0, tree=run.code.tree(seed), form=form(prepared.seed_tree)
            )
        )


def _plan(prepared: Prepared, run: RunReader) -> Plan:
    """The seed is the one that the run began with, whatever became of the files that it was read from."""
    seed_tree = run.code.files(run.lineage.seeds[0])
    rollout = prepared.config["budget"]["rollout"]
    return Plan(
        run_id=run.info.id,
        seed=run.info.seed,
        tasks=prepared.tasks,
        manifest=parse_manifest(seed_tree[MANIFEST]),
        seed_tree=seed_tree,
        improve_with_seed=prepared.config["improver"] == "seed",
        operator=prepared.operator,
        gates=prepared.gates,
        beside=prepared.upstream.beside(),
        allowance=prepared.allowance,
        solve_s=float(rollout["solve_s"]),
        improve_s=float(rollout["improve_s"]),
        journals=run.directory / "journal",
    )


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@contextmanager
def _started(prepared: Prepared, node: NodeSettings) -> Iterator[tuple[Pool, Prepared]]:
    """The pool, and what was prepared with the width that a search has on its slots."""
    try:
        pool = prepared.start_pool(node)
    except (GatewayError, ValueError, RuntimeError) as error:
        raise ConfigError(f"workers: {error}") from error
    try:
        width = _most(prepared, pool.slots)
        searched = replace(prepared, settings=replace(prepared.settings, width=width))
        if isinstance(prepared.upstream, Replay):
            pool = _as_recorded(prepared.upstream, pool, width or pool.slots)
        yield pool, searched
    finally:
        pool.close()


def _most(prepared: Prepared, slots: int) -> int | None:
    """How many jobs may be in flight at most, None where that is for the cluster to say."""
    evaluations = prepared.settings.evaluations
    if prepared.share is not None:
        return width_of(prepared.width, prepared.share.slots, evaluations)
    if follows_cluster(prepared.config):
        return most_of(prepared.width, evaluations)
    return width_of(prepared.width, slots, evaluations)


def _warn(prepared: Prepared, slots: int, say: Say) -> None:
    """Say what a large width costs where something is searched."""
    told = warning(prepared.settings.evaluations, min(prepared.settings.width or slots, slots) or 1)
    if told and not isinstance(prepared.policy, Attempts):
        say(told)


def _as_recorded(upstream: Replay, pool: Pool, width: int) -> Pool:
    """The pool with its results in the recorded order, so that every decision meets the rows that it met then."""
    recorded = recorded_calls(Path(upstream.run))
    if recorded.slots and recorded.slots != (width,):
        last = recorded.slots[-1]
        raise ConfigError(
            f"llm.run={upstream.run} was recorded with {' and '.join(map(str, recorded.slots))} slots, here are"
            f" {width}: its decisions would be others; give"
            f" {f'workers.width={last}' if last <= pool.slots else f'workers.slots={last}'}"
        )
    return RecordedOrder(pool, recorded.rounds)


def _report(prepared: Prepared, search: Search, say: Say | None, events: Events) -> None:
    with archive.open(prepared.path) as run:
        view = view_of(run)
        found = best_data(view)
        lines = ["", tree_text(view), "", best_text(view), *view.all_notes(), f"archive: {prepared.path}"]
    ended = search.ended_by_money
    if say is not None:
        say("\n".join([*lines, *filter(None, [ended])]))
    events.event("ended", how="finished", text=ended, best=found)
