"""Trees made to be mistaken for repositories, and patches made to be applied. Trusted code takes both for bytes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import archive
from archive import Agent, ExpansionOutcome, RunInfo, Split, bounded_patch, create_run, tree_hash
from archive.testing import a_decision, an_agent, an_expansion
from dgm.jobs import ExpandResult, NodeServices
from dgm.jobs.expand import expand
from sandbox import MIB, Files, Limits, SubmissionRejectedError
from sandbox.docker.backend import DockerSandbox
from sandbox.testing import a_spec
from tests.dgm.commands import dgm, files_below
from tests.dgm.jobs.agents import agent, expand_job
from tests.hostile.helpers import PRELUDE, attack, facts, roll
from tests.test_architecture import module, sources

pytestmark = pytest.mark.docker

HOOKS = (
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-checkout", "post-commit", "post-index-change", "post-merge",  # noqa: E501
    "post-rewrite", "pre-auto-gc", "pre-commit", "pre-push", "prepare-commit-msg", "proc-receive", "reference-transaction", "update",  # noqa: E501
)  # fmt: skip

CONFIG = """[core]
    fsmonitor = {trip} fsmonitor
    hooksPath = {hooks}
    pager = {trip} pager
    editor = {trip} editor
    sshCommand = {trip} ssh
    askPass = {trip} askpass
    gitProxy = {trip} proxy
    attributesFile = {attributes}
    alternateRefsCommand = {trip} alternates
    worktree = /
[diff]
    external = {trip} external
[diff "evil"]
    textconv = {trip} textconv
    command = {trip} command
[filter "evil"]
    clean = {trip} clean
    smudge = {trip} smudge
    process = {trip} process
    required = true
[merge "evil"]
    driver = {trip} merge
[alias]
    log = !{trip} alias
    version = !{trip} alias
    cat-file = !{trip} alias
[credential]
    helper = !{trip} credential
[gpg]
    program = {trip} gpg
[uploadpack]
    packObjectsHook = {trip} pack
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[safe]
    directory = *
[init]
    templateDir = {hooks}
[submodule "evil"]
    url = ext::{trip} submodule
    update = !{trip} update
"""


@dataclass(frozen=True)
class Wire:
    """A configuration in which everything that git may start is our script, which notes that it was started."""

    directory: Path
    config: str

    @property
    def tripped(self) -> list[str]:
        notes = self.directory / "tripped"
        return sorted(set(notes.read_text().split())) if notes.exists() else []

    def environment(self) -> Mapping[str, str]:
        """Everything by which an environment can name a configuration, or a program, to git."""
        trip = str(self.directory / "trip")
        return {
            "HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory),
            "GIT_CONFIG_GLOBAL": str(self.directory / ".gitconfig"), "GIT_CONFIG_SYSTEM": str(self.directory / ".gitconfig"),  # noqa: E501
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": f"{trip} count",
            "GIT_CONFIG_KEY_1": "diff.external", "GIT_CONFIG_VALUE_1": f"{trip} count",
            "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={trip} parameters' 'diff.external={trip} parameters'",
            "GIT_EXTERNAL_DIFF": f"{trip} variable", "GIT_PAGER": f"{trip} pager", "GIT_EDITOR": f"{trip} editor",
            "GIT_SSH_COMMAND": f"{trip} ssh", "GIT_ASKPASS": f"{trip} askpass", "GIT_TEMPLATE_DIR": str(self.directory / "hooks"),  # noqa: E501
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.directory / "objects"), "GIT_REPLACE_REF_BASE": "refs/heads/",
        }  # fmt: skip


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The environment of this very process is hostile from here on."""
    directory = tmp_path / "wire"
    (directory / "hooks" / "hooks").mkdir(parents=True)
    trip = directory / "trip"
    trip.write_text(f"#!/bin/sh\necho $1 $(basename $0) >> {directory}/tripped\ncat\n")
    trip.chmod(0o755)
    for hook in HOOKS:
        for place in (directory / "hooks" / hook, directory / "hooks" / "hooks" / hook):
            place.symlink_to(trip)
    attributes = directory / "attributes"
    attributes.write_text("* filter=evil diff=evil merge=evil\n")
    config = CONFIG.format(trip=trip, hooks=directory / "hooks", attributes=attributes)
    (directory / ".gitconfig").write_text(config)
    wire = Wire(directory, config)
    for name, value in wire.environment().items():
        monkeypatch.setenv(name, value)
    return wire


