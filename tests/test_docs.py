"""The pages lead somewhere: every link to a file or a heading holds, and every page is found from the README."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from dgm.cli import COMPOSED, USAGE
from dgm.config import launched
from tests.dgm.commands import composed

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Links that do not leave the repository."""
    found = (markdown or html for markdown, html in LINK.findall(prose(page)))
    return [link for link in found if "://" not in link and not link.startswith("mailto:")]


def aims_at(page: Path, link: str) -> Path:
    name = link.partition("#")[0]
    return (page.parent / name).resolve() if name else page


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_hold(page: Path) -> None:
    lost = [link for link in links(page) if not aims_at(page, link).exists()]
    assert not lost, f"{page.name} links to what is not there: {lost}"
    headless = [
        link
        for link in links(page)
        if "#" in link
        and aims_at(page, link).suffix == ".md"
        and link.partition("#")[2] not in anchors(aims_at(page, link))
    ]
    assert not headless, f"{page.name} links to headings that are not there: {headless}"


def leads_to(page: Path) -> set[Path]:
    """What a page links to; a directory is as good as a link to each page in it."""
    found = {aims_at(page, link) for link in links(page)} if page.suffix == ".md" else set()
    return found | {inside for place in found if place.is_dir() for inside in place.glob("*.md")}


def test_every_page_and_picture_is_found_from_the_readme() -> None:
    found, new = set[Path](), {ROOT / "README.md"}
    while new:
        found |= new
        new = {place for page in new for place in leads_to(page)} - found
    unseen = {*PAGES, *(ROOT / "docs/images").iterdir()} - found
    assert not unseen, f"no page leads to {sorted(str(path.relative_to(ROOT)) for path in unseen)}"


def commands(page: Path) -> list[list[str]]:
    """Each `dgm ...` line of a page's shell blocks, in words, without its comment."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = (line.partition(" #")[0] for block in blocks for line in block.splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith("dgm ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_there(page: Path) -> None:
    for words in commands(page):
        assert words[0] in {*COMPOSED, *re.findall(r"^dgm (\S+)", USAGE, re.MULTILINE)}, words
        if words[0] == "run" and "--config-dir" not in words:
            overrides = [word for word in words[1:] if "=" in word and "," not in word]
            assert composed(*launched(overrides)[0])["name"]
