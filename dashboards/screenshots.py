"""Pictures of the boards without a Grafana: `make preview` draws them with Grafana's own React components in headless Chromium.

The generated boards, the answers of a ClickHouse to their queries, and a page (`dashboards/preview`) that gives both to `@grafana/ui`: time
series, stats, tables and panel frames are Grafana's; heat maps, bar charts and state timelines live in Grafana's core, and are drawn by
small substitutes that say so. Optional: it installs about 470 MB of npm packages under `build/preview` and needs node and Chromium; with
the font Inter (Debian: fonts-inter) letters are as wide as Grafana's.

    python -m dashboards.screenshots            rehearse the demonstration's traffic, and draw every board
    python -m dashboards.screenshots --live     draw what the ClickHouse of HYDROMETER_CLICKHOUSE_* holds (a running demonstration, say)
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from clickhouse_driver import Client

from dashboards.board import boards
from dashboards.macros import Window
from dashboards.query import Json
from dashboards.rehearsal import rehearse
from streams.core.errors import HydrometerError, MissingToolError
from streams.core.output import echo
from streams.core.settings import Settings
from streams.demo.traffic import SPAN_SECONDS
from streams.devserver.process import local_server

FOLDER: Final = Path("build/preview")
SOURCE: Final = Path(__file__).with_name("preview")
WIDTH_PIXELS: Final = 1680
MAX_POINTS: Final = 240
"""Points that a panel of a third of the page has room for: it decides the width of a bucket."""
_INTERVALS: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
_CELL, _GAP, _HEAD = 30, 8, 60
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")


class PreviewError(HydrometerError):
    """A board could not be drawn. The message says which tool failed, and its last words."""


def draw(client: Client, start: float, end: float, folder: Path = FOLDER) -> list[Path]:
    """Draw every board from what `client` answers for `start` to `end` (seconds since 1970); return the pictures.

    Raises MissingToolError when node or Chromium is not installed, PreviewError when one of them fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bundle(folder)
    chosen = choices(client, start, end)
    return [_drawn(name, answered(name, client, start, end, chosen), folder) for name in boards()]


def bundle(folder: Path) -> None:
    """Bundle the page's script into `folder`. Raises as `draw`."""
    packages = _installed(folder)
    script = (folder / "page.js").resolve()
    _run([_tool("node"), "build.mjs", str((SOURCE / "src" / "page.jsx").resolve()), str(script)], packages)


def check_types(folder: Path = FOLDER) -> None:
    """Check every generated board against the types of npm's `@grafana/schema`. Raises PreviewError with tsc's words."""
    packages = _installed(folder)
    sources = [packages / f"board-{name}.ts" for name in boards()]
    for source, board in zip(sources, boards().values(), strict=True):
        text = json.dumps(board.render(), indent=2, ensure_ascii=False)
        source.write_text(f"import type {{ Classic }} from './check';\nexport const board: Classic = {text};\n", encoding="utf-8")
    compiler = packages / "node_modules" / ".bin" / "tsc"
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
    _run([str(compiler.resolve()), *options, *(source.name for source in sources)], packages)


def _installed(folder: Path) -> Path:
    """Install the npm packages at their locked versions, when they are not there, and return where."""
    packages = folder / "npm"
    packages.mkdir(parents=True, exist_ok=True)
    lock = (SOURCE / "package-lock.json").read_text(encoding="utf-8")
    installed = packages / "installed.json"
    for name in ("package.json", "package-lock.json", "build.mjs", "check.ts"):
        shutil.copy(SOURCE / name, packages / name)
    if not installed.exists() or installed.read_text(encoding="utf-8") != lock:
        _run([_tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], packages)
        installed.write_text(lock, encoding="utf-8")
    return packages


def choices(client: Client, start: float, end: float) -> dict[str, str]:
    """Return what each variable would be set to between two moments (`start`, `end`, epoch seconds).

    That is what its query returns first, and for the case the one with the most accounts.
    """
    largest = "SELECT case_id FROM hydrometer.cases FINAL WHERE behaviour = 'extraction' ORDER BY accounts DESC LIMIT 1"
    results = {"case": str(client.execute(largest)[0][0])} if client.execute(largest) else {}
    for board in boards().values():
        for choice in board.choices:
            if choice.fixed:
                results.setdefault(choice.name, choice.fixed[0][1])
            elif choice.name not in results:
                rows = client.execute(Window(start, end, variables=results).expand(choice.sql))
                results[choice.name] = str(rows[0][0]) if rows else ""
    return results


