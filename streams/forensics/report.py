"""The report of a comparison, as data and for a terminal: what was measured, what is usual and what it means; never a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from streams.forensics.calibration import Calibration, Combined
from streams.forensics.compare import Outcome
from streams.forensics.inference import corroborated
from streams.forensics.panel import Panel

FORMAT_VERSION: Final = 2
MAX_SIGNIFICANT_PROBABILITY: Final = 0.05
NOT_A_VERDICT: Final = (
    "This report is evidence, not a verdict. It does not show who asked, when, or whether terms were broken. "
    "Its p-values hold for one suspect named beforehand: multiply them by N after screening N suspects."
)
CONFOUNDERS: Final = (
    "A base model, public training sets or a habit that suspect and our model share, and the controls lack, "
    "looks the same as training on our answers."
)


@dataclass(frozen=True)
class SkippedTest:
    """A test of the report that lacks its input."""

    name: str
    title: str
    shows: str
    cannot_show: str
    missing: str | None
    """The missing input; None for a test that ran."""


@dataclass(frozen=True)
class MeasureReport(SkippedTest):
    """A test that ran: the fields of `Finding`, with the controls' names beside their effects."""

    statistic: float
    expected: float
    effect: float
    interval: tuple[float, float]
    p_prompts: float
    p_panel: float
    p: float
    rank: int
    teacher_rank: int
    controls: int
    smallest_p_rank: float
    smallest_p_panel: float
    control_effects: tuple[tuple[str, float], ...]
    """Name and effect of each control that is an unrelated pair."""
    items: int
    design_effect: float
    p_corrected: float
    """`p` after Holm's correction over all tests that ran."""


@dataclass(frozen=True)
class Report:
    """What `--json` prints, field by field."""

    format: int
    suspect: str
    our_model: str
    controls: tuple[str, ...]
    items: int
    notes: tuple[str, ...]
    tests: tuple[SkippedTest | MeasureReport, ...]
    corroborated_p: float | None
    """The p-value that at least two tests show an excess; None where fewer than two ran."""
    combined: Combined
    calibration: Calibration | None
    limits: tuple[str, ...]
    sha256: Mapping[str, str]
    """SHA-256 of each file that was read, by its path."""


def report(
    panels: Sequence[Panel], outcomes: Sequence[Outcome], combined: Combined, calibration: Calibration | None, files: Mapping[str, str]
) -> Report:
    """Return the report; `files` maps each path read to its SHA-256."""
    first = panels[0]
    return Report(
        format=FORMAT_VERSION,
        suspect=first.models[0],
        our_model=first.models[1],
        controls=tuple(sorted({model for panel in panels for model in panel.models[2:]})),
        items=max(len(panel.items) for panel in panels),
        notes=tuple(note for panel in panels for note in panel.notes),
        tests=tuple(_test(outcome, panels) for outcome in outcomes),
        corroborated_p=corroborated([outcome.finding.p for outcome in outcomes if outcome.finding is not None]),
        combined=combined,
        calibration=calibration,
        limits=(NOT_A_VERDICT, CONFOUNDERS),
        sha256=dict(sorted(files.items())),
    )


def terminal(content: Report) -> str:
    """Return the report as lines for a terminal."""
    lines = [f"{content.suspect} compared with {content.our_model}: {len(content.controls)} controls, {content.items:,} common items"]
    lines += [f"note: {note}" for note in content.notes]
    for test in content.tests:
        lines += ["", *test_lines(test)]
    lines += [
        "",
        f"Two tests or more: {corroborated_sentence(content)}",
        f"Likelihood ratio: {combined_sentence(content)}",
        *content.limits,
    ]
    return "\n".join(lines)


def corroborated_sentence(content: Report) -> str:
    """Return whether tests corroborate each other, and what that means."""
    if content.corroborated_p is None:
        return "fewer than two tests ran, so none is corroborated; one test alone can mistake a style for a teacher."
    found = content.corroborated_p < MAX_SIGNIFICANT_PROBABILITY
    means = "at least two tests agree on an excess" if found else "no two tests agree, and one alone can mistake a style for a teacher"
    return f"p {content.corroborated_p:.4g}: {means}."


def combined_sentence(content: Report) -> str:
    """Return the meaning of the likelihood ratio, or why it is refused."""
    combined, base = content.combined, content.calibration
    if combined.likelihood_ratio is None or base is None:
        return f"none ({combined.refused})."
    ratio = combined.likelihood_ratio
    side = f"{ratio:,.1f} times as likely" if ratio >= 1 else f"{1 / ratio:,.1f} times less likely"
    bound = ", which is the most that the calibration can bear out" if combined.cut else ""
    return (
        f"{ratio:.3g}: these effects are {side} for a model trained on our model's answers as for an unrelated one{bound} "
        f"({', '.join(combined.measures)}; calibrated on {base.known_pairs} known and {base.unrelated_pairs:,} unrelated pairs)."
        f"{_uncalibrated(content)}"
    )


def _uncalibrated(content: Report) -> str:
    """Return which tests that ran are no part of the ratio, as a sentence; empty when all are."""
    beside = [test.title for test in content.tests if isinstance(test, MeasureReport) and test.name not in content.combined.measures]
    return f" Not in it, since no known pairs calibrate them: {', '.join(beside)}." if beside else ""


def meaning(test: MeasureReport) -> str:
    """Return in one sentence what a test's result means."""
    if test.p_corrected >= MAX_SIGNIFICANT_PROBABILITY:
        return "Not told apart from unrelated models."
    return f"{test.shows} {test.cannot_show}"


def test_lines(test: SkippedTest | MeasureReport) -> list[str]:
    """Return a test's title, figures and meaning, one per line."""
    if not isinstance(test, MeasureReport):
        return [test.title, f"  input missing: {test.missing}"]
    low, high = test.interval
    usual = sorted(effect for _, effect in test.control_effects)
    ranks = test.controls + 1
    effect = f"{test.effect:+.2f} sd of unrelated pairs (95 % interval over prompts {low:+.2f} to {high:+.2f})"
    chances = f"over prompts {test.p_prompts:.4g}; over pairs of the panel {test.p_panel:.4g}, at best {test.smallest_p_panel:.2g}"
    student = f"rank {test.rank} of {ranks} as a student of our model (rank p at best {test.smallest_p_rank:.2g})"
    return [
        test.title,
        f"  statistic {test.statistic:.4f}, expected from what either shares with all others {test.expected:.4f}; {test.items:,} items",
        f"  effect {effect}; controls {usual[0]:+.2f} to {usual[-1]:+.2f}",
        f"  p {test.p:.4g}, after Holm {test.p_corrected:.4g} ({chances})",
        f"  {student}; our model is rank {test.teacher_rank} of {ranks} as its teacher",
        f"  {meaning(test)}",
    ]


def _test(outcome: Outcome, panels: Sequence[Panel]) -> SkippedTest | MeasureReport:
    measure, finding, corrected = outcome.measure, outcome.finding, outcome.corrected_p
    head = SkippedTest(measure.name, measure.title, measure.shows, measure.cannot_show, outcome.missing)
    if finding is None or corrected is None:
        return head
    controls = next(panel.models[2:] for panel in panels if panel.size == finding.controls + 2 and len(panel.items) == finding.items)
    effects = zip(controls, finding.control_effects, strict=True)
    unrelated = tuple((model, effect) for model, effect in effects if not math.isnan(effect))  # NaN: kin
    measured = {part.name: getattr(finding, part.name) for part in fields(finding)} | {"control_effects": unrelated}
    return MeasureReport(**vars(head), **measured, p_corrected=corrected)
