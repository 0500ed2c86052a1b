"""The gateway: what it adds to a call and to each chunk of a stream, calls per second of one core, 256 open streams.

Provider and clients are processes of their own. A *call* of 2 kB goes on kept connections straight to the provider and
through the gateway in turns; what the gateway *adds* is the difference within a turn. A run's calls are journalled too,
each with one wait for the disk of `--directory`. A *chunk* carries the time at which it was sent.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dgm.llm import Gateway, PriceTable, RolloutSpec
from dgm.llm.backends import OpenAIBackend
from scripts.measure.memory import resident_mib
from scripts.measure.report import Figure, Report, Target, machine
from scripts.measure.stats import estimate, figure

ADDED_MS = 1.5
STREAMS = 256
CHUNKS = 50


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=1000, help="calls each way (1000)")
    parser.add_argument("--streams", type=int, default=20, help=f"streams of {CHUNKS} chunks each way (20)")
    parser.add_argument("--open", type=int, default=STREAMS, help=f"streams held open at once ({STREAMS})")
    parser.add_argument(
        "--directory", type=Path, default=None, help="where the journal lies (a temporary one)"
    )


def measure(options: argparse.Namespace) -> Report:
    before = os.getloadavg()
    with ExitStack() as stack:
        port = stack.enter_context(_provider())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.directory)))
        backend = OpenAIBackend(models={"solve": "perf"}, environ={}, base_url=f"http://127.0.0.1:{port}/v1")
        gateway = stack.enter_context(Gateway(backend, prices=_PRICES, concurrency=2 * options.open))
        figures, targets = _latency(gateway, port, folder, options.calls)
        figures += _chunks(gateway, port, options.streams)
        figures.append(_throughput(gateway, options.calls))
        figures += _held(gateway, options.open)
    settings = {"calls": options.calls, "streams": options.streams, "chunks": CHUNKS, "open": options.open}
    return Report(
        subject="gateway", machine=machine(), settings=settings, load_before=before, load_after=os.getloadavg(),
        figures=tuple(figures), targets=tuple(targets),
    )  # fmt: skip


def _latency(gateway: Gateway, port: int, folder: Path, calls: int) -> tuple[list[Figure], list[Target]]:
    doors = [_open(gateway, "plain"), _open(gateway, "journalled", folder / "journal.jsonl")]
    told = _clients(what="in turns", port=port, doors=doors, count=calls)
    direct, plain, journalled = (1000 * np.asarray(samples) for samples in told)
    figures = [_timed("call, direct", direct)]
    for name, samples in (("gateway", plain), ("gateway and journal", journalled)):
        added = samples - direct
        figures += [
            _timed(f"call, {name}", samples),
            estimate(f"{name} added", "ms", added, note=_late(added)),
        ]
    value = float(np.median(plain - direct))
    return figures, [Target(name="added to a call, median", unit="ms", value=value, bound=ADDED_MS)]


def _chunks(gateway: Gateway, port: int, streams: int) -> list[Figure]:
    told = _clients(what="in turns", port=port, doors=[_open(gateway, "s")], count=streams, chunks=CHUNKS)
    direct, relayed = (1000 * np.asarray(samples).ravel() for samples in told)
    added = np.median(np.asarray(told[1]) - np.asarray(told[0]), axis=1) * 1000
    return [
        _timed("chunk, direct", direct),
        _timed("chunk, through the gateway", relayed),
        estimate("added to a chunk, by stream", "ms", list(added)),
    ]


def _throughput(gateway: Gateway, calls: int) -> Figure:
    """Of this process's own time, in which the gateway is all that works."""
    doors = [_open(gateway, f"t{n}") for n in range(8)]
    samples, walls = [], []
    for _ in range(5):
        began = time.process_time()
        walls.append(_clients(what="at once", doors=doors, count=max(1, calls // 16)))
        samples.append(8 * max(1, calls // 16) / (time.process_time() - began))
    wall = 8 * max(1, calls // 16) / float(np.median(walls))
    return figure(
        "calls per second of one core", "/s", samples, note=f"{wall:.0f}/s by the clock, clients beside it"
    )


def _held(gateway: Gateway, streams: int) -> list[Figure]:
    before = resident_mib()
    doors = [_open(gateway, f"h{n}") for n in range(streams)]
    opened = resident_mib()
    asked = json.dumps({"what": "hold", "doors": doors})
    with _process("scripts.measure.clients", asked) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == streams
        held = resident_mib()
    rows = (
        (f"memory, {streams} open rollouts", opened - before),
        (f"memory, {streams} open streams", held - before),
    )
    return [figure(name, "MiB", [value], note="more than before") for name, value in rows]


def _open(gateway: Gateway, name: str, journal: Path | None = None) -> str:
    spec = RolloutSpec(id=name, decision=0, role="solve", sample=bytes(16), journal=journal)
    return str(gateway.open(spec) / "gateway.sock")


def _timed(name: str, samples: Any) -> Figure:
    return figure(name, "ms", samples, note=_late(samples))


def _late(samples: Any) -> str:
    return f"95 % within {float(np.quantile(samples, 0.95)):.3f}"


def _clients(**asked: object) -> Any:
    command = [sys.executable, "-m", "scripts.measure.clients", json.dumps(asked)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    return json.loads(done.stdout)


@contextmanager
def _provider() -> Iterator[int]:
    with _process("scripts.measure.provider") as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def _process(module: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Ends when its input closes."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT) as process:
        yield process


_ROOT = Path(__file__).resolve().parents[2]
_PRICES = PriceTable.packaged({"perf": {"input": 1.0, "output": 1.0}})
