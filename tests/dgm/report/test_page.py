"""The page in a real browser with the network off, and what stands in the file."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
import zlib
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import archive
from archive import Outcome
from archive.testing import a_decision, an_evaluation
from dgm.llm import packed
from dgm.llm.values import Exchange
from dgm.report import view_of
from dgm.report.page.details import Details
from dgm.report.page.document import script_text
from dgm.report.page.live import Live, serve
from dgm.report.page.report import report
from scripts.measure.browser import PROGRAMS, Browser, browser, program
from tests.dgm.commands import dgm
from tests.dgm.report.ended import ended_run
from tests.dgm.report.hostile import BIDI, EVIL, ODD_TASK, SCRIPT, another_child, hostile_run

TOLD = f"{SCRIPT}{EVIL}\ud800"
"""What the model says in the hostile run."""
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
LONG = 10_000_000 * "x"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile run, with a child whose file names and patch are hostile too, and a transcript."""
    path = hostile_run(
        tmp_path_factory.mktemp("page") / "hostile", {}, extra={f"{SCRIPT}{BIDI}\u2028.py": SCRIPT.encode()}
    )
    with archive.open(path) as reader:
        seed = reader.lineage.seeds[0]
    with archive.resume_run(path) as again:
        again.append(a_decision(again.next_seq, agent=seed, task="katas/anagram"))
        again.append(
            replace(
                an_evaluation(again.next_seq, agent=seed, task="katas/anagram", outcome=Outcome.UNRESOLVED),
                decision=again.next_seq - 1,
                id="e" * 32,
                transcript=again.blobs.put(packed([_exchange()])),
                log=again.blobs.put(f"{TOLD}{LONG}".encode("utf-8", "surrogatepass")),
                detail=TOLD.encode("utf-8", "replace").decode() + LONG,
            )
        )
    return path


def _exchange() -> Exchange:
    call = {"id": "1", "type": "function", "function": {"name": SCRIPT, "arguments": json.dumps({"a": TOLD})}}
    messages = [
        {"role": SCRIPT, "content": TOLD},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    answer = {
        "choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": TOLD + LONG}]}}]
    }
    return Exchange(
        n=0,
        status=200,
        request=json.dumps({"model": "solve", "messages": messages}).encode(),
        response=json.dumps(answer).encode(),
    )


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    file = run.parent / "page.html"
    said = dgm("report", str(run), "-o", str(file))
    assert (said.status, said.err) == (0, "")
    return file


def block(page: Path, name: str) -> Any:
    text = re.search(f'id="data-{name}">([^<]*)<', page.read_text(encoding="utf-8"))
    assert text is not None
    return json.loads(zlib.decompress(b64decode(text[1])))


