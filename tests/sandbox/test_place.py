"""Who lives here, told by locks that end with their processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox import SandboxUnavailableError
from sandbox.place import Place
from sandbox.reaper import Reaper

ROOT = Path(__file__).parents[2]


def killed(place: Place) -> str:
    """Name of a directory whose process was killed."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom sandbox.place import Place\n"
        "held = Place(Path(sys.argv[1])).hold()\n"
        "(held.path / 'shut').mkdir(); (held.path / 'shut' / 'f').write_text('x')\n"
        "(held.path / 'shut').chmod(0)\n"
        "print(held.name, flush=True); os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code, str(place.root)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip()


def test_who_was_killed_is_dead_and_only_its_directory_goes(place: Place) -> None:
    mine, dead = place.hold(), killed(place)
    (place.root / "somebody-elses").mkdir()
    assert (place.alive(mine.name), place.alive(dead)) == (True, False)
    assert place.sweep() == 1
    assert not (place.root / dead).exists()
    assert not place.alive(dead)
    assert (place.root / "somebody-elses").is_dir()
    assert place.alive(mine.name)
    mine.release()
    mine.release()
    assert not place.alive(mine.name)
    assert not mine.path.exists()


def test_names_that_are_none_of_ours_are_nobody(place: Place) -> None:
    assert not any(place.alive(name) for name in ("", "..", "/", ".", "x" * 16, "0" * 17))


def test_those_who_begin_and_those_who_clean_up_do_not_meet(place: Place) -> None:
    over = threading.Event()

    def clean() -> None:
        while not over.is_set():
            place.sweep()

    cleaning = [threading.Thread(target=clean) for _ in range(2)]
    for thread in cleaning:
        thread.start()
    held = [place.hold() for _ in range(60)]
    assert all(one.path.is_dir() for one in held)
    assert all(place.alive(one.name) for one in held)
    over.set()
    for thread in cleaning:
        thread.join()
    for one in held:
        one.release()
    assert list(place.root.iterdir()) == []


def test_the_same_directory_is_the_same_place_however_it_is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert Place(tmp_path / "link" / "place").id == place.id
    assert Place(tmp_path / "other").id != place.id


def test_a_directory_that_could_be_anybodys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(SandboxUnavailableError, match="set TMPDIR"):
        Place(tmp_path / "link")
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailableError, match="set TMPDIR"):
        Place(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(SandboxUnavailableError, match="it belongs to 12345"):
        Place(tmp_path / "theirs")


def test_slots_are_counted_across_processes_and_come_back_when_one_is_killed(place: Place) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom sandbox.place import Place\n"
        "slot = Place(Path(sys.argv[1])).slots('x', 2).take(0.0)\n"
        "print(slot is not None, flush=True); time.sleep(600)\n"
    )
    slots = place.slots("x", 2)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(place.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        mine = slots.take(0.0)
        assert mine is not None
        assert slots.take(0.1) is None
        process.kill()
    second = slots.take(10.0)
    assert second is not None
    assert slots.take(0.0) is None
    with mine:
        pass
    third = slots.take(0.0)
    assert third is not None
    third.release()
    second.release()


def test_a_reaper_looks_again_and_again_whatever_comes_between() -> None:
    seen: list[float] = []
    enough = threading.Event()

    def look() -> int:
        seen.append(time.monotonic())
        if len(seen) == 2:
            raise SandboxUnavailableError("the engine is away")
        if len(seen) == 4:
            enough.set()
        return 0

    closed: list[bool] = []
    reaper = Reaper(look, 0.02, release=lambda: closed.append(True))
    assert enough.wait(30)
    reaper.stop()
    assert closed == [True]


def test_a_reaper_looks_once_more_when_it_is_stopped() -> None:
    seen: list[bool] = []

    def look() -> int:
        seen.append(True)
        return 1

    Reaper(look, 600.0).stop()
    assert seen == [True]
