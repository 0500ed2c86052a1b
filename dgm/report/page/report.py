"""`dgm report`: a whole run in one file that opens anywhere, without a server or a network."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from archive import DecisionKind, Evaluation, Expansion
from dgm.report.page import tables
from dgm.report.page.details import Detail, Details
from dgm.report.page.document import as_json, block, document
from dgm.report.page.head import head_data, order_of_interest
from dgm.report.page.shelf import Shelf
from dgm.report.views import RunView

MIB = 1 << 20
FILE_BYTES = 24 * MIB
"""How large a report becomes at most, unless its tables alone are larger."""

AGENTS, DECISIONS = 0.4, 0.3
"""Of what the tables leave: how much is for agents' patches, and of what those leave for decisions. Rollouts have the
rest."""

TABLES_SHARE = 0.8
"""How much of the limit the tables may take before some are left out."""

LARGE = {"time": "the time line", "decisions": "the table of decisions", "jobs": "the table of jobs"}
"""Tables that grow with every job, in the order in which they are left out."""

NAMES = {
    "agent": "agents with what they changed, those of the winner's line first,",
    "decision": "decisions with what the policy saw, those to expand first,",
    "result": "rollouts with their transcripts, those of the winner's line first,",
}

MARGIN = 2048
"""Bytes for the notes on what was left out, and for what stands around the places of details."""

MOST_AGENTS = 1000
"""Of how many agents patches are made: reading and comparing files takes its time."""

TOGETHER = 8000
"""About how many evaluations are read in one pass over the run."""

TABLES: Mapping[str, Callable[[RunView], tables.Columns]] = {
    "tasks": tables.tasks_table,
    "jobs": tables.jobs_table,
    "matrix": tables.matrix_table,
    "progress": tables.progress_table,
    "costs": tables.costs_table,
    "decisions": tables.decisions_table,
    "time": tables.time_table,
}
"""What the page unpacks when it is asked for; head and agents are there at once."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A document, of each kind of detail how many of how many are in it, and the tables that are not."""

    html: str
    kept: Mapping[str, tuple[int, int]]
    absent: Sequence[str] = ()

    def told(self) -> list[str]:
        """What was left out, a line for each kind."""
        tables = [f"{LARGE[name]} would make this file too large: dgm view shows it" for name in self.absent]
        return tables + [
            f"{kept} of {total} {NAMES[kind]} are in this file"
            for kind, (kept, total) in self.kept.items()
            if kept < total
        ]


def report(view: RunView, name: str, *, limit: int = FILE_BYTES) -> Report:
    """The report of a run that is called `name`. Raises LookUpError while there is no agent."""
    order, details = order_of_interest(view), Details(view)
    built = {kind: table(view) for kind, table in TABLES.items()}
    agents = block("agents", as_json(tables.agents_table(view)))
    packed, absent = _fitting(built, int(limit * TABLES_SHARE) - len(agents))
    head = head_data(view, name)
    begin = sum(map(len, document(name, _head(head, Report(html="", kept={}, absent=absent)) + agents)))
    room = limit - begin - sum(map(len, packed)) - MARGIN
    blocks, kept, shelves = list(packed), {}, {}
    for kind, total, share, read in _kinds(view, order, details, built):
        shelf = Shelf(kind, int(room * share) if total else 0)
        before = shelf.room
        blocks += shelf.fill(read())
        room -= before - shelf.room
        kept[kind] = (len(shelf), total)
        shelves[kind] = shelf.index()
    first = _head(head, Report(html="", kept=kept, absent=absent)) + agents
    rest = (*blocks, block("shelves", as_json(shelves)))
    return Report(html="".join(document(name, first, rest)), kept=kept, absent=absent)


def _head(head: Mapping[str, object], found: Report) -> str:
    return block("head", as_json({**head, "left_out": found.told(), "absent": found.absent}))


def _fitting(built: dict[str, tables.Columns], room: int) -> tuple[list[str], list[str]]:
    """The blocks of the tables, and the names of those that are emptied in `built` to fit into `room` bytes."""
    blocks = {kind: block(kind, as_json(table)) for kind, table in built.items()}
    absent: list[str] = []
    for kind in LARGE:
        if sum(map(len, blocks.values())) <= room:
            break
        built[kind] = {name: [] for name in built[kind]}
        blocks[kind] = block(kind, as_json(built[kind]))
        absent.append(kind)
    return list(blocks.values()), absent


Kind = tuple[str, int, float, Callable[[], Iterator[tuple[int, Detail]]]]


def _kinds(
    view: RunView, order: Sequence[int], details: Details, built: Mapping[str, tables.Columns]
) -> list[Kind]:
    """The kinds of details: name, how many there are, share of the room that is left, how they are read."""
    ids = [agent.id for agent in view.agents]
    agents = partial(_agents, [(number, ids[number]) for number in order[:MOST_AGENTS]], details)
    results = partial(_results, view, [ids[number] for number in order], details)
    numbers = built["decisions"]["seq"]
    decisions = partial(_decisions, view, _by_interest(view), details)
    return [
        ("agent", len(order), AGENTS, agents),
        ("decision", len(numbers), DECISIONS, decisions),
        ("result", len(built["jobs"]["seq"]), 1.0, results),
    ]


def _agents(agents: Sequence[tuple[int, str]], details: Details) -> Iterator[tuple[int, Detail]]:
    for number, id in agents:
        yield number, details.agent(id)


def _results(view: RunView, agents: Sequence[str], details: Details) -> Iterator[tuple[int, Detail]]:
    """Of each agent how it was made, the expansions of it that made no agent, its evaluations."""
    of_agent: dict[str, list[Expansion]] = defaultdict(list)
    for expansion in details.expansions.values():
        of_agent[expansion.child or expansion.parent].append(expansion)
    for together in _passes(view, agents):
        evaluations: dict[str, list[Evaluation]] = defaultdict(list)
        for row in view.run.evaluations_of(*together):
            evaluations[row.agent].append(row)
        for id in together:
            results: list[Expansion | Evaluation] = [*of_agent[id], *evaluations[id]]
            for result in results:
                yield result.seq, details.result(result)


def _passes(view: RunView, agents: Sequence[str]) -> Iterator[list[str]]:
    """The agents in their order, some of them together."""
    counts = Counter(view.run.columns("evaluations", "agent")["agent"].to_pylist())
    together, size = [], 0
    for id in agents:
        together.append(id)
        size += counts[id]
        if size >= TOGETHER:
            yield together
            together, size = [], 0
    yield together


def _decisions(view: RunView, numbers: Sequence[int], details: Details) -> Iterator[tuple[int, Detail]]:
    for begin in range(0, len(numbers), 512):
        for row in view.run.decisions_at(numbers[begin : begin + 512]):
            yield row.seq, details.decision(row)


def _by_interest(view: RunView) -> list[int]:
    """The numbers of all decisions, those to expand first, then the newest first."""
    data = view.run.columns("decisions", "seq", "kind")
    expands = [kind == DecisionKind.EXPAND for kind in data["kind"].to_pylist()]
    return [seq for _, seq in sorted(zip(expands, data["seq"].to_pylist(), strict=True), reverse=True)]
