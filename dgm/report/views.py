"""Text and JSON views of a run, as pure functions of its rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from archive import Agent, AgentId, Decision, Evaluation, Expansion, Lineage, Outcome, Row, Split, TaskId
from dgm.cmp import clade_counts, posterior
from dgm.results import gain, latest, score
from dgm.tree import Tree


class LookUpError(ValueError):
    """What was asked for is not in this run, or a prefix fits more than one."""


@dataclass(frozen=True)
class RunView:
    """A run read once: its rows, who descends from whom, and what counts."""

    rows: Sequence[Row]
    tasks: Mapping[Split, tuple[TaskId, ...]]

    @property
    def agents(self) -> list[Agent]:
        return [row for row in self.rows if isinstance(row, Agent)]

    @property
    def evaluations(self) -> list[Evaluation]:
        return latest(self.rows)

    @property
    def expansions(self) -> list[Expansion]:
        return [row for row in self.rows if isinstance(row, Expansion)]

    def tree(self) -> Tree:
        tree = Tree(self.tasks[Split.SEARCH])
        for row in self.rows:
            tree.observe(row)
        return tree

    def agent(self, prefix: str) -> Agent:
        """The agent whose id begins with `prefix`; `seed` and `best` are understood too."""
        if prefix == "seed" and self.agents:
            return self.agents[0]
        wanted = self.tree().best() if prefix == "best" and self.agents else prefix
        found = [agent for agent in self.agents if agent.id.startswith(wanted)]
        if len(found) != 1:
            kind = "no agent" if not found else f"{len(found)} agents"
            raise LookUpError(f"{kind} of this run begins with {prefix!r}; `dgm tree` lists them")
        return found[0]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One agent among the others: own and clade counts, belief with 95 % interval, what its expansions came to."""

    agent: AgentId
    parent: AgentId | None
    depth: int
    resolved: int
    evaluations: int
    mean: float
    interval: tuple[float, float]
    clade_resolved: int
    clade_evaluations: int
    cmp: float
    expansions: Mapping[str, int]
    patch_bytes: int
    best: bool


def standings(view: RunView) -> list[Standing]:
    """Every agent in the order in which they were made."""
    tree, lineage = view.tree(), Lineage(view.agents)
    own = {agent.id: tree.counts(agent.id) for agent in view.agents}
    attempts: dict[AgentId, Counter[str]] = defaultdict(Counter)
    for expansion in view.expansions:
        attempts[expansion.parent][expansion.outcome.value] += 1
    best = tree.best() if len(tree) else None
    found = []
    for agent in view.agents:
        counts, clade = own[agent.id], clade_counts(lineage, own, agent.id)
        found.append(
            Standing(
                agent=agent.id,
                parent=agent.parent,
                depth=agent.depth,
                resolved=counts.resolved,
                evaluations=counts.total,
                mean=posterior(counts).mean,
                interval=posterior(counts).interval(),
                clade_resolved=clade.resolved,
                clade_evaluations=clade.total,
                cmp=posterior(clade).mean,
                expansions=dict(sorted(attempts[agent.id].items())),
                patch_bytes=agent.patch_bytes,
                best=agent.id == best,
            )
        )
    return found