def test_the_wire_is_live(wire: Wire, tmp_path: Path) -> None:
    """What git does with a repository of ours under that configuration: the other tests would see it."""
    subprocess.run(["git", "init", "-q", "plain"], cwd=tmp_path, check=True)
    plain = tmp_path / "plain"
    (plain / "f").write_text("1\n")
    for command in (["status"], ["add", "f"], ["commit", "-qm", "x"], ["diff"], ["log", "-p"]):
        environment = {
            **os.environ,
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a",
            "GIT_COMMITTER_NAME": "a",
        }
        subprocess.run(
            ["git", *command], cwd=plain, env=environment, capture_output=True, check=False, timeout=60
        )
        (plain / "f").write_text("2\n")
    assert {"process", "post-index-change"} & set(wire.tripped)
    assert len(wire.tripped) >= 2


def improved(services: NodeServices, wire: Wire, program: str, **files: str) -> ExpandResult:
    """A real expansion: the parent's `improve` does it to its own tree. `put(path, text)` writes a file."""
    put = """
def put(path, text):
    path = work / path
    os.makedirs(path.parent, exist_ok=True)
    path.write_text(text)
    os.chmod(path, 0o755)

CONFIG, TRIP = json.load(open(os.environ['DGM_WORKSPACE'] + '/wire.json'))
"""
    given = json.dumps([wire.config, str(wire.directory / "trip")])
    parent = agent("", PRELUDE + put + program + "\nsay({'made': sorted(os.listdir(work))})\n")
    return expand(expand_job({**parent, "wire.json": given.encode()}), services)


def made(result: ExpandResult) -> list[str]:
    """What the program had made in its tree when it ended."""
    [fact] = facts(result.log)
    names: list[str] = fact["made"]
    return names


PAGES = (
    *("tree", "best", "tasks", "show CHILD", "show seed", "show 1", "show 2"),
    *("diff CHILD", "diff CHILD seed", "diff seed CHILD"),
)


def handled(parent: Files, child: Files, folder: Path) -> dict[str, str]:
    """Whatever trusted code does with a tree: commit, read, compare, seal, show. The pages that came of it."""
    path = folder / "run"
    splits = {split: ("katas/x",) if split is Split.SEARCH else () for split in Split}
    with create_run(path, RunInfo(id="f" * 32, seed=0, config={}, splits=splits)) as run:
        first = run.code.commit(parent, message="seed", seq=0)
        seed = replace(an_agent(0, parent=None, id=first), tree=run.code.tree(first))
        run.append(seed)
        run.append(a_decision(1, agent=first, task=None))
        second = run.code.commit(child, parents=(first,), message="child", seq=1)
        grown: Agent = replace(an_agent(2, parent=seed, id=second), tree=run.code.tree(second))
        expansion = replace(
            an_expansion(2, decision=1), parent=first, outcome=ExpansionOutcome.CHILD, child=second
        )
        run.append(expansion, replace(grown, expansion=expansion.id))
        assert run.code.tree(second) == tree_hash(child)
    with archive.open(path) as reader:
        assert reader.code.files(second) == child
        assert reader.code.patch(first, second)
        assert set(reader.code.agents()) == {first, second}
    code = files_below(path / "code.git")
    assert not [
        name for name in code if name.startswith(("hooks", "index", "modules")) or "alternates" in name
    ]
    assert b"evil" not in code["config"]
    shown = {}
    for page in PAGES:
        command, *words = page.replace("CHILD", second).split()
        said = dgm(command, str(path), *words)
        assert (said.status, said.err) == (0, ""), page
        shown[page] = said.out
    return shown


def assert_inert(
    wire: Wire, services: NodeServices, tmp_path: Path, program: str, *, kept: set[str], gone: set[str] = frozenset()
) -> Files:  # fmt: skip
    """The program's tree becomes a child as plain files, `kept` among them, `gone` not; and nothing has started."""
    result = improved(services, wire, program)
    assert result.outcome is ExpansionOutcome.CHILD, (result.detail, result.log)
    assert {path.split("/")[0] for path in kept | gone} <= set(made(result))
    assert result.child is not None
    assert kept <= set(result.child)
    assert not [path for path in result.child if path in gone or path.split("/")[0] in gone]
    before = dict(result.child)
    for path in kept:
        del before[path]
    pages = handled(before, result.child, tmp_path)
    assert all(path in pages["diff CHILD"] for path in kept)
    assert wire.tripped == []
    return result.child


