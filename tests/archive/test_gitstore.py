"""Agents as commits: the same everywhere, whole, and nothing but plain files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import (
    BadPathError,
    CorruptArchiveError,
    GitStore,
    UnknownAgentError,
    bounded_patch,
    check_path,
    tree_hash,
)

SEED = {
    "agent.toml": b'[agent]\nname = "seed"\n',
    "solve.py": b"print(1)\n",
    "prompts/improve.md": b"# Improve\n",
    "prompts.txt": b"sorts between prompts and its slash\n",
    "tools/deep/er/x.bin": b"\0\xff",
    "empty": b"",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GitStore]:
    with GitStore.create(tmp_path / "code.git") as store:
        yield store


def git(path: Path, *arguments: str) -> str:
    clean = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", f"--git-dir={path}", *arguments]
    return subprocess.run(command, env=clean, check=True, capture_output=True, text=True).stdout


def test_a_tree_comes_back(store: GitStore) -> None:
    id = store.commit(SEED, message="seed", seq=0)
    assert store.files(id) == SEED
    assert list(store.files(id)) == sorted(SEED)
    assert store.tree(id) == tree_hash(SEED)
    assert store.agents() == (id,)
    assert id in store


def test_ids_are_the_same_in_any_repository(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        with GitStore.create(tmp_path / name) as store:
            seed = store.commit(SEED, message="seed", seq=0)
            child = store.commit(SEED | {"solve.py": b"print(2)\n"}, parents=[seed], message="child", seq=7)
            ids.append((seed, child))
    assert ids[0] == ids[1]
    assert ids[0] == ("edbb499c0c9943d8c600509a6a2a312711aceb91", "181d57debe8d763d225104b13dde0ffcdcdb5373")


def test_ids_do_not_depend_on_the_users_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with GitStore.create(tmp_path / "plain") as store:
        plain = store.commit(SEED, message="seed", seq=0)
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = X\n[core]\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n[broken")
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "elsewhere"),
        "GIT_AUTHOR_NAME": "X",
        "GIT_DEFAULT_HASH": "sha256",
    }.items():
        monkeypatch.setenv(name, value)
    with GitStore.create(tmp_path / "odd") as store:
        assert store.commit(SEED, message="seed", seq=0) == plain
        assert store.files(plain) == SEED


def test_git_agrees(store: GitStore, tmp_path: Path) -> None:
    seed = store.commit(SEED, message="seed", seq=0)
    other = store.commit(SEED | {"b": b"b"}, parents=[seed], message="other", seq=3)
    child = store.commit({"a/b": b"c"}, parents=[seed, other], message="Child\n\nlong text\n\n", seq=86400)
    path = tmp_path / "code.git"
    assert git(path, "fsck", "--strict", "--full", "--no-dangling") == ""
    shown = git(path, "show", "-s", "--format=%P|%an <%ae>|%cn <%ce>|%aI|%cI|%B", child)
    assert shown.strip() == (
        f"{seed} {other}|dgm <dgm@localhost>|dgm <dgm@localhost>"
        "|2000-01-02T00:00:00+00:00|2000-01-02T00:00:00+00:00|Child\n\nlong text"
    )
    assert git(path, "rev-parse", f"refs/agents/{child}^{{tree}}").strip() == tree_hash({"a/b": b"c"})
    assert git(path, "config", "core.fsync").strip() == "all"
    assert "hooks" not in {entry.name for entry in path.iterdir()}


def test_committing_again_changes_nothing(store: GitStore, tmp_path: Path) -> None:
    id = store.commit(SEED, message="seed", seq=0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert store.commit(SEED, message="seed", seq=0) == id
    with GitStore(tmp_path / "code.git") as again:
        assert again.commit(SEED, message="seed", seq=0) == id
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_packing_by_git_itself_changes_nothing_for_us(store: GitStore, tmp_path: Path) -> None:
    seed = store.commit(SEED, message="seed", seq=0)
    git(tmp_path / "code.git", "gc", "-q", "--prune=now")
    git(tmp_path / "code.git", "pack-refs", "--all")
    assert not (tmp_path / "code.git" / "refs" / "agents" / seed).exists()
    with GitStore(tmp_path / "code.git") as again:
        assert again.agents() == (seed,)
        assert again.files(seed) == SEED
        child = again.commit(SEED | {"new": b""}, parents=[seed], message="child", seq=2)
        assert again.files(child) == SEED | {"new": b""}


@pytest.mark.parametrize("id", ["0" * 40, "HEAD", "../../x", ""])
def test_an_unknown_agent_is_refused(store: GitStore, id: str) -> None:
    assert id not in store
    with pytest.raises(UnknownAgentError):
        store.files(id)
    with pytest.raises(UnknownAgentError):
        store.commit({}, parents=[id], message="", seq=1)


def test_a_missing_object_is_named(store: GitStore, tmp_path: Path) -> None:
    id = store.commit(SEED, message="seed", seq=0)
    blob = git(tmp_path / "code.git", "rev-parse", f"{id}:solve.py").strip()
    (tmp_path / "code.git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(CorruptArchiveError, match=blob):
        store.files(id)


def test_an_object_with_other_content_is_named(store: GitStore, tmp_path: Path) -> None:
    id = store.commit(SEED, message="seed", seq=0)
    blob = git(tmp_path / "code.git", "rev-parse", f"{id}:solve.py").strip()
    (tmp_path / "code.git" / "objects" / blob[:2] / blob[2:]).write_bytes(zlib.compress(b"blob 2\0hi"))
    with pytest.raises(CorruptArchiveError, match=blob):
        store.files(id)


def test_a_directory_that_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptArchiveError, match="no git repository"):
        GitStore(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "./a",
        "a/../b",
        "..",
        ".git",
        "a/.git/config",
        ".GIT/x",
        "git~1/x",
        "a\0",
        "a\nb",
        "\udc80",
    ],
)
def test_a_path_that_could_leave_the_tree_or_reach_git_is_refused(path: str) -> None:
    with pytest.raises(BadPathError):
        check_path(path)
    with pytest.raises(BadPathError):
        tree_hash({path: b""})


@pytest.mark.parametrize("path", ["a", "a/b.py", ".gitignore", "a b/ü", "...", "a\\b", "-x"])
def test_a_plain_path_is_fine(path: str) -> None:
    check_path(path)


def test_a_file_cannot_be_a_directory_too() -> None:
    with pytest.raises(BadPathError, match="'a' is a file and a directory"):
        tree_hash({"a": b"", "a/b": b""})


contents = st.binary(max_size=12) | st.text("ab\n\r\f", max_size=12).map(str.encode)
files = st.dictionaries(st.from_regex(r"[ab. ]{1,2}(/[ab]{1,2}){0,2}", fullmatch=True), contents, max_size=5)


def fits(tree: dict[str, bytes]) -> bool:
    parts = [path.split("/") for path in tree]
    plain = all(part not in (".", "..") for path in parts for part in path)
    return plain and not any(other[: len(path)] == path for path in parts for other in parts if other != path)


@given(files.filter(fits), files.filter(fits))
def test_trees_have_equal_hashes_exactly_when_they_are_equal(
    a: dict[str, bytes], b: dict[str, bytes]
) -> None:
    assert (tree_hash(a) == tree_hash(b)) == (a == b)
    assert tree_hash(dict(reversed(a.items()))) == tree_hash(a)


def test_a_patch_shows_what_changed(store: GitStore) -> None:
    seed = store.commit({"keep": b"k", "a.py": b"one\ntwo\nthree", "gone": b"x\n"}, message="seed", seq=0)
    child = store.commit(
        {"keep": b"k", "a.py": b"one\n2\nthree\n", "new": b"n\n", "bin": b"\0"},
        parents=[seed],
        message="c",
        seq=1,
    )
    assert store.patch(seed, seed) == ""
    assert (
        store.patch(seed, child)
        == """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one
