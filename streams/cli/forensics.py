"""`hydrometer forensics` and `hydrometer canary`, found by `streams.cli.main` through an entry point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import AUTHOR
from streams.core.output import echo

if TYPE_CHECKING:
    from datetime import datetime

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
        for number, path in enumerate(paths, start=1):
            if path.resolve() not in read:
                echo(f"reading {number} of {len(paths)}: {path} ...", err=True)
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
    outcomes = run(panels, lambda title, number, of: echo(f"measuring {number} of {of}: {title} ...", err=True))
    findings = report.report(panels, outcomes, calibration.combine(outcomes, known), known, files)
    if html is not None:
        _write(html, page.page(findings).encode())
    echo(orjson.dumps(findings, option=orjson.OPT_INDENT_2).decode() if as_json else report.terminal(findings))


@forensics.command()
@click.argument("case_id")
@click.argument("files", nargs=-1, type=_PATH)
@click.option("--released", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="When the suspect's model was released, in UTC.")
@click.option("--model", default="", help="The model that was released.")
@click.option("--source", default="", help="Where its release can be read.")
@AUTHOR
def record(*, case_id: str, files: tuple[Path, ...], released: datetime | None, model: str, source: str, author: str | None) -> None:
    """Record exhibits on a case: each file with its SHA-256, and the release of a model.

    FILES are policies of `canary new`, the gateway's list of served answers, and what `compare --json` and `canary check --json` printed.
    They join the case's timeline: on its page, its board, at the desk, and with `hydrometer export case --exhibit FILE` in its bundle.

    \b
    Example:  hydrometer forensics record case-0fbfa5df00f4 canary.json canary-served.jsonl report.json
              hydrometer forensics record case-0fbfa5df00f4 --released 2026-11-20 --model suspect-7b --source https://example.com/card
    """
    import time

    from streams.cases import labels
    from streams.cli.case import known_case
    from streams.core.settings import Settings
    from streams.desk.acting import KafkaOutbox, action
    from streams.desk.sessions import Person
    from streams.forensics import exhibits

    if bool(released) != bool(model and source):
        raise click.UsageError("Name --released, --model and --source together.")
    if not files and not released:
        raise click.UsageError("Name a file, or --released with --model and --source.")
    settings, known = Settings.load(role="kafka"), known_case(case_id)
    described = [exhibits.describe(path, known.case_id, time.time()) for path in files]
    described += [exhibits.release(model, released, source)] if released else []
    person = Person(labels.author(settings, author), "analyst")
    KafkaOutbox(settings).send(action(person, "exhibit", known.case_id, one.exhibit.encode().decode(), one.sentence) for one in described)
    for one in described:
        echo(f"{known.case_id}: {one.exhibit.kind} recorded: {one.sentence}")


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
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for `hydrometer forensics record`.")
def check(*, suspect: Path, policies: tuple[Path, ...], controls: Path, green: bool, as_json: bool) -> None:
    """Find the case whose canaries a suspect's answers show, with Holm-corrected p-values over the policies.

    \b
    Example:  hydrometer canary check suspect.jsonl --policy canary-case-12.json --controls panel/
    """
    import msgspec

    from streams.core.settings import Settings
    from streams.forensics import answers as reading
    from streams.forensics import canary as canaries
    from streams.forensics.inference import holm

    own = reading.read_answers(suspect)
    read = [reading.read_answers(path) for path in reading.files_of(controls)]
    panel = {answers.model: list(answers.texts.values()) for answers in read if answers.sha256 != own.sha256}
    loaded = [canaries.read_policy(path) for path in policies]
    texts = list(own.texts.values())
    wordings = [canaries.check(policy, texts, panel) for policy in loaded]
    checked = []
    for wording, corrected in zip(wordings, holm([wording.p for wording in wordings]), strict=True):
        z, contexts = None, None
        if green:
            z, contexts = canaries.green_z(canaries.key(Settings.load(role="kafka").evidence(), wording.case_id, wording.epoch), texts)
        checked.append(canaries.CheckedPolicy(**vars(wording), p_corrected=corrected, green_z=z, green_contexts=contexts))
    if as_json:
        files = {str(suspect): own.sha256} | {str(path): reading.file_hash(path) for path in policies}
        found = canaries.CheckReport(own.model, len(panel), tuple(checked), files)
        echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for one in checked:
        line = f"{one.case_id} epoch {one.epoch}: {one.agree} of {one.pairs} wordings agree"
        echo(f"{line} (panel's rate {one.panel_rate:.2f}, p {one.p_count:.3g}); weighed p {one.p:.3g}, after Holm {one.p_corrected:.3g}")
        if one.green_z is not None:
            echo(f"  green words: z {one.green_z:+.2f} over {one.green_contexts:,} distinct contexts")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AnswersError(f"cannot write {path} ({error.strerror}): choose another path") from error