def tree_text(view: RunView) -> str:
    """The tree with one line per agent: counts, score with interval, CMP, expansions that made no child."""
    children: dict[AgentId | None, list[Standing]] = defaultdict(list)
    for standing in standings(view):
        children[standing.parent].append(standing)
    lines: list[str] = []
    stack = [(root, "", "") for root in reversed(children[None])]
    while stack:
        standing, lead, below = stack.pop()
        lines.append(lead + _line(standing))
        sons = children[standing.agent]
        for place, son in reversed(list(enumerate(sons))):
            last = place == len(sons) - 1
            stack.append((son, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    return "\n".join(lines)


def _line(standing: Standing) -> str:
    low, high = standing.interval
    ticks = "".join(f"  {name} x{count}" for name, count in standing.expansions.items() if name != "child")
    return (
        f"{standing.agent[:10]}  {standing.resolved}/{standing.evaluations}"
        f"  {standing.mean:.2f} [{low:.2f}, {high:.2f}]"
        f"  clade {standing.clade_resolved}/{standing.clade_evaluations} {standing.cmp:.2f}{ticks}"
        + ("  <- best belief" if standing.best else "")
    )


def best_data(view: RunView) -> dict[str, object]:
    """The best-belief agent beside the seed: counts on `search`, scores on `test`, the gain with its interval."""
    tree = view.tree()
    best, seed = tree.best(), tree.ids[0]
    evaluations = view.evaluations
    scores = {name: score(evaluations, agent) for name, agent in (("best", best), ("seed", seed))}
    difference = gain(scores["best"], scores["seed"])
    return {
        "best": best,
        "seed": seed,
        "search": {name: asdict(tree.counts(agent)) for name, agent in (("best", best), ("seed", seed))},
        "test": {
            name: {
                "mean": one.mean,
                "interval": one.belief.interval(),
                "resolved": one.counts.resolved,
                "evaluations": one.counts.total,
                "by_task": dict(one.by_task),
            }
            for name, one in scores.items()
        },
        "gain": asdict(difference),
    }


def best_text(view: RunView) -> str:
    """`best_data` for people."""
    tree = view.tree()
    best, seed = tree.best(), tree.ids[0]
    evaluations = view.evaluations
    lines = []
    for name, agent in (("best-belief agent", best), ("seed", seed)):
        counts, test = tree.counts(agent), score(evaluations, agent)
        low, high = test.belief.interval()
        tested = (
            f"test {test.counts.resolved}/{test.counts.total} = {100 * test.mean:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"
            if test.counts.total
            else "not tested"
        )
        lines.append(f"{name:18} {agent[:10]}  search {counts.resolved}/{counts.total}  {tested}")
    difference = gain(score(evaluations, best), score(evaluations, seed))
    if best == seed:
        lines.append("the seed itself is the best-belief agent: no gain")
    elif difference.tasks:
        lines.append(
            f"gain on test: {100 * difference.mean:+.1f} points, 95 % interval"
            f" [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}] over {difference.tasks} tasks"
        )
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class TaskLine:
    """One task: how many of its evaluations were resolved, in all and per agent (1 or 0 for each)."""

    task: TaskId
    split: Split
    resolved: int
    evaluations: int
    agents: Mapping[AgentId, tuple[int, ...]]


def task_lines(view: RunView) -> list[TaskLine]:
    """Every task of the run, split by split."""
    by_task: dict[TaskId, dict[AgentId, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in view.evaluations:
        by_task[row.task][row.agent].append(int(row.outcome is Outcome.RESOLVED))
    return [
        TaskLine(
            task=task,
            split=split,
            resolved=sum(map(sum, by_task[task].values())),
            evaluations=sum(map(len, by_task[task].values())),
            agents={agent: tuple(values) for agent, values in by_task[task].items()},
        )
        for split, tasks in view.tasks.items()
        for task in tasks
    ]


def tasks_text(view: RunView) -> str:
    """A matrix: tasks down, agents across in the order in which they were made."""
    lines = task_lines(view)
    width = max((len(line.task) for line in lines), default=4)
    head = f"{'task':{width}}  split     total  agents in the order in which they were made: # all, + some, - none resolved"
    return "\n".join(
        [
            head,
            *(
                f"{line.task:{width}}  {line.split:7}  {line.resolved:>2}/{line.evaluations:<3}  "
                + "".join(_mark(line.agents.get(agent.id, ())) for agent in view.agents)
                for line in lines
            ),
        ]
    )


def _mark(values: Sequence[int]) -> str:
    if not values:
        return "·"
    return "#" if all(values) else "+" if any(values) else "-"


def show_data(view: RunView, what: str) -> dict[str, object]:
    """Everything recorded of one thing: a decision by its number, or an agent, evaluation or expansion by a prefix."""
    if what.isdecimal() and len(what) < 10:
        rows = [
            row for row in view.rows if row.seq == int(what) or getattr(row, "decision", None) == int(what)
        ]
        if not rows:
            raise LookUpError(f"this run has no entry {what}")
        return {"entry": int(what), "rows": [row_data(row) for row in rows]}
    jobs = [row for row in view.rows if isinstance(row, Expansion | Evaluation) and row.id.startswith(what)]
    if len(jobs) == 1:
        return row_data(jobs[0])
    agent = view.agent(what)
    made = next((row for row in view.expansions if row.id == agent.expansion), None)
    decided = {row.seq: row for row in view.rows if isinstance(row, Decision)}
    return {
        **row_data(agent),
        "made_by": None if made is None else row_data(made),
        "decision": None if made is None else row_data(decided[made.decision]),
        "children": [child.id for child in view.agents if child.parent == agent.id],
        "counts": asdict(view.tree().counts(agent.id)),
        "evaluations": [
            {
                "id": row.id,
                "task": row.task,
                "split": row.split.value,
                "outcome": row.outcome.value,
                "detail": row.detail,
            }
            for row in view.evaluations
            if row.agent == agent.id
        ],
    }


def row_data(row: Row) -> dict[str, object]:
    """A row as plain JSON values, with its kind first."""
    return {"row": type(row).__name__.lower(), **{key: _plain(value) for key, value in asdict(row).items()}}


def _plain(value: object) -> object:
    match value:
        case StrEnum():
            return value.value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case _:
            return value


def counts_by_outcome(view: RunView) -> Mapping[str, int]:
    """How often each outcome of an evaluation or expansion occurred, voids included."""
    return Counter(row.outcome.value for row in view.rows if isinstance(row, Evaluation | Expansion))
