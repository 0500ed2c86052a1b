"""Who descends from whom: an immutable tree of agents.

Only first parents make the tree; context parents stand in the rows. There may be several seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from .errors import AlreadyRecordedError, UnknownAgentError
from .records import Agent, AgentId


class _Store:
    """Grows only at its end. A lineage is its first so many agents, so newer lineages share it with older
    ones."""

    def __init__(self) -> None:
        self.rows: list[Agent] = []
        self.place: dict[AgentId, int] = {}
        self.children: dict[AgentId, list[AgentId]] = {}

    def add(self, agent: Agent) -> None:
        self.place[agent.id] = len(self.rows)
        self.rows.append(agent)
        self.children[agent.id] = []
        if agent.parent is not None:
            self.children[agent.parent].append(agent.id)


class Lineage:
    """The agents of a run in the order in which they were made. Never changes; `add` gives a new one.

    An id that is not here raises `UnknownAgentError`. Adding to the newest lineage of a chain takes constant
    time, adding to an older one copies it.
    """

    __slots__ = ("_size", "_store")

    def __init__(self, agents: Iterable[Agent] = ()) -> None:
        self._store, self._size = _Store(), 0
        for agent in agents:
            self._check(agent)
            self._store.add(agent)
            self._size += 1

    def add(self, agent: Agent) -> Lineage:
        """This lineage with one more agent, whose parent must be here."""
        self._check(agent)
        grown = Lineage() if len(self._store.rows) == self._size else Lineage(self)
        if len(self._store.rows) == self._size:
            grown._store = self._store
        grown._store.add(agent)
        grown._size = self._size + 1
        return grown

    def agent(self, id: AgentId) -> Agent:
        """The row of an agent."""
        return self._store.rows[self._place(id)]

    @property
    def seeds(self) -> tuple[AgentId, ...]:
        """The agents without a parent."""
        return tuple(agent.id for agent in self if agent.parent is None)

    def parent(self, id: AgentId) -> AgentId | None:
        """The agent that `id` descends from, None for a seed."""
        return self.agent(id).parent

    def children(self, id: AgentId) -> tuple[AgentId, ...]:
        """The direct children, oldest first."""
        self._place(id)
        return tuple(child for child in self._store.children[id] if child in self)

    def ancestors(self, id: AgentId) -> tuple[AgentId, ...]:
        """The parent first, the seed last; empty for a seed."""
        chain: list[AgentId] = []
        ancestor = self.parent(id)
        while ancestor is not None:
            chain.append(ancestor)
            ancestor = self.parent(ancestor)
        return tuple(chain)

    def clade(self, id: AgentId) -> tuple[AgentId, ...]:
        """The agent and all that descend from it, each once, an agent before its children, children by
        age."""
        clade: list[AgentId] = []
        waiting = [id]
        while waiting:
            member = waiting.pop()
            clade.append(member)
            waiting.extend(reversed(self.children(member)))
        return tuple(clade)

    def depth(self, id: AgentId) -> int:
        """How many steps from the seed."""
        return self.agent(id).depth

    def __contains__(self, id: object) -> bool:
        place = self._store.place.get(id) if isinstance(id, str) else None
        return place is not None and place < self._size

    def __iter__(self) -> Iterator[Agent]:
        return islice(self._store.rows, self._size)

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lineage) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(agent.id for agent in self))

    def __repr__(self) -> str:
        return f"Lineage({self._size} agents)"

    def _place(self, id: AgentId) -> int:
        if id not in self:
            raise UnknownAgentError(f"no agent {id!r} among the {self._size} of this lineage")
        return self._store.place[id]

    def _check(self, agent: Agent) -> None:
        if agent.id in self:
            raise AlreadyRecordedError(f"agent {agent.id} is in this lineage already")
        if agent.parent is None:
            return
        expected = self.depth(agent.parent) + 1
        if agent.depth != expected:
            raise ValueError(
                f"agent {agent.id} must have depth {expected}, one more than its parent, got {agent.depth}"
            )