def test_the_file_is_one_document_that_may_ask_nobody_for_anything(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert "connect-src" not in text
    assert text.count("<script>") == text.count("</html>") == 1
    assert SCRIPT not in text
    assert "http" not in re.sub(r'"http://www\.w3\.org/2000/svg"|http-equiv', "", text)
    assert block(page, "agents")["depth"] == [0, 1]
    assert block(page, "tasks")["name"][1] == ODD_TASK


def test_no_script_has_a_way_to_make_text_into_html_or_code() -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.srcdoc|createContextualFragment|parseFromString"
    runs = r"\beval\b|new Function|javascript:|setTimeout\(\s*[\"'`]|\.html\("
    assert not re.findall(f"{ways}|{runs}", script_text())


def test_what_does_not_fit_is_left_out_and_told(run: Path) -> None:
    with archive.open(run) as reader:
        view = view_of(reader)
        whole = report(view, "run")
        limit = len(whole.html) - 1
        less = report(view, "run", limit=limit)
    assert whole.told() == []
    assert len(less.html) <= limit
    assert less.told() != []


@pytest.fixture(scope="module")
def bare(run: Path) -> Path:
    """A page in which only what it always holds has room."""
    with archive.open(run) as reader:
        found = report(view_of(reader), "run", limit=1)
    assert found.told() == [
        "the time line would make this file too large: dgm view shows it",
        "the table of decisions would make this file too large: dgm view shows it",
        "the table of jobs would make this file too large: dgm view shows it",
        "0 of 2 agents with what they changed, those of the winner's line first, are in this file",
    ]
    file = run.parent / "bare.html"
    file.write_text(found.html, encoding="utf-8")
    return file


VIEWS = ("tree", "matrix", "progress", "decisions", "costs", "time")


@pytest.fixture(scope="module")
def shown(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests; a skip that says why where there is none, with DGM_REQUIRE_BROWSER=1 a failure."""
    installed = program()
    if installed is None:
        message = f"no browser: none of {', '.join(PROGRAMS)} is installed"
        if os.environ.get("DGM_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with browser(installed, tmp_path_factory.mktemp("browser") / "profile") as found:
        found.size(1280, 800)
        found.offline()
        found.open(page.as_uri())
        yield found


def test_every_view_is_reached_by_clicks_without_an_error_or_a_request(shown: Browser, page: Path) -> None:
    shown.wait("document.querySelectorAll('g.agent').length === 2")
    for view in VIEWS:
        shown.click(f'#tabs a[href="#{view}"]')
        shown.wait(f"document.querySelector('#tabs a[aria-current]').hash === '#{view}'")
        shown.wait("!document.querySelector('.wait')")
    shown.run("history.back()")
    shown.wait("location.hash === '#costs' && document.querySelector('h1').textContent === 'Costs'")

    shown.click('#tabs a[href="#tree"]')
    shown.click('g.agent[data-agent="1"] .node')
    shown.wait("document.querySelector('g.agent.chosen').dataset.agent === '1'")
    shown.click(".chosen h2 a")
    shown.wait("document.querySelector('.diff tr.plus')")
    shown.click(".crumbs a")
    shown.wait("location.hash.startsWith('#agent/') && document.querySelector('.crumbs b')")
    shown.click("a.outcome.unresolved")
    shown.wait("document.querySelectorAll('.event').length === 3")
    assert shown.complaints == []
    assert set(shown.requests) == {page.as_uri()}


def test_what_agents_and_models_wrote_is_shown_as_text(shown: Browser, page: Path) -> None:
    shown.run("document.querySelectorAll('.event, details').forEach((one) => { one.open = true; })")
    text = shown.text()
    assert SCRIPT in text
    assert "\\x1b[2J" in text
    assert "\\u202egnp.exe" in text
    assert "\\u2028" in text
    assert not UNSEEN.search(text)
    assert f"[{len(LONG) + len(TOLD) - 100_000} more characters]" in text
    child = block(page, "agents")["id"][1]
    for view, there, title in (
        (f"agent/{child}", "document.querySelectorAll('.diff details').length === 2", "Agent "),
        ("costs", "document.querySelector('h1')?.textContent === 'Costs'", "Costs "),
        ("decisions/5", "document.querySelector('.explained table')", "Decisions "),
        ("result/6", "document.querySelector('h1')?.textContent.startsWith('Expansion')", "Rollout 6 "),
        ("task/1", "document.querySelector('h1')?.textContent.includes('fake')", "katas/\\x1b[2J"),
        (f"tree/{child}", "document.querySelector('.side h2')", "Tree "),
    ):
        shown.run(f"location.hash = '{view}'")
        shown.wait(there)
        shown.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert (SCRIPT in shown.text()) is (view != "task/1"), view
        assert not UNSEEN.search(shown.text()), view
        assert shown.run("document.title").startswith(title), view
        assert shown.run("document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert shown.complaints == []


def test_the_tree_is_walked_and_searched_by_keys_and_fits_a_small_window(shown: Browser, page: Path) -> None:
    seed, child = block(page, "agents")["id"]
    shown.run(f"location.hash = 'tree/{seed}'")
    shown.wait("document.querySelector('.stage g.agent.chosen')")
    shown.key("ArrowDown", 40)
    shown.wait(f"location.hash === '#tree/{child[:10]}'")
    shown.key("Enter", 13)
    shown.wait(f"location.hash === '#agent/{child[:10]}'")
    shown.key("/", 191, "/")
    shown.wait("document.activeElement.id === 'search'")
    shown.type("tested")
    shown.wait("document.querySelector('#found li[data-to]')")
    shown.key("Enter", 13)
    shown.wait("document.querySelector('h1').textContent.startsWith('katas/tested')")
    shown.size(420, 700, dark=True)
    for view in VIEWS:
        shown.run(f"location.hash = '{view}'")
        shown.wait(f"document.querySelector('#tabs a[aria-current]').hash === '#{view}'")
        assert shown.run("document.documentElement.scrollWidth") <= 420, view
    assert shown.complaints == []


def test_a_view_whose_table_is_left_out_says_so(shown: Browser, bare: Path) -> None:
    complained = len(shown.complaints)
    shown.open(bare.as_uri())
    shown.wait("document.querySelectorAll('g.agent').length === 2")
    for view in ("time", "decisions", "result/5", "entry/5"):
        shown.run(f"location.hash = '{view}'")
        shown.wait("document.querySelector('p.empty')?.textContent.includes('left out of this file')")
        shown.run("location.hash = 'matrix'")
        shown.wait("document.querySelector('h1')?.textContent.startsWith('Agents')")
    assert shown.complaints[complained:] == []


@contextmanager
def serving(live: Live) -> Iterator[str]:
    """The address of a server that ends with the block."""
    address: Queue[str] = Queue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(serve(live, address.put))
    thread = Thread(target=lambda: loop.run_until_complete(asyncio.wait([task])))
    thread.start()
    try:
        yield address.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


@pytest.fixture
def served(run: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the run and the address at which it is followed."""
    path = tmp_path / "followed"
    shutil.copytree(run, path)
    with Live(path) as live, serving(live) as address:
        yield path, address


def test_a_live_run_is_followed_by_those_who_know_its_address(
    shown: Browser, served: tuple[Path, str]
) -> None:
    path, address = served
    complained = len(shown.complaints)
    shown.size(1280, 800)
    shown.online()
    shown.open(address)
    shown.wait("document.querySelectorAll('g.agent').length === 2")
    shown.click('g.agent[data-agent="1"] .node')
    shown.wait("document.querySelector('g.agent.chosen').dataset.agent === '1'")
    with archive.open(path) as reader:
        seed = reader.lineage.agent(reader.lineage.seeds[0])
    with archive.resume_run(path) as again:
        another_child(again, seed)
    shown.wait("document.querySelectorAll('g.agent').length === 3")
    assert shown.run("document.querySelector('g.agent.chosen').dataset.agent") == "1"
    assert shown.run("document.querySelectorAll('g.agent.dim').length") == 1
    shown.click('#tabs a[href="#decisions"]')
    shown.wait("document.querySelector('.explained h2') && document.body.innerText.includes('9 decisions')")
    assert shown.complaints[complained:] == []

    away = path.rename(path.with_name("away"))
    shown.wait("document.querySelector('#live.lost')?.textContent.includes('cannot be read')")
    shown.click('#tabs a[href="#costs"]')
    shown.wait("document.querySelector('p.empty')?.textContent.includes('cannot be shown now')")
    ended(away, "failed", f"the disk is full {BIDI}")
    away.rename(path)
    shown.wait("document.querySelector('h1')?.textContent === 'Costs'")
    shown.wait("document.querySelector('#live')?.textContent.startsWith('failed: the disk is full')")
    assert not UNSEEN.search(shown.text())

    for wrong, host in ((address[:-5] + "wrong/", None), (address, "example.org")):
        request = Request(wrong, headers={"Host": host} if host else {})
        with pytest.raises(HTTPError) as refused:
            urlopen(request, timeout=60)
        assert refused.value.code == 403
        assert b"the one that dgm view printed" in refused.value.read()
        refused.value.close()
    for odd in ("agent/99", f"result/{'9' * 5000}", "result/-1", "table/../run.json", "%00"):
        with pytest.raises(HTTPError) as unknown:
            urlopen(address + odd, timeout=60)
        assert unknown.value.code == 404
        unknown.value.close()
    assert address.startswith("http://127.0.0.1:")


def ended(run: Path, how: str, text: str) -> None:
    lines = [{"event": "started"}, {"event": "ended", "how": how, "text": text}, {"event": "log"}]
    (run / "driver.log").write_text("".join(json.dumps(line) + "\n" for line in lines) + "torn")


def test_a_followed_run_says_whether_it_goes_on_and_how_it_ended(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    shutil.copytree(run, path)

    def state() -> Any:
        with Live(path) as live:
            found = live.answer("new")
        assert found is not None
        return json.loads(found)["value"]

    assert state() == {"over": "nobody runs it: the same command goes on"}
    with archive.resume_run(path):
        assert state()["over"] == ""
        old = time.time() - 7200
        for one in (path / "run.json", path / "log", *(path / "log").iterdir()):
            os.utime(one, (old, old))
        assert 7190 < state()["quiet_s"] < 86400
    for how, told in (
        ("stopped", "stopped: the same command goes on"),
        ("interrupted", "stopped: the same command goes on"),
        ("failed", "failed: the disk is full"),
        ("gave_up", "failed: the disk is full"),
    ):
        ended(path, how, "the disk is full")
        assert state() == {"over": told}


@pytest.mark.parametrize(
    "blob", [b"not JSON", b"[1]", b'{"n": 0}', b'{"n":0,"status":200,"request":"[]","response":""}']
)
def test_a_transcript_in_another_form_is_said_to_be_one(tmp_path: Path, blob: bytes) -> None:
    with archive.resume_run(hostile_run(tmp_path / "run", {})) as again:
        odd = again.blobs.put(blob)
    with archive.open(tmp_path / "run") as reader:
        row = replace(an_evaluation(1, outcome=Outcome.UNRESOLVED), transcript=odd)
        told: Any = Details(view_of(reader)).result(row)["messages"]
    assert [event["role"] for event in told] == ["missing"]
    assert f"the transcript {odd} is in another form" in told[0]["text"]


def test_a_port_that_is_none_is_refused(run: Path) -> None:
    for port in ("65536", "-1"):
        said = dgm("view", str(run), f"--port={port}")
        assert (said.status, said.out) == (2, "")
        assert f"0 (any that is free) to 65535, got {port}" in said.err


def test_a_finished_run_is_said_to_be_finished(tmp_path: Path) -> None:
    with Live(ended_run(tmp_path / "a")) as live:
        found = live.answer("new")
    assert found is not None
    assert json.loads(found)["value"] == {"over": "finished"}


def test_the_view_ends_while_an_answer_is_worked_out(run: Path) -> None:
    begun, goes_on = Event(), Event()

    def clock() -> float:
        begun.set()
        goes_on.wait(600)
        return 0.0

    with Live(run, clock) as live, ThreadPoolExecutor(1) as asking:
        with serving(live) as address:
            asked = asking.submit(urlopen, f"{address}head", timeout=600)
            assert begun.wait(60)
        assert live.is_busy()
        assert isinstance(asked.exception(60), OSError | HTTPException)
        goes_on.set()
        assert live.answer("head") is None
        assert not live.is_busy()


def test_who_still_waits_when_the_view_ends_is_not_answered(run: Path) -> None:
    with Live(run) as live:
        assert live.answer("head") is not None
        live.stop()
        assert live.answer("head") is None