def test_56_a_repository_with_a_configuration_of_its_own(
    services: NodeServices, wire: Wire, tmp_path: Path
) -> None:
    program = f"""
for place in ('.git', 'sub/.git'):
    put(place + '/config', CONFIG)
    put(place + '/HEAD', 'ref: refs/heads/main')
    for hook in {HOOKS}:
        put(place + '/hooks/' + hook, '#!/bin/sh\\nexec ' + TRIP + ' hook')
put('sub/f', '1'); put('.gitconfig', CONFIG); put('.config/git/config', CONFIG)
for name in ('HEAD', 'config', 'objects/info/alternates', 'refs/heads/main', 'packed-refs', 'hooks/post-checkout'):
    put(name, CONFIG if name == 'config' else TRIP)
"""
    kept = {
        "sub/f",
        ".gitconfig",
        ".config/git/config",
        "HEAD",
        "config",
        "objects/info/alternates",
        "hooks/post-checkout",
    }
    assert_inert(wire, services, tmp_path, program, kept=kept, gone={".git"})


def test_57_attributes_that_name_drivers(services: NodeServices, wire: Wire, tmp_path: Path) -> None:
    program = """
for place in ('.gitattributes', 'sub/.gitattributes', 'info/attributes', '.git/info/attributes'):
    put(place, '* filter=evil diff=evil merge=evil text eol=crlf working-tree-encoding=UTF-16 ident export-subst\\n')
put('sub/f.py', '$Id$ $Format:%H$\\n'); put('.gitignore', '*\\n'); put('.mailmap', 'a <b>\\n'); put('.lfsconfig', CONFIG)
"""  # noqa: E501
    kept = {".gitattributes", "sub/.gitattributes", "info/attributes", "sub/f.py", ".gitignore", ".lfsconfig"}
    child = assert_inert(wire, services, tmp_path, program, kept=kept, gone={".git"})
    assert child["sub/f.py"] == b"$Id$ $Format:%H$\n"  # no filter, no expansion, no other line ends


def test_59_submodules_that_are_commands(services: NodeServices, wire: Wire, tmp_path: Path) -> None:
    program = """
put('.gitmodules', '\\n'.join(f'[submodule "{n}"]\\n path = {path}\\n url = {url}\\n update = !{TRIP} update' for n, (path, url) in
    enumerate([('sub', f'ext::{TRIP} ext'), ('-u', '-oProxyCommand=' + TRIP), ('sub', 'file:///etc'), ('sub', '--upload-pack=' + TRIP),
               ('../../x', 'ssh://-oProxyCommand=x/y'), ('sub\\r', 'https://127.0.0.1:1/x')])))
put('sub/.git', 'gitdir: ../.git/modules/sub\\n'); put('sub/f', '1'); put('.git/modules/sub/config', CONFIG)
"""  # noqa: E501
    assert_inert(wire, services, tmp_path, program, kept={".gitmodules", "sub/f"}, gone={".git"})


def test_60_files_that_lead_git_elsewhere(services: NodeServices, wire: Wire, tmp_path: Path) -> None:
    program = """
put('.git', 'gitdir: ' + os.path.dirname(TRIP) + '\\n')
put('commondir', '/etc'); put('gitdir', '/etc'); put('shallow', '0' * 40); put('info/grafts', '0' * 40 + ' ' + '1' * 40)
put('refs/replace/' + '0' * 40, '1' * 40); put('objects/info/alternates', os.path.dirname(TRIP) + '/objects')
put('index', 'DIRC' + chr(0) * 3 + chr(2)); put('objects/pack/pack-x.idx', 'x' * 20000); put('objects/ab/' + 'c' * 38, 'not zlib')
"""  # noqa: E501
    kept = {
        "commondir",
        "gitdir",
        "shallow",
        "info/grafts",
        "index",
        "objects/info/alternates",
        f"refs/replace/{'0' * 40}",
    }
    assert_inert(wire, services, tmp_path, program, kept=kept, gone={".git"})


TO_GIT = (
    *(
        "HEAD~1",
        "HEAD:f",
        "a..b",
        "a...b",
        "^HEAD",
        "@{-1}",
        "main@{u}",
        "FETCH_HEAD",
        "refs/heads/main.lock",
    ),
    *(
        ":(exclude)f",
        ":(top,glob)**",
        ":/f",
        ":!f",
        "*",
        "[a-z]",
        "!f",
        "# f",
        "f f",
        "f~",
        "0" * 40,
        "100644 f",
    ),
)


def test_names_that_git_takes_for_revisions_and_patterns(
    services: NodeServices, wire: Wire, tmp_path: Path
) -> None:
    program = f"""
for name in {TO_GIT}:
    put(name, 'what stands in ' + name + '\\n')
"""
    child = assert_inert(wire, services, tmp_path, program, kept=set(TO_GIT))
    assert {name: child[name].decode() for name in TO_GIT} == {
        name: f"what stands in {name}\n" for name in TO_GIT
    }


