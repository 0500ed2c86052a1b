"""What the relay adds to a model call: from inside one box, the loopback port and the socket behind it in turns."""

from __future__ import annotations

import json
from pathlib import Path

from dgm.llm import Gateway, RolloutSpec
from dgm.llm.backends.base import Place
from dgm.llm.backends.whole import WholeAnswers
from dgm.llm.wire import Body
from sandbox import BoxSpec
from sandbox.docker import config
from sandbox.docker.backend import DockerSandbox
from scripts.measure.report import Figure
from scripts.measure.stats import estimate, figure

CLIENT = Path(__file__).with_name("caller.py")
ROLE = "solve"
PROMPT_BYTES = 2000


class AtOnce(WholeAnswers):
    """A provider that takes no time: what is left of a call is the way to it and back."""

    name = "rehearsal"

    async def complete(self, request: Body, place: Place) -> Body:
        message = {"role": "assistant", "content": "done"}
        return {
            "id": "perf",
            "object": "chat.completion",
            "created": 0,
            "model": self.name,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }


def measure_relay(sandbox: DockerSandbox, calls: int) -> tuple[list[Figure], float]:
    """The figures, and the milliseconds that the relay adds to a call on a connection that is kept."""
    figures = []
    added = 0.0
    with Gateway(AtOnce()) as gateway:
        door = gateway.open(
            RolloutSpec(id="perf-relay", decision=0, role=ROLE, sample=bytes(16)),
            socket_owner=config.RELAY_UID,
        )
        with sandbox.open(BoxSpec(name="perf-relay", kind="solve", door=door)) as box:
            for kept, count in ((True, calls), (False, calls // 4)):
                pairs = _call(sandbox, box.container, kept=kept, count=count)
                how = "kept connection" if kept else "new connection"
                straight, relayed = ([1000 * pair[n] for pair in pairs] for n in (0, 1))
                more = estimate(
                    f"relay adds, {how}", "ms", [b - a for a, b in zip(straight, relayed, strict=True)]
                )
                figures += [_timed(f"socket, {how}", straight), _timed(f"relay, {how}", relayed), more]
                added = more.median if kept else added
        gateway.close("perf-relay")
    return figures, added


def _timed(name: str, samples: list[float]) -> Figure:
    late = sorted(samples)[int(0.95 * len(samples))]
    return figure(name, "ms", samples, note=f"95 % within {late:.3f}")


def _call(sandbox: DockerSandbox, container: str, *, kept: bool, count: int) -> list[tuple[float, float]]:
    """Run the caller as the relay's user, the only one in the box that may use both ways."""
    prompt = [{"role": "user", "content": "x" * PROMPT_BYTES}]
    body = json.dumps({"model": ROLE, "messages": prompt})
    settings = json.dumps({"kept": kept, "count": count, "body": body, "port": config.PORT})
    argv = ["python3", "-I", "-S", "-c", CLIENT.read_text(encoding="utf-8"), settings]
    said = {1: bytearray(), 2: bytearray()}
    running = sandbox.engine.exec(container, argv, user=config.RELAY_UID, directory="/")
    assert running is not None
    try:
        while running.read(60.0, lambda stream, data: said[stream].extend(data)):
            pass
    finally:
        running.close()
    if not said[1]:
        raise RuntimeError(f"the caller in the box failed: {said[2].decode('utf-8', 'replace')}")
    return [(a, b) for a, b in json.loads(said[1])]
