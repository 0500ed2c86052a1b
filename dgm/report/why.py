"""Why a decision came out as it did: what its row holds, as values and as one sentence.

The row tells what the policy gave each of the best few actions; the sentence says it in words. Both are functions of
the row alone, so any run can be explained, also one that another program made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from archive import AgentId, Decision, DecisionKind, Evaluation, Expansion, Json, Split, TaskId
from dgm.errors import LookUpError
from dgm.report.safe import safe_line
from dgm.report.views import RunView

OFTEN_BROKEN = 0.05
"""From this probability on it is said that an agent may be broken."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """An action that was weighed, with what the row tells of it; None for what its policy does not tell.

    `value` is what the policy compares by. `costs` is its price in evaluations. `share` and `share_sd` are what the
    agent, or the child of an expansion, may reach on the search tasks if it works, `broken` how likely the agent does
    not. `resolved` and `unresolved` are the counts that the policy looked at.
    """

    kind: DecisionKind
    agent: AgentId
    task: TaskId | None = None
    value: float | None = None
    costs: float | None = None
    share: float | None = None
    share_sd: float | None = None
    broken: float | None = None
    resolved: int | None = None
    unresolved: int | None = None


@dataclass(frozen=True, kw_only=True)
class Why:
    """One decision explained: `options` are what was weighed, the chosen one first."""

    seq: int
    policy: str
    policy_version: int
    split: Split | None
    options: tuple[Option, ...]
    sentence: str


def why(decision: Decision) -> Why:
    """What the row of a decision says of its reasons."""
    chosen = Option(kind=decision.kind, agent=decision.agent, task=decision.task)
    told_rows = (_option(decision, row) for row in decision.runners_up)
    options = [option for option in told_rows if option is not None]
    told = (
        decision.split is not Split.TEST and options[:1]
    )  # a final test tells its finalists, who are no actions
    if told and (options[0].kind, options[0].agent) == (chosen.kind, chosen.agent):
        chosen, options = options[0], options[1:]
    if decision.split is Split.TEST:
        options = []
    reason = REASONS.get(decision.policy, _largest)(decision, chosen)
    sentence = f"{_action(chosen)}{f' {reason}' if reason else ''}"
    if options:
        sentence += f"; second: {_action(options[0])}{_in_brackets(options[0])}"
    return Why(
        seq=decision.seq,
        policy=decision.policy,
        policy_version=decision.policy_version,
        split=decision.split,
        options=(chosen, *options),
        sentence=sentence,
    )


def _option(decision: Decision, row: object) -> Option | None:
    """What a row tells, None of one that names no action; without a kind, it is about doing the same with another."""
    if not isinstance(row, Mapping) or row.get("kind", decision.kind) not in [*DecisionKind]:
        return None
    kind, agent, task = DecisionKind(row.get("kind", decision.kind)), row.get("agent"), row.get("task")
    if not isinstance(agent, str):
        return None
    if task is None and (kind, agent) == (decision.kind, decision.agent):
        task = decision.task
    return Option(
        kind=kind,
        agent=agent,
        task=None if task is None else str(task),
        value=finite(row.get("value")),
        costs=finite(row.get("costs")),
        share=finite(row.get("share")),
        share_sd=finite(row.get("share_sd")),
        broken=finite(row.get("broken")),
        resolved=_count(row, "resolved"),
        unresolved=_count(row, "unresolved"),
    )


def finite(value: object) -> float | None:
    """What a policy tells, if it is a number that a float can hold."""
    return float(value) if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


def _count(row: Json, key: str) -> int | None:
    value = row.get(key)
    return value if isinstance(value, int) else None


def _action(option: Option) -> str:
    on = f" on {safe_line(option.task)}" if option.task is not None else ""
    return f"{option.kind.value} {safe_line(option.agent[:10])}{on}"


def _in_brackets(option: Option) -> str:
    told = [_reach(option)] if option.share is not None else []
    if not told and option.value is not None:
        told = [f"{_short(option.value)}{_counts(option)}"]
    return f" ({told[0]}{_breaks(option)})" if told else ""


def _reach(option: Option) -> str:
    return f"{_short(option.share or 0.0)} ± {_short(option.share_sd or 0.0)}"


def _breaks(option: Option) -> str:
    broken = option.broken or 0.0
    return f", broken with probability {_short(broken)}" if broken >= OFTEN_BROKEN else ""


def _counts(option: Option) -> str:
    if option.resolved is None or option.unresolved is None:
        return ""
    return f", {option.resolved} of {option.resolved + option.unresolved} resolved"


def _short(value: float) -> str:
    """Two decimals without the zero before them, or two digits of what is smaller than that."""
    return f"{value:.2g}" if 0 < abs(value) < 0.01 else f"{value:.2f}".replace("0.", ".", 1)


def _pedigree(decision: Decision, chosen: Option) -> str:
    if not decision.runners_up:
        return "because the seed meets its first tasks before anything else is decided"
    if chosen.share is None:
        return _largest(decision, chosen)
    who = "its children" if chosen.kind is DecisionKind.EXPAND else "it"
    costs = "" if chosen.costs in (None, 1.0) else f" at the price of {chosen.costs:.3g} evaluations"
    return (
        f"because {who} may reach {_reach(chosen)}{_breaks(chosen)}, worth most for what it costs"
        f" ({_short(chosen.value or 0.0)} per evaluation{costs})"
    )


def _thompson(decision: Decision, chosen: Option) -> str:
    if _at_start(decision):
        return _LINEAGES
    if chosen.value is None:
        return ""
    whose = "its clade" if chosen.kind is DecisionKind.EXPAND else "it"
    return f"because {whose} drew {_short(chosen.value)}{_counts(chosen)}, the largest draw"


def _uniform(decision: Decision, chosen: Option) -> str:
    if _at_start(decision):
        return _LINEAGES
    drawn = "the parent was" if chosen.kind is DecisionKind.EXPAND else "agent and task were"
    return f"because {drawn} drawn, each as likely as any other"


def _staged(rule: str) -> Callable[[Decision, Option], str]:
    """Of a policy in stages: evaluations that are due come first; `rule` says who becomes a parent."""

    def reason(decision: Decision, chosen: Option) -> str:
        if chosen.kind is DecisionKind.EVALUATE:
            return (
                "because its stage of evaluations is not done, and those come first, the oldest agent's first"
            )
        chance = "" if chosen.value in (None, 1.0) else f", a chance of {_short(chosen.value or 0.0)}"
        return f"because it {rule}{_counts(chosen)}{chance}"

    return reason


def _final(decision: Decision, chosen: Option) -> str:
    if decision.split is Split.CONFIRM:
        return "because the finalists and the seed meet the same tasks, by which nothing was chosen yet"
    if decision.saw.get("best") == decision.agent:
        return "for the final test: it is the best agent of this run"
    return "for the final test: what the best agent gained is measured against the seed"


def _largest(decision: Decision, chosen: Option) -> str:
    if chosen.value is None:
        return f"because policy {safe_line(decision.policy)} chose so and tells no value"
    return f"because policy {safe_line(decision.policy)} gave it the largest value, {_short(chosen.value)}"


def _at_start(decision: Decision) -> bool:
    """Whether this is one of the first expansions, which are made before anything is evaluated."""
    return decision.kind is DecisionKind.EXPAND and decision.saw.get("evaluations_started") == 0


_LINEAGES = "so that several lineages are alive before anything is known"

REASONS: Mapping[str, Callable[[Decision, Option], str]] = {
    "pedigree": _pedigree,
    "huxley": _thompson,
    "uniform": _uniform,
    "darwin": _staged("was drawn by its share of resolved tasks and its few children"),
    "hyper": _staged("was drawn by its share of resolved tasks and its few children"),
    "sica": _staged("is the newest agent that is not clearly worse than the best"),
    "greedy": _staged("has the largest share of resolved tasks"),
    "final": _final,
}
"""Name of a policy in decision rows -> the reason for what it chose."""


def explained(view: RunView, seq: int | None) -> list[Why]:
    """Every decision of a run, or the one with this number; a result stands for the decision that it came of."""
    numbers = view.decided() if seq is None else _decisions_of(view, seq)
    if seq is not None and not numbers:
        raise LookUpError(f"entry {seq} of this run is no decision and no result of one")
    return [why(decision) for decision in view.run.decisions_at(numbers)]


def _decisions_of(view: RunView, seq: int) -> list[int]:
    """The decision that is this entry, or that it is a result of."""
    for row in view.rows_at([seq]):
        if isinstance(row, Decision):
            return [row.seq]
        if isinstance(row, Evaluation | Expansion):
            return [row.decision]
    return []


def why_data(view: RunView, seq: int | None = None) -> dict[str, object]:
    return view.headed(decisions=[asdict(one) for one in explained(view, seq)])


def why_text(view: RunView, seq: int | None = None) -> str:
    """A line for each decision; for a single one what else was weighed, too."""
    found = explained(view, seq)
    lines = [f"{one.seq:>6}  {safe_line(one.policy):8}  {one.sentence}" for one in found]
    if seq is None:
        return "\n".join(lines)
    [one] = found
    told = [
        f"{'':16}  {place}. {_action(option)}{_in_brackets(option)}"
        for place, option in enumerate(one.options, start=1)
    ]
    return "\n".join([*lines, *(told if len(told) > 1 else [])])