DISGUISES = (
    ".GIT",
    ".Git",
    ".git ",
    ".git.",
    ".g\u200cit",
    "\uff0egit",
    "git~1",
    "GIT~1",
    ".git::$INDEX_ALLOCATION",
)


def test_60_names_that_git_takes_for_its_own_elsewhere(
    services: NodeServices, wire: Wire, docker: DockerSandbox
) -> None:
    result = improved(services, wire, "put('.GIT/config', CONFIG)")
    assert (result.outcome, result.gates[-1].gate) == (ExpansionOutcome.GATED, "paths")
    assert ".GIT" in made(result)
    with docker.open(a_spec()) as box:
        for n, name in enumerate(DISGUISES):
            path = (f"{name}/config", f"d/{name}")[n % 2]
            attack(
                box,
                f"os.system('find . -mindepth 1 -delete'); os.makedirs(os.path.dirname({path!r})); open({path!r}, 'w').close(); say(['made'])",  # noqa: E501
            )
            with pytest.raises(SubmissionRejectedError, match=r"look like it|invisible"):
                box.get()
    assert wire.tripped == []


def test_61_history_that_tells_the_answer(services: NodeServices) -> None:
    mine = """
signs = ['test_' + 'secret', 'return 2' + ' * x', 'reference' + '_solution', 'visible' + '_test.py', 'VisibleTest']
found, history, read = {}, [], 0
for top in ('/box', '/tmp', '/opt', '/home', '/root', '/var', '/srv', '/mnt', '/dev/shm'):
    for place, directories, names in os.walk(top, onerror=lambda error: None):
        if place.startswith('/opt/venv') or place.startswith('/var/lib/dpkg'):
            continue
        history += [os.path.join(place, n) for n in directories + names
                    if n in ('.git', '.hg', '.svn', 'packed-refs', 'ORIG_HEAD') or n.endswith(('.orig', '.rej', '.bundle', '.pack', '~'))]
        for name in names:
            path = os.path.join(place, name)
            try:
                content = open(path, 'rb').read(1 << 20)
            except OSError:
                continue
            read += 1
            for sign in signs:
                if sign.encode() in content or sign in name:
                    found.setdefault(sign, []).append(path)
found = {sign: [p for p in paths if not p.startswith('/box/agent/')] for sign, paths in found.items()}
say({'history': history, 'found': found, 'read': read, 'git': tried(subprocess.run, ['git', 'log'])})
"""  # noqa: E501
    result = roll(services, mine)
    [said] = facts(result.log)
    assert said["history"] == []
    assert said["read"] > 5
    assert said["found"].pop("VisibleTest") == [
        "/box/workspace/visible_test.py"
    ]  # the search does find things
    assert said["found"].pop("visible_test.py") == ["/box/workspace/visible_test.py"]
    assert said["found"] == {}


# ---- patches

BOMB = """
import base64, zlib
inflated = base64.b85encode(zlib.compress(bytes(64 << 20), 9)).decode()
lines = ''.join('z' + inflated[i:i + 65] + chr(10) for i in range(0, len(inflated), 65))
"""