def answered(name: str, client: Client, start: float, end: float, chosen: Mapping[str, str]) -> Json:
    """Return a board with the answers to the queries of its open panels, as the page reads it.

    `start` and `end` are epoch seconds; `chosen` are the values of its variables.
    """
    board = boards()[name].render()
    answers: Json = {}
    for panel in board["panels"]:
        window = Window(start, end, interval(end - start), chosen)
        answers[panel["id"]] = {target["refId"]: _answer(client, window.expand(target["rawSql"])) for target in panel.get("targets", [])}
    window = Window(start, end, interval(end - start), chosen)
    notes = [
        {"time": row[0].timestamp() * 1000, "color": note["iconColor"]}
        for note in board["annotations"]["list"]
        for row in client.execute(window.expand(note["target"]["rawSql"]))
    ]
    return {
        "board": board,
        "answers": answers,
        "notes": notes,
        "chosen": chosen,
        "from": start * 1000,
        "to": end * 1000,
        "width": WIDTH_PIXELS,
    }


def interval(seconds: float) -> int:
    """Return the width of a bucket, as Grafana chooses it: the first round one with at most MAX_POINTS of them."""
    return next((width for width in _INTERVALS if seconds / width <= MAX_POINTS), _INTERVALS[-1])


def _answer(client: Client, sql: str) -> Json:
    rows, columns = client.execute(sql, with_column_types=True)
    kinds = [kind_of(declared) for _, declared in columns]
    named = [{"name": name, "type": kind} for (name, _), kind in zip(columns, kinds, strict=True)]
    return {"columns": named, "rows": [[_plain(value) for value in row] for row in rows]}


def kind_of(declared: str) -> str:
    """Return what Grafana makes of a column of ClickHouse."""
    inner = declared.removeprefix("LowCardinality(").removeprefix("Nullable(")
    if inner.startswith(("Date", "DateTime")):
        return "time"
    if inner.startswith(("UInt", "Int", "Float", "Decimal")):
        return "number"
    return "boolean" if inner.startswith("Bool") else "text"


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000 if isinstance(value, datetime) else value


def _drawn(name: str, data: Json, folder: Path) -> Path:
    page, picture = folder / f"{name}.html", folder / f"{name}.png"
    script = json.dumps(data, default=str).replace("</", "<\\/")
    page.write_text(
        '<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css">'
        "<style>body{margin:0;background:#111217;font-family:Inter,sans-serif}</style>"
        f'<div id="root"></div><script>window.PREVIEW={script}</script><script src="page.js"></script>',
        encoding="utf-8",
    )
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in data["board"]["panels"])
    _photograph(page.resolve(), picture.resolve(), bottom * (_CELL + _GAP) + _HEAD)
    return picture


def _photograph(page: Path, picture: Path, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        _run(
            [
                *(_tool(*_CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
                *("--allow-file-access-from-files", f"--user-data-dir={profile}", f"--window-size={WIDTH_PIXELS},{height}"),
                *("--virtual-time-budget=15000", f"--screenshot={picture}", page.as_uri()),
            ],
            page.parent,
        )


def _tool(*names: str) -> str:
    results = next((path for name in names if (path := shutil.which(name))), None)
    if results is None:
        raise MissingToolError(f"{names[0]} is not installed, and pictures need it: on Debian, apt-get install {names[0]}")
    return results


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise PreviewError(f"{Path(command[0]).name} failed with {done.returncode}: {' / '.join(words)}")


@contextmanager
def _rehearsed() -> Iterator[tuple[Client, float, float]]:
    with tempfile.TemporaryDirectory() as folder, local_server(Path(folder), user="hydrometer", password="preview") as server:  # noqa: S106
        settings = server.settings()
        began = rehearse(settings)
        yield _client(settings), began, began + SPAN_SECONDS


def _client(settings: Settings) -> Client:
    password = settings.clickhouse_password.get_secret_value()
    return Client(settings.clickhouse_host, settings.clickhouse_port, user=settings.clickhouse_user, password=password)


@click.command(help=__doc__)
@click.option("--live", is_flag=True, help="Draw what the ClickHouse of the settings holds, instead of a rehearsal.")
@click.option("--types", is_flag=True, help="Draw nothing: check the boards against Grafana's own types.")
@click.option("--hours", default=SPAN_SECONDS / 3600, show_default=True, help="How far back to look, with --live.")
def main(*, live: bool, types: bool, hours: float) -> None:
    """Draw every board, or check its types."""
    try:
        if types:
            check_types()
            echo("every board fits Grafana's types")
            return
        if live:
            end = datetime.now(UTC).timestamp()
            results = draw(_client(Settings.load()), end - hours * 3600, end)
        else:
            with _rehearsed() as (client, start, end):
                results = draw(client, start, end)
    except HydrometerError as error:
        raise click.ClickException(str(error)) from error
    echo("\n".join(f"{picture}  (page: {picture.with_suffix('.html')})" for picture in results))


if __name__ == "__main__":
    main()
