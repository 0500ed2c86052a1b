"""Random streams of a run: one per decision and purpose, so that none overlaps and none depends on another."""

from __future__ import annotations

from enum import IntEnum

from numpy.random import SeedSequence


class Purpose(IntEnum):
    """What a decision's stream is for: deciding, planning its job, the model's sampling, the model, the operator."""

    DECIDE = 0
    JOB = 1
    SAMPLE = 2
    MODEL = 3
    OPERATOR = 4


def stream(seed: int, seq: int, purpose: Purpose) -> SeedSequence:
    """The stream of decision `seq` of a run with `seed`."""
    return SeedSequence(seed, spawn_key=(seq, purpose))
