"""Documentation is a test: links lead somewhere, commands run, pages are in the navigation, and the words are ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import yaml

from streams.cli.reference import pages
from streams.demo.traffic import MIN_DEMO_ACCOUNTS, MIN_EVENTS, demo_traffic
from streams.testing.builders import local_clickhouse
from streams.testing.figure_tables import MARKER, TABLES, fill

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
WRITTEN = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
PAGES = sorted(page for page in WRITTEN if page.parent != REFERENCE)
NAMING = sorted({*PAGES, *(ROOT / "dashboards").rglob("*.md"), *(ROOT / "deploy").rglob("*.md"), *(ROOT / "streams").rglob("*.md")})
PATH = re.compile(r"`((?:streams|models|dashboards|deploy|tests|docs|examples)/[\w./-]*)`")
WRITTEN_BY_A_GENERATOR = {"long_pauses", "syslog", "night_shift", "night_school"}
"""Names that examples of generators give."""
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s#]+)")
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FORBIDDEN = re.compile(
    r"\b(is none|are none|is no (?!longer)|nobody's|somebody's|says nothing|speaks? (?:for|against)|may say|hears? of)\b"
    r"|\bdata (?:speak|hear|tell)s?\b"
)
FIGURE = re.compile(r"[*<>~]*[-+]?(?:[\d,.]*\d[\d,.]+|\d(?= ?%| of ))(?: ?%| of [\d,]+)?(?: \(.*\))?\**")
"""A cell with a measured number: two digits, a fraction, a share or a count of some."""
ROW = re.compile(r"^\|(.*)\|\s*$", re.MULTILINE)
MOST_README_WORDS = 600

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def console() -> Iterator[tuple[str, str, str]]:
    """Every command that a page shows as one to run: page, what it needs, command."""
    for page in PAGES:
        for language, needs, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language == "console":
                for line in text.splitlines():
                    if line.startswith("$ "):
                        yield str(page.relative_to(ROOT)), needs.strip(), line[2:]


COMMANDS = sorted(set(console()))


@pytest.mark.parametrize("page", NAMING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    named = list(PATH.findall(page.read_text(encoding="utf-8")))
    assert [path for path in named if not (ROOT / path).exists() and Path(path).stem not in WRITTEN_BY_A_GENERATOR] == []


def test_the_table_of_rooms_is_in_the_order_in_which_they_import() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "rooms")
    levels = [{f"streams/{room}/" for room in layer.split(" | ")} for layer in reversed(layers)]
    rows = re.findall(r"^\| `([\w/]+/)` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert (rows[0], rows[-1]) == ("models/", "dashboards/")
    for level in levels:
        del rows[0]
        assert {*rows[: len(level)]} == level
        del rows[: len(level) - 1]


def test_the_reference_is_what_the_code_makes() -> None:
    written = {page.stem: page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.md")}
    code = "import json, sys; from streams.cli.reference import pages; json.dump(pages(), sys.stdout)"  # click keeps what was asked before
    made = json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert [name for name, text in made.items() if written.pop(name, "") != text] + list(written) == [], "run `make render`"


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = {target: (page.parent / target).resolve() for target in LINK.findall(page.read_text(encoding="utf-8"))}
    assert [target for target, path in targets.items() if not path.exists()] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not re.match(r"\d{4}-", page.name)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_no_table_of_figures_is_typed_by_hand(page: Path) -> None:
    rows = [[cell.strip() for cell in row.split("|")] for row in ROW.findall(page.read_text(encoding="utf-8"))]
    assert [row for row in rows if any(FIGURE.fullmatch(cell) for cell in row[1:])] == []


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PARAGRAPH_WITH_FIGURES = re.compile(r"^\**Measured.*?\n\n", re.MULTILINE | re.DOTALL)
PROVENANCE = re.compile(r"once on \d{4}-\d\d-\d\d[^:]*?not\s+kept|docs/data|`left_out` in `models/")


def figures_without_provenance(text: str) -> list[str]:
    """Return the first words of each paragraph that says "measured", and not when and whether it was kept; also a table before any."""
    paragraphs = [found.group() for found in PARAGRAPH_WITH_FIGURES.finditer(text + "\n\n")]
    first_table = next(
        (row.start() for row in ROW.finditer(text) if any(FIGURE.fullmatch(cell.strip()) for cell in row[1].split("|")[1:])), None
    )
    said = text[:first_table] if first_table is not None else ""
    bare = ["a table"] if first_table is not None and not PROVENANCE.search(said) else []
    return bare + [paragraph[:40] for paragraph in paragraphs if not PROVENANCE.search(paragraph)]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_says_when_its_figures_were_measured_and_whether_they_were_kept(page: Path) -> None:
    assert figures_without_provenance(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("**Measured.** 55 of 55 campaigns.\n\n", 1),
        ("**Measured** once on 2026-11-25, not kept. 55 of 55.\n\n", 0),
        ("| seeds | found |\n|---|---|\n| fresh | 55 of 55 |\n", 1),
        ("Nothing was measured here.\n\n", 0),
    ],
)
def test_a_figure_without_provenance_is_found(text: str, count: int) -> None:
    assert len(figures_without_provenance(text)) == count


@each_page
def test_every_marker_of_a_page_is_filled_with_figures_that_were_kept(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("[figures: ") == len(MARKER.findall(text))
    assert "[figures: " not in fill(text)


def test_every_table_of_figures_is_on_a_page() -> None:
    shown = {name for page in PAGES for name, _ in MARKER.findall(page.read_text(encoding="utf-8"))}
    assert shown == TABLES.keys()


def test_the_readme_is_read_in_three_minutes() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) <= MOST_README_WORDS


def test_ci_runs_the_commands_of_the_readme() -> None:
    promised = {command.split()[1] for page, _, command in COMMANDS if page == "README.md" and command.startswith("make ")} - {"replay"}
    listed = re.search(r"for target in ([\w\s-]+); do", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert listed
    assert promised <= set(listed[1].split())


@pytest.mark.parametrize("command", [command for _, _, command in COMMANDS if command.startswith("make ")])
def test_make_knows_every_target_that_a_page_names(command: str) -> None:
    dry = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.ready", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert dry.returncode == 0, dry.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages name: `yesterday.jsonl`, and `ours.jsonl` of a gateway with names of its own."""
    path = tmp_path_factory.mktemp("reader")
    lines = list(islice(demo_traffic(accounts=MIN_DEMO_ACCOUNTS, events=MIN_EVENTS).lines(), 2_000))
    (path / "yesterday.jsonl").write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in lines))
    theirs = [
        {"began": event["timestamp"], "call": {"id": event["event.id"]}, "caller": {"key": event["account.id"]}}
        for event in map(json.loads, lines)
    ]
    (path / "ours.jsonl").write_text("\n".join(map(json.dumps, theirs)))
    return path


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a reader who has ClickHouse, its tables made."""
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        where = {"HOST": server.host, "PORT": str(server.port), "USER": server.user, "PASSWORD": server.password}
        env = {"HYDROMETER_MODE": "local", **{f"HYDROMETER_CLICKHOUSE_{name}": value for name, value in where.items()}}
        assert run("hydrometer migrate", Path.cwd(), env).returncode == 0
        yield env


def run(command: str, folder: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).with_name("hydrometer")), *shlex.split(command)[1:]]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})


def commands(needs: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("command", [line for _, need, line in COMMANDS if line.startswith("hydrometer ") and need == needs])


@pytest.mark.slow
@commands("")
def test_every_command_of_a_page_runs(command: str, folder: Path) -> None:
    ended = run(command, folder)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
@commands("needs=cases")
def test_every_command_of_a_page_that_needs_tables_runs(command: str, folder: Path, cases: dict[str, str]) -> None:
    ended = run(command, folder, cases)
    assert ended.returncode == 0, ended.stderr


def test_every_command_is_of_a_kind_that_a_test_runs() -> None:
    known = ("make ", "hydrometer ")
    assert [command for _, _, command in COMMANDS if not command.startswith(known)] == []


def test_every_page_is_in_the_navigation() -> None:
    def names(nav: object) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        elif isinstance(nav, dict):
            for below in nav.values():
                yield from names(below)
        elif isinstance(nav, list):
            for below in nav:
                yield from names(below)

    listed = set(names(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    written = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    made = {f"reference/{name}.md" for name in pages()}
    assert {page for page in written if not re.match(r"decisions/\d{4}-", page)} | made == listed


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"], ids=lambda page: page.name
)
def test_a_page_speaks_plain_english(page: Path) -> None:
    found = [match[0] for match in FORBIDDEN.finditer(page.read_text(encoding="utf-8"))]
    assert found == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {path.name for path in folder.glob("[0-9]*.md")} == listed


def _first_column(page: Path) -> list[str]:
    rows = [row.split("|")[0].strip().strip("`") for row in ROW.findall(page.read_text())]
    return [cell for cell in rows[1:] if not set(cell) <= set("-: ")]


def test_the_glossary_is_in_alphabetical_order() -> None:
    words = [word.lower() for word in _first_column(ROOT / "docs" / "glossary.md")]
    assert words == sorted(words)


def test_every_table_is_in_the_table_of_tables() -> None:
    tables = set(re.findall(r"^## (\w+)$", (REFERENCE / "tables.md").read_text(), re.MULTILINE))
    assert set(_first_column(ROOT / "streams" / "clickhouse" / "README.md")) == tables