def measured(before: Files, after: Files) -> str:
    """The diff of two trees, within bounds of time of its own and of memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        patch = bounded_patch(before, after)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 60  # traced, so several times slower than otherwise
    assert len(patch.text) < 2 * MIB
    return patch.text


TREES = {
    "one line": "open('f', 'w').write('x' * (30 << 20))",
    "lines": "open('f', 'w').write('x' + chr(10) + 'y' * 9); open('g', 'w').write(chr(10) * (20 << 20))",
    "many files": "[open(f'f{n}', 'w').write(f'{n}' + chr(10)) for n in range(4000)]",
    "many deep files": "[(os.makedirs(f'{n}/' + 'd' * 90), open(f'{n}/' + 'd' * 90 + '/f', 'w').write('x')) for n in range(1300)]",  # noqa: E501
    "binary": "[open(f'f{n}', 'wb').write(os.urandom(1 << 20)) for n in range(20)]",
    "returns": "open('f', 'w', newline='').write(('x' + chr(13) + chr(10)) * 200_000 + chr(13) * 100_000)",
    "quadratic": "open('f', 'w').write(''.join(f's{i % 50}' + chr(10) + f'u{i}' + chr(10) for i in range(9_000)))",
    "every second line": "[open(f'f{n}', 'w').write(''.join('s' + chr(10) + f'{n} {i}' + chr(10) for i in range(99))) for n in range(900)]",  # noqa: E501
    "diffs": "[open(f'{n}.patch', 'w').write(('--- a/x' + chr(10) + '+++ b/../../x' + chr(10) + '@@ -1 +1 @@' + chr(10)) * 3_000) for n in range(30)]",  # noqa: E501
}


@pytest.fixture(scope="module")
def trees(docker: DockerSandbox) -> dict[str, Files]:
    """What programs made, as it came out of a box."""
    limits = Limits(disk_bytes=64 * MIB, file_bytes=32 * MIB)
    made = {}
    with docker.open(a_spec(limits=limits)) as box:
        for name, program in TREES.items():
            attack(box, f"os.system('find . -mindepth 1 -delete')\n{program}\nsay(['made'])")
            made[name] = box.get()
    return made


def test_52_differences_without_end(trees: Mapping[str, Files]) -> None:
    assert sum(map(len, trees["one line"].values())) == 30 * MIB
    assert (len(trees["many files"]), len(trees["many deep files"])) == (4000, 1300)
    for name, tree in trees.items():
        text = measured({}, tree)
        assert text, name
        shifted = {path: b"\n" + content[::-1] for path, content in tree.items()}
        assert measured(tree, shifted), name
    assert "Files a/f and b/f differ (0 and 31457280 bytes)" in measured({}, trees["one line"])


def test_53_binary_patches_that_inflate(services: NodeServices, wire: Wire, tmp_path: Path) -> None:
    """64 MiB of zeros in a patch of some kilobytes: to us a file of some kilobytes."""
    program = (
        BOMB
        + """
put('evil.patch', 'diff --git a/f b/f' + chr(10) + 'GIT binary patch' + chr(10) + 'literal 67108864' + chr(10) + lines)
(work / 'bomb.gz').write_bytes(zlib.compress(bytes(64 << 20), 9))
"""
    )
    child = assert_inert(wire, services, tmp_path, program, kept={"evil.patch"})
    assert b"literal 67108864" in child["evil.patch"]
    assert sum(map(len, child.values())) < MIB
    code = files_below(tmp_path / "run" / "code.git")
    assert sum(map(len, code.values())) < 2 * MIB


APPLIES = {
    "apply",
    "am",
    "checkout",
    "clone",
    "clone_from",
    "fetch",
    "pull",
    "submodule",
    "submodules",
    "worktree",
    "index",
}


def test_54_patches_with_paths_that_climb(services: NodeServices, wire: Wire, tmp_path: Path) -> None:
    """No patch of an agent's is ever parsed: those that it leaves are files like any other."""
    program = """
for n, path in enumerate(['../../../tmp/escaped', '/tmp/escaped', '.git/hooks/post-checkout', 'link/escaped', 'a b', '"a\\\\n"']):
    put(f'{n}.patch', f'--- a/x\\n+++ b/{path}\\n@@ -0,0 +1 @@\\n+x\\n\\ndiff --git a/solve.py b/{path}\\nrename from solve.py\\nrename to {path}\\n')
    put(f'{n}.rej', 'new file mode 120000\\n--- /dev/null\\n+++ b/link\\n@@ -0,0 +1 @@\\n+/tmp\\n')
for name in ('a b', '"quoted"', "it's", 'x; touch $(y) `z`', 'a => b', '{a => b}', 'dev/null', 'ünï', 'a\\u3000b', '...'):
    put('odd/' + name, 'x')
"""  # noqa: E501
    odd = {
        "odd/a b",
        'odd/"quoted"',
        "odd/it's",
        "odd/x; touch $(y) `z`",
        "odd/a => b",
        "odd/dev/null",
        "odd/...",
    }
    assert_inert(wire, services, tmp_path, program, kept={"0.patch", "5.rej", *odd})
    assert not Path("/tmp/escaped").exists()
    renamed = improved(services, wire, "os.rename(work / 'solve.py', work / 'Solve.py')")
    assert (renamed.outcome, renamed.gates[-1].gate) == (ExpansionOutcome.GATED, "paths")
    assert commands().isdisjoint({"git", "patch", "hg", "svn"})
    store = next(path for path in sources() if module(path) == "archive.gitstore")
    called = {node.attr for node in ast.walk(ast.parse(store.read_text())) if isinstance(node, ast.Attribute)}
    assert {"get_object_data", "update_environment"} <= called
    assert called & APPLIES == set()


def commands() -> set[str]:
    """The first word of every command line that our code holds as a list."""
    return {
        node.elts[0].value
        for path in sources()
        if module(path) != "sandbox.testing.contract"  # asks for git inside a box
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Constant)
        and isinstance(node.elts[0].value, str)
    }  # fmt: skip
