"""The tree of agents, on small trees worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import Agent, AlreadyRecordedError, Lineage, UnknownAgentError
from archive.testing import an_agent


def agents(*parents: int | None) -> list[Agent]:
    """Agents 0, 1, 2, ... with these parents."""
    made: list[Agent] = []
    for number, parent in enumerate(parents):
        made.append(an_agent(number, parent=None if parent is None else made[parent], id=str(number)))
    return made


#       0        6
#      / \
#     1   2
#    / \   \
#   3   4   5
TREE = Lineage(agents(None, 0, 0, 1, 1, 2, None))


def test_parents_and_children() -> None:
    assert TREE.parent("0") is None
    assert TREE.parent("5") == "2"
    assert TREE.children("1") == ("3", "4")
    assert TREE.children("3") == ()
    assert TREE.seeds == ("0", "6")


def test_ancestors_nearest_first() -> None:
    assert TREE.ancestors("5") == ("2", "0")
    assert TREE.ancestors("0") == ()


def test_a_clade_holds_its_root_and_all_that_descend() -> None:
    assert TREE.clade("0") == ("0", "1", "3", "4", "2", "5")
    assert TREE.clade("1") == ("1", "3", "4")
    assert TREE.clade("6") == ("6",)


def test_depth_and_rows() -> None:
    assert [TREE.depth(agent.id) for agent in TREE] == [0, 1, 1, 2, 2, 2, 0]
    assert TREE.agent("4").parent == "1"
    assert len(TREE) == 7
    assert "4" in TREE
    assert "7" not in TREE


@pytest.mark.parametrize("ask", ["parent", "children", "ancestors", "clade", "depth", "agent"])
def test_an_unknown_id_raises(ask: str) -> None:
    with pytest.raises(UnknownAgentError, match="'nobody'"):
        getattr(TREE, ask)("nobody")


def test_an_agent_needs_a_known_parent_one_step_up_and_an_id_of_its_own() -> None:
    one, two = agents(None, 0)
    with pytest.raises(UnknownAgentError):
        Lineage([two])
    with pytest.raises(AlreadyRecordedError):
        Lineage([one, one])
    with pytest.raises(ValueError, match="depth 1"):
        Lineage([one, replace(two, depth=2)])


def test_adding_gives_a_new_lineage_and_leaves_the_old_one() -> None:
    rows = agents(None, 0, 0, 1)
    old = Lineage(rows[:2])
    new = old.add(rows[2]).add(rows[3])
    assert (len(old), old.children("0"), old.clade("1")) == (2, ("1",), ("1",))
    assert (len(new), new.children("0"), new.clade("1")) == (4, ("1", "2"), ("1", "3"))
    with pytest.raises(UnknownAgentError):
        old.parent("2")


def test_one_lineage_grows_in_two_ways() -> None:
    rows = agents(None, 0)
    base = Lineage(rows[:1])
    left = base.add(rows[1])
    right = base.add(an_agent(1, parent=rows[0], id="other"))
    assert left.children("0") == ("1",)
    assert right.children("0") == ("other",)
    assert base.children("0") == ()


def test_a_chain_of_ten_thousand_is_no_recursion() -> None:
    rows = agents(None, *range(9_999))
    lineage = Lineage()
    for row in rows:
        lineage = lineage.add(row)
    assert len(lineage.clade("0")) == 10_000
    assert len(lineage.ancestors("9999")) == 9_999


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_the_clades_of_the_children_partition_the_clade(draws: list[int]) -> None:
    lineage = Lineage(agents(None, *(draw % (number + 1) for number, draw in enumerate(draws))))
    for agent in lineage:
        parts = [member for child in lineage.children(agent.id) for member in lineage.clade(child)]
        assert sorted([agent.id, *parts]) == sorted(lineage.clade(agent.id))
        assert all(agent.id in lineage.ancestors(member) for member in parts)
