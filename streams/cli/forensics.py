"""`hydrometer forensics` and `hydrometer canary`, found by `streams.cli.main` through an entry point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.core.output import echo

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
    "--controls", multiple=True, type=_PATH, help="A folder of unrelated models' answers, one file per model, or one such file. Repeatable."
)
@click.option("--table", type=_PATH, help="A table of chosen options: item, answer, options, and one column per model.")
@click.option("--prompts", "prompts_path", type=_PATH, help="The prompts: item, instruction, topic. Near copies are resampled together.")
@click.option("--harvested", type=_PATH, help="What a case harvested: topics of --prompts, or items, one per line.")
@click.option("--kin", multiple=True, metavar="A=B", help="Two models of one family: not an unrelated pair. Repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=_PATH, help="Also write the report as a printable page.")
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
    pairs = [_pair(title) for title in kin]
    panels, files = [], {}
    if controls:
        prompts = panel.Prompts(*(reading.read_prompts(prompts_path) if prompts_path else ({}, {})), _listed(harvested))
        read: dict[Path, Answers] = {}
        paths = [
            Path(suspect),
            Path(our_model),
            *(file for title in controls for file in (reading.files_of(title) if title.is_dir() else [title])),
        ]
        for path in paths:
            if path.resolve() not in read:
                read[path.resolve()] = reading.read_answers(path)
                files[str(path)] = read[path.resolve()].sha256
        first, second = read[paths[0].resolve()], read[paths[1].resolve()]
        others = [title for title in read.values() if title is not first and title is not second]
        panels.append(panel.text_panel(first, second, others, prompts, pairs))
    if table is not None:
        options = reading.read_options(table)
        files[str(table)] = options.sha256
        panels.append(panel.options_panel(options, reading.model_name(Path(suspect)), reading.model_name(Path(our_model)), kin=pairs))
    files |= {str(path): reading.file_hash(path) for path in (prompts_path, harvested) if path is not None}
    known = calibration.load()
    outcomes = run(panels, lambda title: echo(f"measuring: {title} ...", err=True))
    findings = report.report(panels, outcomes, calibration.combine(outcomes, known), known, files)
    if html is not None:
        _write(html, page.page(findings).encode())
    echo(orjson.dumps(findings, option=orjson.OPT_INDENT_2).decode() if as_json else report.terminal(findings))


def _pair(text: str) -> tuple[str, str]:
    one, _, other = text.partition("=")
    if not one or not other:
        raise AnswersError(f"--kin {text} does not name two models: write --kin A=B")
    return one, other


def _listed(path: Path | None) -> frozenset[str]:
    if path is None:
        return frozenset()
    try:
        return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise AnswersError(f"cannot read {path}: write topics or items, one per line") from error


@click.group()
def canary() -> None:
    """Serve a case's members a keyed choice between equal wordings, and look for it in a suspect's answers.

    Keys are derived from HYDROMETER_EVIDENCE_KEY, the case and an epoch.

    \b
    Example:  hydrometer canary new --case case-12 --member key-hash --approved-by "J. Doe" --out canary-case-12.json
              hydrometer canary check suspect.jsonl --policy canary-case-12.json --controls panel/
    """


@canary.command()
@click.option("--case", "case_id", required=True, help="The case whose members are served.")
@click.option("--member", "members", multiple=True, help="A key's hash, user or team as the gateway names it. Repeatable.")
@click.option("--approved-by", required=True, help="The approver; recorded in the policy.")
@click.option("--epoch", default=1, show_default=True, type=click.IntRange(min=1), help="Another epoch has other wordings.")
@click.option("--out", type=_PATH, required=True, help="The policy file, for the gateway.")
def new(*, case_id: str, members: tuple[str, ...], approved_by: str, epoch: int, out: Path) -> None:
    """Write the policy of a case's canaries. Serve it from response step L2 on, and name canaries in the terms of use.

    \b
    Example:  hydrometer canary new --case case-12 --member key-hash --approved-by "J. Doe" --out canary-case-12.json
    """
    from datetime import UTC, datetime

    from streams.core.settings import Settings
    from streams.forensics import canary as canaries

    key = canaries.key(Settings.load(role="kafka").evidence(), case_id, epoch)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    _write(out, canaries.policy(key, case_id, epoch, members, (approved_by, at)).json())
    echo(f"{out}: {len(canaries.wordings())} wordings for {len(members)} member(s) of {case_id}, epoch {epoch}")


@canary.command()
@click.argument("policy", type=_PATH)
def revoke(*, policy: Path) -> None:
    """Mark a policy as revoked: the gateway stops serving it from the next answer on.

    \b
    Example:  hydrometer canary revoke canary-case-12.json
    """
    from datetime import UTC, datetime

    from streams.forensics import canary as canaries

    told = canaries.revoked(canaries.read_policy(policy), datetime.now(UTC).isoformat(timespec="seconds"))
    _write(policy, told.json())
    echo(f"{policy}: revoked; `hydrometer canary new --epoch {told.epoch + 1}` makes other wordings")


@canary.command()
@click.argument("suspect", type=_PATH)
@click.option("--policy", "policies", multiple=True, type=_PATH, required=True, help="A policy to look for. Repeatable.")
@click.option("--controls", type=_PATH, required=True, help="A folder of unrelated models' answers.")
@click.option("--green", is_flag=True, help="Also count the green words of a sampler (needs HYDROMETER_EVIDENCE_KEY).")
def check(*, suspect: Path, policies: tuple[Path, ...], controls: Path, green: bool) -> None:
    """Find the case whose canaries a suspect's answers show, with Holm-corrected p-values over the policies.

    \b
    Example:  hydrometer canary check suspect.jsonl --policy canary-case-12.json --controls panel/
    """
    from streams.core.settings import Settings
    from streams.forensics import answers as reading
    from streams.forensics import canary as canaries
    from streams.forensics.inference import holm

    own = reading.read_answers(suspect).texts.values()
    panel = {wording.model: list(wording.texts.values()) for wording in map(reading.read_answers, reading.files_of(controls))}
    panel.pop(reading.model_name(suspect), None)
    loaded = [canaries.read_policy(path) for path in policies]
    wordings = [canaries.check(policy, own, panel) for policy in loaded]
    for policy, wording, corrected in zip(loaded, wordings, holm([wording.p for wording in wordings]), strict=True):
        line = f"{wording.case_id} epoch {wording.epoch}: {wording.agree} of {wording.pairs} wordings agree"
        echo(f"{line} (panel's rate {wording.panel_rate:.2f}), p {wording.p:.3g}, after Holm {corrected:.3g}")
        if green:
            z, contexts = canaries.green_z(canaries.key(Settings.load(role="kafka").evidence(), policy.case_id, policy.epoch), own)
            echo(f"  green words: z {z:+.2f} over {contexts:,} distinct contexts")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AnswersError(f"cannot write {path} ({error.strerror}): choose another path") from error
