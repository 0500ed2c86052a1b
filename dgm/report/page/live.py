"""`dgm view`: the page of a run that goes on, served on this machine to whoever knows the token in its address."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from aiohttp import web

import archive
from archive import ArchiveError, Evaluation, Expansion, RunReader
from dgm.report.page import tables
from dgm.report.page.details import Details
from dgm.report.page.document import as_json, block, document
from dgm.report.page.head import head_data
from dgm.report.page.over import how_it_ended, is_driven, quiet_s
from dgm.report.page.report import TABLES
from dgm.report.views import RunView, view_of

HERE = "127.0.0.1"
REST = 4.0
"""A run is read again at the earliest after so many times as long as reading it and telling of it took."""

GROWING = {"jobs": tables.jobs_table, "decisions": tables.decisions_table}
"""Tables of which only what is new needs to be told."""

REFUSED = "Not this address: open the one that dgm view printed, whole, with the token in it.\n"

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Live:
    """A run that is read again when it has grown. May be used from several threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = path.name
        self._path = path
        self._clock = clock
        self._lock = Lock()
        self._run: RunReader | None = None
        self._told: dict[str, bytes] = {}
        self._rests_until = float("-inf")
        self._closing = False
        self._finished: bool | None = None

    def __enter__(self) -> Live:
        self._refresh()
        return self

    def __exit__(self, *_: object) -> None:
        if self._run is not None:
            self._run.close()

    def stop(self) -> None:
        """Answer nothing more: who waits for an answer is told None."""
        self._closing = True

    def is_busy(self) -> bool:
        """Whether an answer is being worked out, which ends only by itself."""
        return self._lock.locked()

    def answer(self, path: str, since: int = 0) -> bytes | None:
        """What the page asks for by `path`, as JSON with the `seq` up to which it tells; None if there is no such
        thing. Whoever else asks for a whole table of the same state gets the same bytes."""
        with self._lock:
            if self._closing:
                return None
            began = self._clock()
            if path in ("new", "head") and began >= self._rests_until:
                self._refresh()
            found = self._told.get(path) if since == 0 else None
            if found is None:
                found = self._encoded(path, since)
            ended = self._clock()
            self._rests_until = max(ended, self._rests_until) + REST * (ended - began)
            return found

    def _encoded(self, path: str, since: int) -> bytes | None:
        value = self._answer(path, since)
        if value is None:
            return None
        found = b'{"seq":%d,"value":%b}' % (self._view.run.next_seq, as_json(value))
        if since == 0 and path.startswith(("head", "table/")):
            self._told[path] = found
        return found

    def _answer(self, path: str, since: int) -> object:
        view = self._view
        what, _, key = path.partition("/")
        if what == "new":
            return self._state()
        if what == "head":
            return self.head()
        if what == "table" and view.agents:
            return self._table(view, key, since)
        return self._detail(view, what, int(key)) if _is_number(key) else None

    def _state(self) -> Mapping[str, object]:
        """How it ended, empty while a driver has the run, which has not written for `quiet_s` seconds."""
        if is_driven(self._path):
            return {"over": "", "quiet_s": quiet_s(self._path)}
        if self._finished is None:
            self._finished = bool(self._view.agents) and self._view.ended()
        return {"over": "finished" if self._finished else how_it_ended(self._path)}

    def head(self) -> Mapping[str, object]:
        """What the page begins with; of a run without an agent only that there is none."""
        view = self._view
        if not view.agents:
            return view.headed(name=self.name, seq=view.run.next_seq, agents=0, live=True)
        return {**head_data(view, self.name), "live": True}

    def _table(self, view: RunView, name: str, since: int) -> tables.Columns | None:
        if name == "agents":
            return tables.agents_table(view)
        if name in GROWING:
            return GROWING[name](view, since)
        return TABLES[name](view) if name in TABLES else None

    def _detail(self, view: RunView, what: str, key: int) -> object:
        match what:
            case "agent" if key < len(view.agents):
                return self._details.agent(view.agents[key].id)
            case "decision" if key < view.run.next_seq:
                found = view.run.decisions_at([key])
                return self._details.decision(found[0]) if found else None
            case "result" if key < view.run.next_seq:
                entry = next(view.run.entries(key))
                rows = (row for row in entry.rows if isinstance(row, Expansion | Evaluation))
                return next((self._details.result(row) for row in rows), None)
            case _:
                return None

    def _refresh(self) -> None:
        """Read the run again if it has grown."""
        found = archive.open(self._path)
        if self._run is None or found.next_seq != self._run.next_seq:
            self.__exit__()
            self._run = found
            self._told.clear()
            self._view = view_of(found)
            self._finished = None
            self._details = Details(self._view)


async def serve(
    live: Live, ready: Callable[[str], None], port: int = 0, token: str | None = None, bind: str = HERE
) -> None:
    """Serve until this is cancelled; `ready` is told the address of the page.

    It is asked for by a name of this machine only, also where it listens at another address, as in a container whose
    port is published under the same number. An answer that is being worked out at the end is not waited for.
    """
    token = token or secrets.token_urlsafe(24)
    places: set[str] = set()
    threads = ThreadPoolExecutor()  # not the loop's own, for which a loop that ends would wait

    async def handle(request: web.Request) -> web.Response:
        said, slash, path = request.match_info["path"].partition("/")
        known = secrets.compare_digest(said.encode("utf-8", "replace"), token.encode()) and slash
        if not known or request.host not in places:  # another name for this machine is another site's page
            raise web.HTTPForbidden(text=REFUSED, headers=HEADERS)
        since = request.query.get("since", "0")
        if not path:
            return _page(live)
        if not _is_number(since):
            raise web.HTTPBadRequest(headers=HEADERS)
        try:
            found = await asyncio.get_running_loop().run_in_executor(threads, live.answer, path, int(since))
        except (ArchiveError, OSError) as error:  # its directory has gone, or cannot be read now
            raise web.HTTPServiceUnavailable(
                text=f"the run cannot be read: {error}", headers=HEADERS
            ) from error
        if found is None:
            raise web.HTTPNotFound(headers=HEADERS)
        response = web.Response(body=found, content_type="application/json", headers=HEADERS)
        response.enable_compression()
        return response

    application = web.Application()
    application.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, bind, port).start()
        bound = runner.addresses[0][1]
        places.update({f"{HERE}:{bound}", f"localhost:{bound}"})
        ready(f"http://{HERE}:{bound}/{token}/")
        await asyncio.Event().wait()
    finally:
        live.stop()
        threads.shutdown(wait=False, cancel_futures=True)
        await runner.cleanup()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16


def _page(live: Live) -> web.Response:
    first = block("head", as_json({"name": live.name, "live": True, "seq": 0}))
    text = "".join(document(live.name, first, connects=True))
    return web.Response(text=text, content_type="text/html", headers=HEADERS)
