"""The tables and sentences with figures on the page about the forensic measures, made from what `make evaluate-forensics` measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp
from typing import Final

from streams.core.markdown import table
from streams.forensics.measure import all_measures
from streams.testing.figures import Figures

TEXT: Final = ("answer_text", "phrasing", "reasoning_structure")
CHOICES: Final = ("same_wrong_answers", "chance_adjusted_agreement", "rare_choices", "matches_beyond_ability")


def attribution(figures: Figures) -> str:
    """Return how often the teacher is ranked first and among three, by set of students and measure."""
    rows = [
        [name, str(len(figures["sets"][name])), _title(m), f"{by[m]['top1']:.0%}", f"{by[m]['top3']:.0%}", f"{figures['auc'][name][m]:.3f}"]
        for name, by in figures["attribution"].items()
        for m in (*TEXT, "sum")
    ]
    return table(["Students", "Number", "Measure", "Teacher first", "Among first three", "AUC"], rows)


def plainest(figures: Figures) -> str:
    """Return rank and p-values of the two plainest students."""
    rows = [[pair, f"{by['rank']}", *(f"{by['p'][m]:.2g}" for m in TEXT)] for pair, by in figures["floor"].items()]
    return table(["Pair", "Rank by wording", *(f"p, {_title(m).lower()}" for m in TEXT)], rows)


def accusations(figures: Figures) -> str:
    """Return how many unrelated pairs are accused at p < 0.01."""
    rows = [
        [name, f"{by['pairs']:,}", _title(m), f"{by[m]['accused']}", f"{by[m]['accused'] / by['pairs']:.2%}"]
        for name, by in figures["accusations"].items()
        for m in (*TEXT, "corrected", "corroborated")
        if m in by
    ]
    return table(["Models", "Pairs", "Measure", "Accused", "Rate"], rows)


def power(figures: Figures) -> str:
    """Return the share of known pairs that are detected, by number of prompts."""
    rows = [[f"{row['prompts']}", *(f"{row[name]:.0%}" for name in ("detected", "top1", "top3"))] for row in figures["power"]]
    return table(["Prompts", "Detected", "Teacher first", "Among first three"], rows)


def disguised(figures: Figures) -> str:
    """Return what remains when students rewrite their answers."""
    plain = [pair.split(" -> ")[0] for pair in figures["floor"]]
    rows = [
        [title, *(f"{by[name]:.0%}" for name in ("detected", "top1", "top3")), *(f"{by['p'][student]:.2g}" for student in plain)]
        for title, by in figures["disguised"].items()
    ]
    return table(["Students' answers", "Detected", "Teacher first", "Among first three", *(f"p, {student}" for student in plain)], rows)


def alike(figures: Figures) -> str:
    """Return mean effects of pairs that share a base or a habit, in standard deviations of unrelated pairs."""
    rows = [[title, f"{by['pairs']:,}", *(f"{by[m]:+.2f}" for m in TEXT)] for title, by in figures["alike"].items()]
    return table(["Pairs without a known relation", "Number", *map(_title, TEXT)], rows)


def bases(figures: Figures) -> str:
    """Return the ranks of each known base model's maker and of the model, and its p-value, by chosen options."""
    measured = [m for m in CHOICES if all(m in by for by in figures["lineage"].values())]
    rows = [
        [pair, *(f"{by[m]['maker_rank']}, {by[m]['rank']} ({by[m]['p']:.2g})" for m in measured)] for pair, by in figures["lineage"].items()
    ]
    return table(["Model and base", *map(_title, measured)], rows)


def ratio(figures: Figures) -> str:
    """Return what the likelihood ratio was fitted on, and its calibration on models held back."""
    fitted = figures["calibration"]
    weights = ", ".join(f"{_title(name).lower()} {weight:.2f}" for name, weight in fitted["weights"].items())
    idle = [_title(name).lower() for name, weight in fitted["weights"].items() if weight == 0.0]
    adds = f" On these pairs {' and '.join(idle)} adds nothing to the others." if idle else ""
    rows = [[f"{each['pairs']}", f"{each['expected']:.1%}", f"{each['observed']:.1%}"] for each in fitted["curve"]]
    return (
        f"Fitted on {fitted['known_pairs']} known and {fitted['unrelated_pairs']:,} unrelated pairs of models that were not held back; "
        f"ratios are cut at {exp(fitted['largest_log_ratio']):.0f} and its inverse, the most that so few known pairs bear out. On models "
        f"held back, in fifths:\n\n{table(['Pairs', 'True, expected', 'True, seen'], rows)}\nWeights: {weights}.{adds}\n"
    )


def known(figures: Figures) -> str:
    """Return effect and p-value of every known pair."""
    rows = [[pair, *(f"{by['effect'][m]:+.1f} ({by['p'][m]:.2g})" for m in TEXT)] for pair, by in sorted(figures["known"].items())]
    return table(["Pair", *map(_title, TEXT)], rows)


def cost(figures: Figures) -> str:
    """Return what one comparison takes, as a sentence."""
    return f"{figures['cost']['cpu_seconds']} CPU seconds on one core, {figures['cost']['peak_gb']} GB at its peak.\n"


def canaries(figures: Figures) -> str:
    """Return how often canaries are found in simulated students, by the share of their training answers that was served."""
    if "canaries" not in figures:
        return "Not measured for this release.\n"
    students = figures["canaries"]
    head = ["Served", *(f"Wordings, {title}" for title in students["rows"][0]["found"]), "Wordings that agree"]
    head += [f"Green words, {title}" for title in students["rows"][0]["green"]]
    rows = [
        [
            f"{row['share']:.0%}",
            *(f"{value:.0%}" for value in row["found"].values()),
            f"{row['agree']:.0%}",
            *(f"{row['green'][title]:.0%} (z {row['green_z'][title]:+.1f})" for title in row["green"]),
        ]
        for row in students["rows"]
    ]
    setting = (
        f"Students found at p < 0.01, of {students['cases']} with another key each: trained on {students['training_answers']:,} answers, "
        f"of which a share was served with canaries; {students['student_answers']:,} of each student's own answers are checked, "
        f"against {students['controls']} real models."
    )
    return f"{setting}\n\n{table(head, rows)}"


def _title(measure: str) -> str:
    return {"sum": "Sum of the three", "corrected": "Any, after Holm", "corroborated": "Two of the three"}.get(measure) or all_measures()[
        measure
    ].title


TABLES: Final[Mapping[str, Callable[[Figures], str]]] = {
    function.__name__: function
    for function in (attribution, plainest, accusations, power, disguised, alike, bases, ratio, known, canaries, cost)
}
"""What a marker `forensics NAME` may name."""
