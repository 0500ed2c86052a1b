"""How often and how long a failing provider is asked again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dgm.llm.errors import RateLimitedError, UpstreamFailedError, UpstreamUnavailableError


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how long a failing provider is asked again, and when its silence counts as failing.

    A `retry-after` longer than `longest_s` gives up. A rollout that waits to its end while the provider, asked, has
    said nothing for `stalled_s` was failed by it; one that leaves by itself was not.
    """

    tries: int = 6
    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 60.0
    stalled_s: float = 60.0

    def pause_s(self, error: UpstreamFailedError, tries: int, *, seed: str, left_s: float | None) -> float:
        """Seconds until the next try after `tries` of them; raises `error` if there must be none.

        `left_s` is what the rollout has left: if that is less, the provider's failure has used up its time.
        """
        if not error.retryable or tries >= self.tries:
            raise error
        pause = min(self.longest_s, self.first_s * self.factor ** (tries - 1)) * _jitter(f"{seed} {tries}")
        if isinstance(error, RateLimitedError | UpstreamUnavailableError) and error.retry_after_s is not None:
            pause = max(error.retry_after_s, 0.0)
            if pause > self.longest_s:
                raise error
        if left_s is not None and pause >= left_s:
            raise error
        return pause


def _jitter(seed: str) -> float:
    """Between 0.75 and 1.25, so that rollouts that failed together do not come back together."""
    return 0.75 + hashlib.sha256(seed.encode()).digest()[0] / 512
