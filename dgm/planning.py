"""Between the search loop and the jobs: decisions become jobs, results become rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from numpy.random import default_rng

from archive import (
    Agent,
    AgentId,
    Blobs,
    Call,
    Decision,
    DecisionKind,
    Evaluation,
    Expansion,
    ExpansionOutcome,
    GitStore,
    Outcome,
    Row,
    RunReader,
    Split,
    TaskId,
    Usage,
    job_id,
    tree_hash,
)
from dgm.asking import FELL_BACK, TWO, fell_back
from dgm.benchmarks import Task
from dgm.choosing import beside_of, model_of
from dgm.gates import Gates, form
from dgm.jobs import EvaluateJob, EvaluateResult, Evidence, ExpandJob, ExpandResult, Job, Result
from dgm.jobs.expand import same_as
from dgm.jobs.files import packed_files, unpacked_files
from dgm.jobs.manifest import MANIFEST, Manifest
from dgm.llm import Allowance, JournalError, RolloutRecord, packed
from dgm.llm.recordings import paid
from dgm.operators import Operator, drawn_by
from dgm.results import latest
from dgm.streams import Purpose, stream
from sandbox import Files

TREES = 64
"""Agents whose files are remembered: most jobs are of agents that had one, or were made, just before."""

ANSWER, TRANSCRIPT, LOG, BRIEF, PATCH = "answer", "transcript", "log", "brief", "patch"
"""Names of the texts of a result."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every job of a run shares. Times are seconds of wall clock for one rollout.

    `beside` are the roles that the run gives to models of their own, besides those that name the jobs.
    """

    run_id: str
    seed: int
    tasks: Mapping[TaskId, Task]
    manifest: Manifest
    seed_tree: Files
    improve_with_seed: bool
    operator: Operator
    gates: Gates
    allowance: Allowance
    solve_s: float
    improve_s: float
    journals: Path | None
    beside: tuple[str, ...] = ()


class RunPlanner:
    """Plans the jobs of one run from its code, its blobs and the rows folded so far.

    A job depends only on rows before its decision, so a later try, or a resumed run, plans the same job again.
    """

    def __init__(self, plan: Plan, code: GitStore, blobs: Blobs) -> None:
        self._plan = plan
        self._code = code
        self._blobs = blobs
        self._evaluations: dict[AgentId, list[Evaluation]] = defaultdict(list)
        self._agents: dict[AgentId, Agent] = {}
        self._forms: dict[str, AgentId] = {}
        self._unformed: list[Agent] = []
        self._past: RunReader | None = None
        self._recalled: dict[AgentId, list[Evaluation]] = {}
        self._kept: dict[str, dict[str, str]] = {}
        self._trees: dict[AgentId, Files] = {}

    def _files(self, agent: AgentId) -> Files:
        known = agent in self._trees
        return self._remember(agent, self._trees.pop(agent) if known else self._code.files(agent))

    def _remember(self, agent: AgentId, files: Files) -> Files:
        self._trees[agent] = files
        if len(self._trees) > TREES:
            del self._trees[next(iter(self._trees))]  # of all the one that was asked for the longest time ago
        return files

    def recall(self, run: RunReader) -> None:
        """Take note of the rows of `run`; evaluations are read once there is a job about their agent."""
        self._past = run
        self._agents = {agent.id: agent for agent in run.lineage}
        self._unformed = list(self._agents.values())

    def observe(self, row: Row) -> None:
        if isinstance(row, Agent):
            self._agents[row.id] = row
            self._unformed.append(row)
        elif isinstance(row, Evaluation):
            self._evaluations[row.agent].append(row)

    def job(self, decision: Decision, attempt: int) -> Job:
        return (
            self._expand(decision, attempt)
            if decision.kind is DecisionKind.EXPAND
            else self._evaluate(decision, attempt)
        )

    def paid(self, decision: Decision, attempt: int) -> int:
        """Micro-dollars that the journal of this job says it paid; all that it may pay if it cannot be read."""
        job = job_id(self._plan.run_id, decision.seq, decision.kind, attempt)
        try:
            return paid(self._journal(decision.seq), job, "").usage.cost_microusd
        except JournalError:
            return self._plan.allowance.microusd or 0

    def keep(self, results: Sequence[Result]) -> None:
        texts = [(result.id, name, text) for result in results for name, text in _texts(result).items()]
        digests = self._blobs.put_all([text for _, _, text in texts])
        self._kept = {result.id: {} for result in results}
        for (id, name, _), digest in zip(texts, digests, strict=True):
            self._kept[id][name] = digest

    def rows(self, result: Result, decision: Decision, seq: int) -> tuple[Row, ...]:
        if result.id not in self._kept:
            self.keep([result])
        if isinstance(result, EvaluateResult):
            return self._evaluation_rows(result, decision, seq)
        return self._expansion_rows(result, decision, seq)

    def _evaluate(self, decision: Decision, attempt: int) -> EvaluateJob:
        plan = self._plan
        if decision.task is None or decision.split is None:
            raise ValueError(f"decision {decision.seq} evaluates no task")
        task = plan.tasks[decision.task]
        return EvaluateJob(
            id=job_id(plan.run_id, decision.seq, decision.kind, attempt),
            decision=decision.seq,
            attempt=attempt,
            agent=decision.agent,
            tree=self._files(decision.agent),
            manifest=plan.manifest,
            task=task,
            split=decision.split,
            repeat=decision.repeat,
            sample=self._sample(decision.seq),
            seconds=min(plan.solve_s, task.seconds),
            allowance=plan.allowance,
            journal=self._journal(decision.seq),
            model=model_of(decision),
        )

    def _expand(self, decision: Decision, attempt: int) -> ExpandJob:
        plan = self._plan
        tree = self._files(decision.agent)
        asked = drawn_by(plan.operator, decision)
        agents = (decision.agent, *(decision.context_parents if asked.name == TWO else ()))
        rows = (row for one in agents for row in self._earlier(one, decision.seq))
        brief = asked.brief(
            tuple(rows), plan.tasks, default_rng(stream(plan.seed, decision.seq, Purpose.JOB))
        )
        return ExpandJob(
            id=job_id(plan.run_id, decision.seq, decision.kind, attempt),
            decision=decision.seq,
            attempt=attempt,
            parent=decision.agent,
            tree=tree,
            improver=plan.seed_tree if plan.improve_with_seed else tree,
            manifest=plan.manifest,
            frozen={MANIFEST: plan.seed_tree[MANIFEST]},
            gates=plan.gates,
            operator=asked.name,
            brief=brief.text,
            evidence=tuple(
                self._evidence(row, brief.blob or self._blobs.get, decision) for row in brief.evaluations
            ),
            known={known: id for known, id in self._known().items() if self._agents[id].seq < decision.seq},
            sample=self._sample(decision.seq),
            seconds=plan.improve_s,
            allowance=plan.allowance,
            journal=self._journal(decision.seq),
            model=model_of(decision),
            beside=beside_of(decision, plan.beside),
        )

    def _earlier(self, agent: AgentId, seq: int) -> list[Evaluation]:
        """The agent's counted evaluations before `seq`; of a re-graded one only the last grading."""
        if self._past is not None and agent not in self._recalled:
            self._recalled[agent] = self._past.evaluations_of(agent)
        rows = (*self._recalled.get(agent, ()), *self._evaluations[agent])
        return latest(row for row in rows if row.seq < seq)

    def _patched(self, agent: Agent) -> int:
        """Bytes of all patches between the seed and `agent`."""
        size = 0
        while agent.parent is not None:
            size += agent.patch_bytes
            agent = self._agents[agent.parent]
        return size

    def _known(self) -> Mapping[str, AgentId]:
        """The oldest agent of each form; read from the code of agents of a release that did not write it."""
        for agent in self._unformed:
            self._forms.setdefault(agent.form or form(self._code.files(agent.id)), agent.id)
        self._unformed.clear()
        return self._forms

    def _evidence(self, row: Evaluation, blob: Callable[[str], bytes], decision: Decision) -> Evidence:
        other = row.agent if row.agent in decision.context_parents else None
        return Evidence(
            other=None if other is None else self._files(other),
            task=self._plan.tasks[row.task],
            outcome=row.outcome,
            answer={} if row.answer is None else unpacked_files(blob(row.answer)),
            transcript=b"" if row.transcript is None else blob(row.transcript),
        )

    def _sample(self, seq: int) -> bytes:
        return stream(self._plan.seed, seq, Purpose.SAMPLE).generate_state(4).astype("<u4").tobytes()

    def _journal(self, seq: int) -> Path | None:
        return None if self._plan.journals is None else self._plan.journals / f"{seq:08d}.jsonl"

    def _evaluation_rows(self, result: EvaluateResult, decision: Decision, seq: int) -> tuple[Row, ...]:
        if decision.task is None or decision.split is None:
            raise ValueError(f"decision {decision.seq} evaluates no task")
        kept = self._kept[result.id]
        evaluation = Evaluation(
            id=result.id,
            seq=seq,
            decision=decision.seq,
            attempt=result.attempt,
            agent=decision.agent,
            task=decision.task,
            split=decision.split,
            repeat=decision.repeat,
            outcome=result.outcome,
            score=None if result.outcome is Outcome.VOID else float(result.outcome is Outcome.RESOLVED),
            tests=result.tests,
            tier=result.tier,
            answer=kept.get(ANSWER),
            transcript=kept.get(TRANSCRIPT),
            log=kept.get(LOG),
            detail=result.detail,
            usage=Usage() if result.record is None else result.record.usage,
            queued_s=result.queued_s,
            solve_s=result.solve_s,
            grade_s=result.grade_s,
            started=result.started,
            sandbox=result.sandbox,
            digests=result.digests,
            flags=result.flags,
            sample=self._sample(decision.seq).hex(),
            limits=result.limits,
        )
        return (evaluation, *_calls(seq, result.record))

    def _expansion_rows(self, result: ExpandResult, decision: Decision, seq: int) -> tuple[Row, ...]:
        parent, kept = self._agents[decision.agent], self._kept[result.id]
        outcome, detail, child = result.outcome, result.detail, None
        if result.child is not None:
            made = result.form or form(result.child)
            twin = self._known().get(made)
            if twin is not None:
                outcome, detail = ExpansionOutcome.DUPLICATE, f"{same_as(twin)}, which was made meanwhile"
            else:
                child = self._child(result, result.child, made, decision, parent, seq)
        expansion = Expansion(
            id=result.id,
            seq=seq,
            decision=decision.seq,
            attempt=result.attempt,
            parent=decision.agent,
            context_parents=decision.context_parents,
            operator=decision.operator or "",
            outcome=outcome,
            child=None if child is None else child.id,
            gates=result.gates,
            brief=kept.get(BRIEF),
            transcript=kept.get(TRANSCRIPT),
            log=kept.get(LOG),
            patch=kept.get(PATCH),
            detail=detail,
            usage=Usage() if result.record is None else result.record.usage,
            parent_evaluations=sum(
                row.split is Split.SEARCH for row in self._earlier(decision.agent, decision.seq)
            ),
            parent_depth=parent.depth,
            parent_patch_bytes=self._patched(parent),
            queued_s=result.queued_s,
            seconds=result.seconds,
            started=result.started,
            sandbox=result.sandbox,
            digests=result.digests,
            flags=(*result.flags, *((FELL_BACK,) if fell_back(decision) else ())),
        )
        calls = _calls(seq, result.record)
        return (expansion, *calls) if child is None else (expansion, child, *calls)

    def _child(
        self, result: ExpandResult, files: Files, made: str, decision: Decision, parent: Agent, seq: int
    ) -> Agent:
        parents = (decision.agent, *decision.context_parents)
        before = self._files(decision.agent)
        agent = self._code.commit(
            files,
            parents=parents,
            message=f"Child of {decision.agent}\n\nDecision {decision.seq}",
            seq=decision.seq,
        )
        self._remember(agent, dict(sorted(files.items())))
        return Agent(
            id=agent,
            seq=seq,
            parent=decision.agent,
            context_parents=decision.context_parents,
            expansion=result.id,
            depth=parent.depth + 1,
            tree=tree_hash(files),
            form=made,
            patch_bytes=len(result.patch),
            patch_files=sum(before.get(path) != files.get(path) for path in {*before, *files}),
        )


def _texts(result: Result) -> dict[str, bytes]:
    """What a result says at length; what is empty is left out, but for an answer without files."""
    found = {LOG: result.log}
    if result.record is not None:
        found[TRANSCRIPT] = packed(result.record.exchanges)
    if isinstance(result, ExpandResult):
        found |= {BRIEF: result.brief, PATCH: result.patch}
    elif result.answer is not None:
        found[ANSWER] = packed_files(result.answer)
    return {name: text for name, text in found.items() if text}


def _calls(seq: int, record: RolloutRecord | None) -> tuple[Call, ...]:
    if record is None:
        return ()
    return tuple(
        Call(
            rollout=record.id,
            seq=seq,
            n=call.n,
            model=call.model,
            role=call.role,
            status=call.status,
            input_tokens=call.tokens.input,
            cached_tokens=call.tokens.cached,
            output_tokens=call.tokens.output,
            reasoning_tokens=call.tokens.reasoning,
            cost_microusd=call.cost_microusd,
            latency_s=call.latency_s,
            journal=call.journal,
            request=call.request,
            response=call.response,
            estimated=call.estimated,
            cache=call.cache,
        )
        for call in record.calls
    )
