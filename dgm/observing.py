"""Who watches a run besides its screen: lines for machines, driver.log, a tracker of experiments, metrics."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from archive import ArchiveError, Run, RunReader
from dgm.columns import outcomes_of
from dgm.config import build
from dgm.deciding import DriverError
from dgm.errors import UserError
from dgm.events import DriverLog, Events, Published, Sink
from dgm.prepare import Prepared
from dgm.search import RunPausedError, StoppedError
from dgm.tracking import Tracking
from dgm.watching import Display
from dgm.workers import Pool
from sandbox import Level, SandboxError

LOG = "driver.log"

_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")
"""What the names of environment variables look like whose values nobody may see."""

HOW: Mapping[type[BaseException], str] = {
    StoppedError: "stopped",
    RunPausedError: "gave_up",
    DriverError: "failed",
    UserError: "failed",
    ArchiveError: "failed",
    SandboxError: "failed",
    OSError: "failed",
    KeyboardInterrupt: "interrupted",
}
"""What ends a driver before its search has ended, the more special first."""


def events_of(prepared: Prepared, lines: Sink | None, environ: Mapping[str, str]) -> Events:
    """What tells of this run; `lines` takes what `dgm run --json` prints."""
    named = prepared.config["llm"].get("key_env")
    secrets = [value for name, value in environ.items() if name == named or _SECRET.search(name)]
    return Events(str(prepared.path), () if lines is None else (lines,), secrets)


@contextmanager
def told_how_it_ends(events: Events) -> Iterator[None]:
    """Tell of a driver that ends before its search has."""
    try:
        yield
    except tuple(HOW) as error:
        how = next(how for kind, how in HOW.items() if isinstance(error, kind))
        events.event("ended", how=how, text=str(error), best=None)
        raise


def observe(
    stack: ExitStack,
    prepared: Prepared,
    run: Run,
    past: RunReader,
    pool: Pool,
    level: Level,
    events: Events,
    tell: Sink,
    stops: Callable[[], int],
) -> list[Display]:
    """Whom a search is to tell besides its screen, until `stack` is left. `tell` shows a line to the operator, `stops`
    says how often that one asked to stop."""
    log = DriverLog(log_path(prepared), str(prepared.path), tell)
    events.add(stack.enter_context(log))
    tracking: Tracking | None = build(prepared.config, "tracking")
    if tracking is not None:
        events.add(stack.enter_context(tracking.opened(tell, stops)))
    events.recall(outcomes_of(past))
    events.event(
        "started",
        id=run.info.id,
        name=prepared.path.name,
        entries=run.next_seq,
        policy=prepared.policy.name,
        llm=str(prepared.config["llm"].get("name", "")),
        made_up=not prepared.upstream.real,
        sandbox=level.value,
        slots=pool.slots,
        width=prepared.settings.width or pool.slots,
        budget=prepared.config["budget"],
        pid=os.getpid(),
    )
    return [events, Published(pool, str(prepared.path))]


def log_path(prepared: Prepared) -> Path:
    """In the run's directory, or where `log_dir` says, by the run's name."""
    directory = prepared.config.get("log_dir")
    return prepared.path / LOG if directory is None else Path(directory) / f"{prepared.path.name}.{LOG}"
