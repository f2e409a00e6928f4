"""`hydrometer forensics` and `hydrometer canary`, found by `streams.cli.main` through an entry point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.forensics.answers import Answers

from streams.forensics.errors import AnswersError

_PATH = click.Path(path_type=Path)


@click.group()
def forensics() -> None:
    """Measure whether a model was trained on our model's answers.

    \b
    Example:  hydrometer forensics compare suspect.jsonl ours.jsonl --controls panel/ --html report.html
    """


@forensics.command()
@click.argument("suspect")
@click.argument("our_model")
@click.option(
    "--controls", multiple=True, type=_PATH, help="A folder of unrelated models' answers, one file a model, or one such file. Repeat it."
)
@click.option("--table", type=_PATH, help="A table of chosen options: item, answer, options, and one column a model.")
@click.option("--prompts", "prompts_path", type=_PATH, help="The prompts: item, instruction, topic. Near copies are resampled together.")
@click.option("--harvested", type=_PATH, help="What a case harvested: topics of --prompts, or items, one a line.")
@click.option("--kin", multiple=True, metavar="A=B", help="Two models of one family, which are no unrelated pair. Repeat it.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=_PATH, help="Also write the report as a page that prints.")
def compare(  # noqa: PLR0913 - an argument an option
    *,
    suspect: str,
    our_model: str,
    controls: tuple[Path, ...],
    table: Path | None,
    prompts_path: Path | None,
    harvested: Path | None,
    kin: tuple[str, ...],
    as_json: bool,
    html: Path | None,
) -> None:
    """Compare SUSPECT with OUR_MODEL, against a panel of unrelated controls.

    Both are files of answers (JSON lines, CSV or Parquet with `item` and `output`) or, with --table alone, names of its columns. With
    both kinds the columns are named like the files.

    \b
    Example:  hydrometer forensics compare suspect.jsonl ours.jsonl --controls panel/ --html report.html
              hydrometer forensics compare suspect-8b our-70b --table choices.csv --json
    """
    import orjson

    from streams.forensics import answers as reading
    from streams.forensics import calibration, page, panel, report
    from streams.forensics.compare import compare as run

    if not controls and table is None:
        raise AnswersError("no panel to compare with: give --controls FOLDER of unrelated models' answers, or --table")
    pairs = [_pair(each) for each in kin]
    panels, files = [], {}
    if controls:
        prompts = panel.Prompts(*(reading.read_prompts(prompts_path) if prompts_path else ({}, {})), _listed(harvested))
        read: dict[Path, Answers] = {}
        paths = [
            Path(suspect),
            Path(our_model),
            *(file for each in controls for file in (reading.files_of(each) if each.is_dir() else [each])),
        ]
        for path in paths:
            if path.resolve() not in read:
                read[path.resolve()] = reading.read_answers(path)
                files[str(path)] = read[path.resolve()].sha256
        first, second = read[paths[0].resolve()], read[paths[1].resolve()]
        others = [each for each in read.values() if each is not first and each is not second]
        panels.append(panel.text_panel(first, second, others, prompts, pairs))
    if table is not None:
        options = reading.read_options(table)
        files[str(table)] = options.sha256
        panels.append(panel.options_panel(options, reading.model_name(Path(suspect)), reading.model_name(Path(our_model)), kin=pairs))
    files |= {str(path): reading.file_hash(path) for path in (prompts_path, harvested) if path is not None}
    known = calibration.load()
    outcomes = run(panels, lambda title: click.echo(f"measuring: {title} ...", err=True))
    told = report.report(panels, outcomes, calibration.combine(outcomes, known), known, files)
    if html is not None:
        try:
            html.write_text(page.page(told), encoding="utf-8")
        except OSError as error:
            raise AnswersError(f"cannot write {html} ({error.strerror}): choose another --html") from error
    click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() if as_json else report.terminal(told))


def _pair(text: str) -> tuple[str, str]:
    one, _, other = text.partition("=")
    if not one or not other:
        raise AnswersError(f"--kin {text} does not name two models: say --kin A=B")
    return one, other


def _listed(path: Path | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise AnswersError(f"cannot read {path}: give topics or items, one a line") from error
