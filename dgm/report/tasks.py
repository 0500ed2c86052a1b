"""The tasks of a run and who resolved them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from archive import AgentId, Split, TaskId
from dgm.columns import grades_of
from dgm.report.safe import safe_line
from dgm.report.views import RunView


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
    for task, agent, resolved in grades_of(view.run):
        by_task[task][agent].append(int(resolved))
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


def tasks_data(view: RunView) -> dict[str, object]:
    return view.headed(tasks=[asdict(line) for line in task_lines(view)])


def tasks_text(view: RunView) -> str:
    """A matrix: tasks down, agents across in the order in which they were made."""
    lines = task_lines(view)
    names = [safe_line(line.task) for line in lines]
    width = max(map(len, names), default=4)
    return "\n".join(
        [
            f"{'task':{width}}  split     total  agents in the order in which they were made:"
            " # all, + some, - none resolved",
            *(
                f"{name:{width}}  {line.split:7}  {line.resolved:>2}/{line.evaluations:<3}  "
                + "".join(_mark(line.agents.get(agent.id, ())) for agent in view.agents)
                for name, line in zip(names, lines, strict=True)
            ),
        ]
    )


def _mark(values: Sequence[int]) -> str:
    if not values:
        return "·"
    return "#" if all(values) else "+" if any(values) else "-"
