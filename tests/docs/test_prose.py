"""Prose is plain English: pages, runbooks, texts of boards, alerts, desk and commands, comments of deploy/ keep to the words' rules.

A rule is a class of constructions, each with what to write instead. Code in pages and in backquotes is not prose, nor is what others wrote.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
RULES: Final = {
    r"\b(speaks?|spoke|spoken|speaking|hears?|heard|hearing)\b": "data do not speak or hear: say what was measured",
    r"\b(tells|(?<!cannot be )told|telling)\b|(?<!^)(?<![.:;!?] )\btell\b": "only a reader may tell a person; else: shows, names",
    r"\b(no|some|any|every)body('s)?\b": "name who: an account, a person, an analyst, all, none of them",
    r"\b(whoever|whomever|whatever|whichever)\b": "name who or what: the analyst who, all that",
    r"\b(?<!there )(is|are|was|were) (no(?! longer)|none)\b": "say what is: is public, has zero, does not exist",
    r"(?<![\w.])(ours|theirs)(?!\.)\b": "name the noun: our copy, the remote value",
}
"""Construction -> what to write instead."""
ROOMS_WITH_TEXTS: Final = ("streams/cli", "streams/desk", "dashboards")
COMMENTS: Final = {".yaml": "#", ".yml": "#", ".sh": "#", ".toml": "#", ".xml": "<!--", ".sql": "--", "": "#"}
MIN_WORDS: Final = 4
"""Texts of fewer words are names."""


class Offence(NamedTuple):
    """A construction that a reader must translate."""

    path: str
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        """`path:line words`, as an editor opens it."""
        return f"{self.path}:{self.line} {self.words!r}: {self.instead}"


def offences(path: str, line: int, text: str) -> Iterator[Offence]:
    """Yield what breaks a rule in one piece of prose, which begins on a line of a file."""
    for pattern, instead in RULES.items():
        for match in re.finditer(pattern, text, re.IGNORECASE if "tell" not in pattern else 0):
            yield Offence(path, line + text.count("\n", 0, match.start()), match[0], instead)


def prose(page: str) -> str:
    """Return a page without code, links' targets and quotations, each replaced by as many blanks and line ends."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->|\"[^\"\n]*\"|“[^”]*”", blank, page, flags=re.DOTALL)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and words of each text of a module that has at least MIN_WORDS words: titles, questions, helps, messages, docstrings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = prose(node.value)
            if len(words.split()) >= MIN_WORDS and not re.search(r"\b(SELECT|INSERT|FROM|multiIf|CREATE|ALTER)\b", words):
                yield node.lineno, words


def comments(text: str, mark: str) -> Iterator[tuple[int, str]]:
    """Yield line and words of each comment of a configuration."""
    for number, line in enumerate(text.splitlines(), 1):
        before, found, comment = line.partition(mark)
        if found and not before.strip(" \t-") and not comment.startswith("!"):
            yield number, prose(comment)


def pages() -> list[Path]:
    """Return every page of the project."""
    tops = [*ROOT.glob("*.md"), *(ROOT / ".github").rglob("*.md")]
    return sorted(
        {*tops, *(page for top in ("docs", "dashboards", "deploy", "examples", "streams", "tests") for page in (ROOT / top).rglob("*.md"))}
    )


def templates() -> list[Path]:
    """Return the pages that the desk shows."""
    return sorted((ROOT / "streams/desk/templates").glob("*.html"))


def modules() -> list[Path]:
    """Return the modules whose texts a user reads: commands, boards, alerts."""
    return sorted(module for top in ROOMS_WITH_TEXTS for module in (ROOT / top).rglob("*.py"))


def configurations() -> list[Path]:
    """Return the files of deploy/ that have comments."""
    return sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix in COMMENTS)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_keeps_to_the_rules(page: Path) -> None:
    text = prose(page.read_text(encoding="utf-8"))
    assert not list(offences(name(page), 1, text)), "\n" + "\n".join(map(str, offences(name(page), 1, text)))


@pytest.mark.parametrize("template", templates(), ids=name)
def test_a_page_of_the_desk_keeps_to_the_rules(template: Path) -> None:
    text = re.sub(r"<[^>]*>|\{[{%#].*?[}%#]\}", lambda match: re.sub(r"[^\n]", " ", match[0]), template.read_text(encoding="utf-8"))
    assert not list(offences(name(template), 1, text)), "\n" + "\n".join(map(str, offences(name(template), 1, text)))


@pytest.mark.parametrize("module", modules(), ids=name)
def test_the_texts_of_a_command_a_board_or_an_alert_keep_to_the_rules(module: Path) -> None:
    found = [offence for line, text in texts(module.read_text(encoding="utf-8")) for offence in offences(name(module), line, text)]
    assert not found, "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("path", configurations(), ids=name)
def test_the_comments_of_a_configuration_keep_to_the_rules(path: Path) -> None:
    found = [
        offence
        for line, text in comments(path.read_text(encoding="utf-8"), COMMENTS[path.suffix])
        for offence in offences(name(path), line, text)
    ]
    assert not found, "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Three families speak.", ["speak"]),
        ("It is told to wait.", ["told"]),
        ("So whether it fits cannot be told.", []),
        ("Tell who is on call. Tell the owner.", []),
        ("Nothing that can tell them apart.", ["tell"]),
        ("Nobody's card; is no link.", ["Nobody's", "is no"]),
        ("It is no longer read.", []),
        ("Whoever reads theirs", ["Whoever", "theirs"]),
        ("`nobody` writes\n```\ntold\n```\nthe [page](told.md).", []),
    ],
)
def test_the_rules_refuse_what_they_are_for(text: str, words: list[str]) -> None:
    assert [offence.words for offence in offences("page.md", 1, prose(text))] == words


def test_an_offence_names_the_line_on_which_it_stands() -> None:
    (offence,) = offences("page.md", 1, "First.\n\nNobody reads it.")
    assert str(offence).startswith("page.md:3 'Nobody'")