-two
-three
\\ No newline at end of file
+2
+three
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/new b/new
new file mode 100644
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+n
Files a/bin and b/bin differ (0 and 1 bytes)
"""
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"x": b"a\nb\n"}, {"x": b"a\nc\n"}),
        ({"x": b"a"}, {"x": b"a\n"}),
        ({"x": b"a\r\nb\x0cc\r"}, {"x": b"a\nb\x0cd\r"}),
        ({"x": b"1\n", "d/y": b"2\n"}, {"d/z": b"2\n"}),
        (
            {"x": b"".join(b"%d\n" % i for i in range(50))},
            {"x": b"".join(b"%d\n" % (i * (i % 9 != 0)) for i in range(50))},
        ),
    ],
)
def test_git_applies_a_patch(tmp_path: Path, a: dict[str, bytes], b: dict[str, bytes]) -> None:
    for path, content in a.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    patch = bounded_patch(a, b).text.encode()
    subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], cwd=tmp_path, input=patch, check=True)
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == b


def readers() -> list[int]:
    """The git processes of ours that read objects."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"cat-file" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_an_agent_is_read_again_when_the_process_that_reads_was_killed(store: GitStore) -> None:
    agent = store.commit({"a.py": b"1"}, message="", seq=0)
    assert store.files(agent) == {"a.py": b"1"}
    assert readers()
    for pid in readers():
        os.kill(pid, signal.SIGINT)
    assert store.files(agent) == {"a.py": b"1"}


def test_an_agent_is_read_again_when_the_process_that_reads_was_killed_in_the_middle_of_an_answer(
    store: GitStore,
) -> None:
    large = random.Random(0).randbytes(50_000_000)
    agent = store.commit({"a.py": large}, message="", seq=0)
    store.commit_of(agent)
    (pid,) = readers()
    killer = threading.Timer(0.02, os.kill, (pid, signal.SIGTERM))
    killer.start()
    assert store.files(agent) == {"a.py": large}
    killer.join()
