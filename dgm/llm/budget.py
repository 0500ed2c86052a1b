"""Keeping one rollout within its allowance, exactly, with calls in flight at the same time.

Before a call, the most that it can use is put on hold; afterwards what it did use takes the hold's place. So
what was used plus what is in flight never exceeds the allowance. The output limit that goes upstream is
lowered until that most fits what is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dgm.llm.apis import CHAT, Dialect, spoken
from dgm.llm.errors import AllowanceSpentError
from dgm.llm.prices import FREE, Price
from dgm.llm.values import Allowance, Spent, Tokens

SHORTEST_ANSWER = 16
"""Tokens; a call that may not even answer this much (or the less that it asked for) is not worth buying."""

MESSAGE_OVERHEAD = 16
FRAME_OVERHEAD = 256
"""Tokens; at most what a provider's chat template adds around one message, and around all of them."""

IMAGE_TOKENS = 8192
"""Tokens; at most what one inline image counts for."""

_BELIEVABLE = 1 << 26
"""Tokens; a figure above this is a mistake of the provider's."""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The most that one call can use: what it is charged when nobody tells what it did use."""

    tokens: Tokens
    microusd: int


class Ledger:
    """What one rollout has used and has in flight. Not thread-safe; lives in the gateway's event loop."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float]) -> None:
        self._allowance = allowance
        self._clock = clock
        self._opened = clock()
        self._calls = 0
        self._tokens = 0
        self._microusd = 0
        self._holds: list[Hold] = []

    @property
    def capped(self) -> bool:
        """Whether a call's size matters at all."""
        return self._allowance.tokens is not None or self._allowance.microusd is not None

    def seconds_left(self) -> float | None:
        if self._allowance.seconds is None:
            return None
        return self._allowance.seconds - (self._clock() - self._opened)

    def begin(self) -> None:
        """Count one more call, or raise `AllowanceSpentError`."""
        left = self.seconds_left()
        if left is not None and left <= 0:
            raise AllowanceSpentError(Spent.SECONDS)
        if self._allowance.calls is not None and self._calls >= self._allowance.calls:
            raise AllowanceSpentError(Spent.CALLS)
        self._calls += 1

    def hold(self, *, input_tokens: int, output_tokens: int, price: Price | None) -> Hold | None:
        """Put aside a call of at most `input_tokens` that wants at most `output_tokens`.

        The hold's `tokens.output` is the limit to send upstream; it is lower than what was wanted only if no
        other call is in flight. None: it does not fit beside the calls in flight; try again when one has
        settled. Raises `AllowanceSpentError` if it would not fit even if those cost nothing.
        """
        price = price or FREE
        room, lacking = self._room(input_tokens, price)
        if room < min(output_tokens, SHORTEST_ANSWER):
            raise AllowanceSpentError(lacking)
        beside, _ = self._room(input_tokens, price, in_flight=True)
        if self._holds and beside < output_tokens:
            return None
        most = Tokens(input=input_tokens, output=min(output_tokens, room))
        hold = Hold(tokens=most, microusd=price.cost_microusd(most))
        self._holds.append(hold)
        return hold

    def settle(self, hold: Hold, tokens: Tokens, microusd: int) -> None:
        """Replace a hold by what was used."""
        self._holds.remove(hold)
        self.charge(tokens, microusd)

    def charge(self, tokens: Tokens, microusd: int) -> None:
        """Count what was used without a hold."""
        self._tokens += tokens.total
        self._microusd += microusd

    def _room(self, input_tokens: int, price: Price, *, in_flight: bool = False) -> tuple[int, Spent]:
        """How many output tokens still fit, and what they would lack first."""
        room, lacking = _BELIEVABLE, Spent.TOKENS
        if self._allowance.tokens is not None:
            used = self._tokens + (sum(hold.tokens.total for hold in self._holds) if in_flight else 0)
            room = min(room, self._allowance.tokens - used - input_tokens)
        if self._allowance.microusd is not None:
            used = self._microusd + (sum(hold.microusd for hold in self._holds) if in_flight else 0)
            nano = (self._allowance.microusd - used) * 1000 - input_tokens * price.input
            affordable = nano // price.output if price.output else (_BELIEVABLE if nano >= 0 else -1)
            if affordable < room:
                room, lacking = affordable, Spent.MONEY
        return room, lacking


class InputBounds:
    """How many input tokens a request can count at most, without a tokenizer.

    No token is shorter than a byte, so the bytes of the messages bound their tokens; and a conversation that
    goes on from a request whose count the provider has told needs the bound for its new messages only.
    """

    def __init__(self) -> None:
        self._told: dict[bytes, int] = {}

    def bound(self, request: Mapping[str, object]) -> int:
        total = FRAME_OVERHEAD
        for prefix, size in _prefixes(request):
            total = self._told.get(prefix, total + size)
        return total

    def learn(self, request: Mapping[str, object], input_tokens: int) -> None:
        for prefix, _ in _prefixes(request):
            last = prefix
        self._told[last] = input_tokens


def text_bytes(request: Mapping[str, object]) -> int:
    """How many bytes of text a request has, its tools included, inline images not."""
    return sum(size for _, size in _prefixes(request, image_tokens=0))


def _prefixes(
    request: Mapping[str, object], *, image_tokens: int = IMAGE_TOKENS
) -> Iterator[tuple[bytes, int]]:
    """For the frame of the request and then for each message: digest of all so far, and its own size."""
    dialect = spoken(request)
    digest = hashlib.sha256()
    for piece in (dialect.frame(request), *dialect.messages(request)):
        images, text = _without_images(piece)
        data = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
        digest.update(data + b"\n")
        yield digest.digest(), len(data) + MESSAGE_OVERHEAD + images * image_tokens


def _without_images(piece: object) -> tuple[int, object]:
    """How many inline images a message or item has, and the rest of it with their digests."""
    if not isinstance(piece, dict):
        return 0, piece
    rest, found = dict(piece), 0
    for key in ("content", "output"):
        parts = piece.get(key)
        if not isinstance(parts, list):
            continue
        if images := [part for part in parts if _is_image(part)]:
            names = [hashlib.sha256(json.dumps(image).encode()).hexdigest() for image in images]
            rest[key] = [*(part for part in parts if not _is_image(part)), *names]
            found += len(images)
    return found, rest


def _is_image(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") in ("image_url", "input_image")


def read_usage(usage: object, most: Tokens, dialect: Dialect = CHAT) -> tuple[Tokens, bool]:
    """What the provider says a call used, and whether that can be believed.

    Missing, malformed or impossible figures (no input at all, more input or cached tokens than there can have
    been) are not believed: the call then counts as the most that it could use. Figures for output above the
    limit are charged, as the provider will, and marked.
    """
    if not isinstance(usage, dict):
        return most, False
    names = dialect.figures
    counts = [usage.get(names.input), usage.get(names.output)]
    counts += [_detail(usage, *names.cached), _detail(usage, *names.reasoning)]
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < _BELIEVABLE for n in counts):
        return most, False
    input_tokens, output_tokens, cached, reasoning = (n for n in counts if isinstance(n, int))
    told = Tokens(input=input_tokens, cached=cached, output=output_tokens, reasoning=reasoning)
    if not told.input > 0 or told.cached > told.input or told.reasoning > told.output:
        return most, False
    if told.input > most.input or told.output > most.output:
        return told, False
    return told, True


def _detail(usage: Mapping[str, object], group: str, key: str) -> object:
    details = usage.get(group)
    return (details.get(key) or 0) if isinstance(details, dict) else 0
