"""What nodes declare, and how many jobs a cluster takes by that."""

from __future__ import annotations

import pytest

from dgm.workers.placing import CORES, SLOTS, Node, places, taken_by


def node(id: str, slots: float = 0, cores: float = 0, **labels: str) -> Node:
    resources = {name: value for name, value in ((SLOTS, slots), (CORES, cores)) if value}
    return Node(
        id=id, resources=resources, labels={key.replace("_", "-"): value for key, value in labels.items()}
    )


def test_nodes_take_what_they_declare() -> None:
    found = places([node("head", cores=4), node("a", slots=8, cores=2), node("b", slots=3)], {}, docker=False)
    assert (found.unit, dict(found.slots), found.total) == (SLOTS, {"a": 8, "b": 3}, 11)
    assert (found.lack(), found.unfit) == ("", ())


def test_where_none_declares_slots_each_core_takes_a_job() -> None:
    found = places([node("head", cores=4), node("a", cores=2.5)], {}, docker=False)
    assert (found.unit, found.total) == (CORES, 6)


def test_when_the_nodes_with_slots_have_left_the_heads_cores_do_not_take_their_place() -> None:
    both = places([node("head", cores=4), node("a", slots=8)], {}, docker=False)
    left = places([node("head", cores=4)], {}, docker=False, before=both)
    assert (left.unit, left.total) == (SLOTS, 0)
    assert "none of them dgm_slots" in left.lack()


@pytest.mark.parametrize(
    ("docker", "expected"), [(True, {"dgm-engine": "docker"}), (False, {})], ids=["docker", "other levels"]
)
def test_a_job_that_needs_an_engine_goes_where_nodes_say_that_they_have_one(
    docker: bool, expected: dict[str, str]
) -> None:
    nodes = [
        node("a", slots=8, dgm_engine="docker"),
        node("b", slots=4, dgm_engine="none"),
        node("c", slots=2),
    ]
    found = places(nodes, {}, docker=docker)
    assert dict(found.labels) == expected
    assert found.total == (8 if docker else 14)


def test_where_no_node_names_its_engine_all_are_taken_to_have_one() -> None:
    assert places([node("a", slots=8), node("b", slots=4)], {}, docker=True).total == 12


def test_an_engine_that_was_named_once_stays_needed() -> None:
    before = places([node("a", slots=8, dgm_engine="docker")], {}, docker=True)
    assert places([node("b", slots=4)], {}, docker=True, before=before).total == 0


def test_a_node_that_takes_no_more_jobs_is_still_alive() -> None:
    cores = places([node("a", cores=4)], {}, docker=False)
    declared = places([node("a", cores=4), node("b", slots=8)], {}, docker=False, before=cores)
    assert (dict(declared.slots), declared.alive) == ({"b": 8}, {"a", "b"})


def test_a_cluster_whose_nodes_have_other_labels_says_what_they_have() -> None:
    nodes = [node("a", slots=8, dgm_arch="aarch64"), node("b", slots=4)]
    found = places(nodes, {"dgm-arch": "x86_64"}, docker=False)
    assert found.total == 0
    assert [one.id for one in found.unfit] == ["a", "b"]
    assert "needs dgm-arch=x86_64" in found.lack()
    assert "the 2 nodes that take jobs say dgm-arch= or dgm-arch=aarch64" in found.lack()
    assert "--labels=dgm-arch=x86_64" in found.lack()


def test_a_cluster_without_room_says_how_to_start_a_node() -> None:
    lack = places([node("head")], {}, docker=False).lack()
    assert "the cluster has 1 nodes and none of them dgm_slots or cores" in lack
    assert """ray start --address=HOST:PORT --resources='{"dgm_slots": 8}'""" in lack


def test_a_node_serves_as_many_as_it_declares_and_else_as_it_has_cores() -> None:
    assert [taken_by(one) for one in (node("a", slots=8, cores=2), node("b", cores=2), node("c"))] == [
        8,
        2,
        0,
    ]
