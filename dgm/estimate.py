"""What a run will ask of a model, before anything is spent: from its configuration and, if there is one, a past run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

import archive
from archive import RunReader, Split
from dgm.config import Plain
from dgm.llm import Price, Tokens
from dgm.llm.models import Shares
from dgm.prepare import Prepared, prepare, slots_of
from dgm.width import told_rounds, warning, width_of

FEW_TOKENS = 2_000
"""Of a rollout that asks once and is answered shortly."""

SHARE_WRITTEN = 0.1
"""Of a rollout's tokens, where no past run tells it: most are sent again with each call."""

CALLS, CALL_TOKENS = 40, 16_384
"""Of a rollout without caps on calls or tokens."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is expected, and a range around it."""

    low: float
    expected: float
    high: float

    def at_most(self, cap: float) -> Span:
        return Span(low=min(self.low, cap), expected=min(self.expected, cap), high=min(self.high, cap))

    def __add__(self, other: Span) -> Span:
        return Span(
            low=self.low + other.low, expected=self.expected + other.expected, high=self.high + other.high
        )

    def __mul__(self, other: Span) -> Span:
        return Span(
            low=self.low * other.low, expected=self.expected * other.expected, high=self.high * other.high
        )


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """What one rollout of a kind uses: tokens sent and written, and micro-dollars, None where a price is unknown."""

    sent: Span
    written: Span
    microusd: Span | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Of a whole run; `microusd` is None where a price is unknown. `source` says what it was made from."""

    source: str
    evaluations: Span
    expansions: Span
    sent: Span
    written: Span
    microusd: Span | None
    notes: tuple[str, ...]


def estimate(prepared: Prepared, past: RunReader | None) -> Estimate:
    """The estimate of a run; `past` tells what rollouts used in another one, or in what there is of this one."""
    evaluations, expansions = jobs_of(prepared)
    slots = slots_of(prepared.config)
    told = None if past is None else (_used(past, "evaluations"), _used(past, "expansions"))
    notes = [] if slots is None else _notes_on_width(prepared, slots)
    shares = {
        "solve": _shares(prepared, "solve"),
        "improve": _shares(prepared, "improve", *prepared.upstream.beside()),
    }
    table = prepared.upstream.prices()
    unknown = sorted({model for drawn in shares.values() for model in drawn if table.get(model) is None})
    if unknown:
        notes.append(f"no price is known for {', '.join(unknown)}: set llm.price.<model>.input and .output")
    each = []
    for kind, drawn in enumerate(shares.values()):
        tokens = told[kind] if told is not None else None
        priced = [(table.get(model), weight) for model, weight in drawn.items()]
        known = [(price, weight) for price, weight in priced if price is not None]
        each.append(_told(tokens, known) if tokens is not None else _guessed(prepared, known))
    if told is None or None in told:
        notes.append(
            "what a rollout uses is a guess within budget.rollout: `--from RUN` takes it from a past run"
        )
    solve, improve = each
    microusd = None
    if not unknown and solve.microusd is not None and improve.microusd is not None:
        microusd = evaluations * solve.microusd + expansions * improve.microusd
        cap = prepared.settings.money.cap
        if cap is not None:
            notes.append(_note_on_cap(prepared, cap, microusd.expected, evaluations + expansions))
            microusd = microusd.at_most(cap)
    return Estimate(
        source="the configuration alone" if past is None else f"the configuration and the run {past.path}",
        evaluations=evaluations,
        expansions=expansions,
        sent=evaluations * solve.sent + expansions * improve.sent,
        written=evaluations * solve.written + expansions * improve.written,
        microusd=microusd,
        notes=tuple(notes),
    )


def jobs_of(prepared: Prepared) -> tuple[Span, Span]:
    """Evaluations with those of the end, and expansions; jobs that the machine fails are not foreseen."""
    bounds = prepared.settings
    test = len(prepared.splits.get(Split.TEST, ())) * bounds.test_repeats
    most = float(bounds.evaluations + end_of(prepared))
    evaluations = Span(low=float(bounds.evaluations + test), expected=most, high=most)
    usual = min(float(bounds.expansions), bounds.evaluations**0.6)
    return evaluations, Span(low=0.0, expected=usual, high=float(bounds.expansions))


def end_of(prepared: Prepared) -> int:
    """How many evaluations the end of the run can take: confirmation, and the final test of two agents."""
    bounds = prepared.settings
    confirm = bounds.confirm if prepared.splits.get(Split.CONFIRM) else 0
    return confirm + 2 * len(prepared.splits.get(Split.TEST, ())) * bounds.test_repeats


def _notes_on_width(prepared: Prepared, slots: int) -> list[str]:
    """How often the search can go by what it has seen, where it is known how many slots there are."""
    budget = prepared.settings.evaluations
    width = width_of(prepared.width, slots, budget)
    rounds = f"rounds (evaluations / jobs in flight): {told_rounds(budget, width)}"
    return [rounds, *filter(None, [warning(budget, width)])]


def _note_on_cap(prepared: Prepared, cap: int, microusd: float, jobs: Span) -> str:
    """Where the search ends for money, if its jobs cost what is expected: the end of the run has its share."""
    end = end_of(prepared)
    kept = prepared.settings.money.kept(spent=int(microusd), jobs=int(jobs.expected), end=end)
    note = f"budget.usd ends the run at ${cap / 1e6:.2f} at most"
    if kept:
        note += f", of which the search leaves about ${kept / 1e6:.2f} for the {end} evaluations at the end"
    searched = jobs.expected - end
    if microusd * searched / jobs.expected > cap - kept:
        fits = (cap - kept) * jobs.expected / microusd
        note += f": enough for about {fits:,.0f} of the search's {searched:,.0f} jobs"
    return note


def _shares(prepared: Prepared, *roles: str) -> Shares:
    """How often each model answers a rollout that may ask all these roles, by their weights; no role before another."""
    shares = dict[str, float]()
    for role in roles:
        weights = prepared.upstream.models_of(role)
        for model, weight in weights.items():
            shares[model] = shares.get(model, 0.0) + weight / sum(weights.values()) / len(roles)
    return shares


def _used(past: RunReader, table: str) -> Sequence[Tokens] | None:
    """What each rollout of a past run used that asked at all; None if there is none."""
    data = past.columns(table, "input_tokens", "cached_tokens", "output_tokens", "calls")
    names = ("input_tokens", "cached_tokens", "output_tokens", "calls")
    rows = zip(*(data[name].to_pylist() for name in names), strict=True)
    return [
        Tokens(input=sent, cached=cached, output=out) for sent, cached, out, calls in rows if calls
    ] or None


def _told(used: Sequence[Tokens], prices: Sequence[tuple[Price, float]]) -> Rollouts:
    costs = [(price.cost_microusd(tokens), share) for price, share in prices for tokens in used]
    return Rollouts(
        sent=_span([(tokens.input, 1.0) for tokens in used]),
        written=_span([(tokens.output, 1.0) for tokens in used]),
        microusd=_span(costs) if costs else None,
    )


def _span(weighed: Sequence[tuple[int, float]]) -> Span:
    """The mean of values with their weights, and where the middle eight tenths of the weight lie."""
    values, weights = np.array(sorted(weighed), dtype=np.float64).T
    mean = float(np.average(values, weights=weights))
    reached = np.cumsum(weights)
    low, high = values[np.searchsorted(reached, np.array([0.1, 0.9]) * reached[-1])]
    return Span(low=min(float(low), mean), expected=mean, high=max(float(high), mean))


def _guessed(prepared: Prepared, prices: Sequence[tuple[Price, float]]) -> Rollouts:
    """Between one short call and all that the allowance gives, in the middle of their orders of magnitude."""
    allowance = prepared.allowance
    most = allowance.tokens or (allowance.calls or CALLS) * CALL_TOKENS
    total = [min(FEW_TOKENS, most), sqrt(min(FEW_TOKENS, most) * most), most]
    sent, written = ([share * tokens for tokens in total] for share in (1 - SHARE_WRITTEN, SHARE_WRITTEN))
    microusd = None
    if prices:
        few, some = (Tokens(input=int(sent[n]), output=int(written[n])) for n in range(2))
        highest = max(price.most_microusd(most) for price, _ in prices)
        if allowance.microusd is not None:
            highest = min(highest, allowance.microusd)
        mean = sum(share * price.cost_microusd(some) for price, share in prices)
        expected = min(mean / sum(share for _, share in prices), highest)
        lowest = min(price.cost_microusd(few) for price, _ in prices)
        microusd = Span(low=min(lowest, expected), expected=expected, high=highest)
    return Rollouts(
        sent=Span(low=sent[0], expected=sent[1], high=sent[2]),
        written=Span(low=written[0], expected=written[1], high=written[2]),
        microusd=microusd,
    )


def as_text(found: Estimate) -> str:
    rows = [
        ("evaluations", found.evaluations, "{:,.0f}"),
        ("expansions", found.expansions, "{:,.0f}"),
        ("tokens sent", found.sent, "{:,.0f}"),
        ("tokens written", found.written, "{:,.0f}"),
    ]
    lines = [f"from {found.source}", "", f"{'':14}  {'expected':>15}  {'from':>15}  {'to':>15}"]
    if found.microusd is not None:
        rows.append(("money", found.microusd * Span(low=1e-6, expected=1e-6, high=1e-6), "${:,.2f}"))
    for name, span, form in rows:
        values = "  ".join(f"{form.format(value):>15}" for value in (span.expected, span.low, span.high))
        lines.append(f"{name:14}  {values}")
    return "\n".join([*lines, *(["", *found.notes] if found.notes else [])])


def report(config: Plain, past: Path | None, say: Callable[[str], None]) -> int:
    """Say what a run of this configuration will ask of a model. Nothing is begun and nothing is written."""
    prepared = prepare(config)
    if past is None and prepared.path.exists():
        past = prepared.path
    with nullcontext() if past is None else archive.open(past) as run:
        say(as_text(estimate(prepared, run)))
    return 0
