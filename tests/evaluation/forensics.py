"""`make evaluate-forensics`: the forensic measures on real models whose makers said who taught them, as data for the docs.

Held back while building is every model whose name's SHA-256 is a multiple of three; the split was fixed before anything was measured.
The likelihood ratio is fitted on students that were not held back, and its calibration curve is of those that were.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import canaries
import numpy as np
import orjson
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score

from streams.forensics import answers as reading
from streams.forensics import calibration
from streams.forensics.calibration import MAX_EFFECT_DEVIATIONS, Bin, Calibration
from streams.forensics.inference import corroborated, excess, holm, judge
from streams.forensics.measure import all_measures
from streams.forensics.panel import Panel, Prompts, options_panel, text_panel
from streams.testing import figures
from streams.testing.figures import Figures
from streams.testing.real_data import real_data

ROOT = Path(__file__).resolve().parents[2]
MEASURES = ("answer_text", "phrasing", "reasoning_structure")
CHOICES = ("same_wrong_answers", "chance_adjusted_agreement", "rare_choices", "matches_beyond_ability")
JUDGED = (*MEASURES, "corrected", "corroborated")
ACCUSED = 0.01
PROMPTS = (50, 100, 200, 400, 800)

FAMILIES = {  # versions of one model, which count as one candidate
    "gpt-4": "gpt4_0314 gpt4_0613",
    "gpt-4-turbo": "gpt4_1106_preview gpt-4-0125-preview gpt-4o-2024-05-13",
    "gpt-3.5": "gpt-3.5-turbo-0301 gpt-3.5-turbo-0613 gpt-3.5-turbo-1106",
    "davinci": "text_davinci_001 text_davinci_003",
    "claude": "claude claude-2 claude-2.1 claude-instant-1.2",
    "claude-3": "claude-3-opus-20240229 claude-3-sonnet-20240229",
    "gemini": "gemini-pro",
    "cohere": "cohere",
    "mistral-api": "mistral-medium mistral-large-2402",
}
SAID = {  # what makers said without reserve
    "text_davinci_003": "alpaca-7b",
    "claude-2": "claude2-alpaca-13b",
    "gpt-3.5-turbo-0301": "vicuna-7b vicuna-13b vicuna-13b-v1.5 vicuna-33b-v1.3 baize-v2-7b "
    "baize-v2-13b wizardlm-13b ultralm-13b ultralm-13b-v2.0",
    "gpt4_0314": "nous-hermes-13b OpenHermes-2.5-Mistral-7B",
}
SAID_IN_PART = {
    "gpt-3.5-turbo-0301": "wizardlm-13b-v1.2 wizardlm-70b platolm-7b falcon-7b-instruct falcon-40b-instruct phi-2 phi-2-sft "
    "recycled-wizardlm-7b-v2.0 zephyr-7b-alpha zephyr-7b-beta deita-7b-v1.0",
    "gpt4_0314": "airoboros-33b airoboros-65b openchat-13b openchat-v2-13b openchat-v3.1-13b dolphin-2.2.1-mistral-7b",
}
CONTROLS = ("guanaco-", "oasst-", "pythia-12b-mix-sft", "humpback-")
CLAIM_NONE = (
    "chatglm2-6b", "Qwen-14B", "Qwen1.5-72B", "Yi-34B", "deepseek-llm", "internlm2", "baichuan-13b", "llama-2-", "Meta-Llama-3", "gemma-7b",
    "Mistral-7B", "Mixtral-",
)  # fmt: skip
MAKERS = (  # models of one maker or one series: no unrelated pair
    "guanaco-", "oasst-", "humpback-", "llama-2-", "Meta-Llama-3", "vicuna-", "baize-", "wizardlm-",
    "ultralm-", "falcon-", "phi-2", "openchat-",
    "airoboros-", "minichat-", "tulu-", "Qwen", "zephyr-", ("oasst-", "pythia-12b"),
    ("Mistral-7B", "Mixtral-", "mistral-"), ("gemma-", "gemini-"),
    ("claude", "claude"), ("gpt", "text_davinci"),
)  # fmt: skip
LLAMA_2 = (
    "llama-2-", "vicuna-13b-v1.5", "wizardlm-70b", "wizardlm-13b-v1.2", "tulu-2", "ultralm-13b-v2.0", "xwinlm",
    "claude2-alpaca", "openchat-v3.1",
    "platolm", "humpback-llama2", "recycled-wizardlm",
)  # fmt: skip
LINEAGE = (
    ("Mistral-7B-Instruct-v0.1", "Mistral-7B-v0.1"), ("mathstral-7B", "Mistral-7B-v0.1"),
    ("Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3_1-8B"),
    ("Meta-Llama-3_1-70B-Instruct", "Meta-Llama-3_1-70B"), ("Mixtral-8x7B-Instruct-v0.1", "Mixtral-8x7B-v0.1"), ("Yi-6b-Chat", "Yi-6B"),
)  # fmt: skip
BASE_MAKERS = (("Mistral", "mathstral", "Mixtral"), ("Meta-Llama-3",), ("Llama-2",), ("Yi",), ("Qwen",), ("gemini",))
DISGUISED_PROMPTS = 200
CANARY_TEACHER = "gpt4_0314"
CANARY_REST = ("guanaco-33b", "guanaco-65b", "oasst-sft-llama-33b", "tulu-2-dpo-13b")
CANARY_PANEL_STEP = 8
"""Every eighth of the other models is a control of the canaries' check."""


def held_back(model: str) -> bool:
    """Return whether a model was not looked at while building."""
    return int(hashlib.sha256(model.encode()).hexdigest(), 16) % 3 == 0


@dataclass
class Answered:
    """The cubes of all measures over the models of one panel, and what is known of their relations."""

    panel: Panel
    means: Figures
    cubes: Figures
    related: Any
    known_effects: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    """Effects by pair, once computed."""

    def place(self, model: str) -> int:
        """Return where a model stands."""
        return self.panel.models.index(model)

    def effects(self, suspect: str, teacher: str) -> dict[str, float]:
        """Return the effect of each measure."""
        if (suspect, teacher) not in self.known_effects:
            self.known_effects[suspect, teacher] = {name: self._excess(name, suspect, teacher)[0] for name in self.means}
        return self.known_effects[suspect, teacher]

    def p_values(self, suspect: str, teacher: str, cubes: Figures | None = None) -> dict[str, float]:
        """Return the p-value of each measure; prompts are permuted only where the panel's place is below 0.05: the larger counts."""
        found = {}
        for name, cube in (cubes or self.cubes).items():
            p_panel = self._excess(name, suspect, teacher, cube.mean(axis=0, dtype=np.float64) if cubes else None)[1]
            if p_panel < 5 * ACCUSED:
                kin, pair = self._kin(suspect, teacher), (self.place(suspect), self.place(teacher))
                found[name] = judge(cube, self._groups(cube), kin, np.random.default_rng(1), pair=pair).p
            else:
                found[name] = p_panel
        return found

    def _groups(self, cube: Any) -> Any:
        return self.panel.groups if len(cube) == len(self.panel.groups) else np.arange(len(cube))

    def _excess(self, name: str, suspect: str, teacher: str, mean: Any = None) -> tuple[float, float]:
        pair = self.place(suspect), self.place(teacher)
        found = excess((self.means[name] if mean is None else mean)[None].astype(np.float32), self._kin(suspect, teacher), *pair)
        pairs = found.scaled[np.triu_indices(self.panel.size, 1)]
        return float(found.mean[pair]) / found.spread, float((pairs[~np.isnan(pairs)] >= found.scaled[pair] - 1e-9).mean())

    def _kin(self, suspect: str, teacher: str) -> Any:
        one, other = self.place(suspect), self.place(teacher)
        kin = self.related.copy()
        versions = [self.place(model) for model in versions_of(teacher) if model in self.panel.models and model not in {teacher, suspect}]
        kin[one, versions] = kin[versions, one] = True
        kin[one, other] = kin[other, one] = False
        return kin


def versions_of(model: str) -> list[str]:
    """Return the versions of a candidate, itself included."""
    return next((versions.split() for versions in FAMILIES.values() if model in versions.split()), [model])


def starts(model: str, beginnings: Iterable[str]) -> bool:
    """Return whether a name starts with one of these."""
    return model.startswith(tuple(beginnings))


def measured(folder: Path) -> Answered:
    """Read the written answers and compute every cube."""
    read = [reading.read_answers(path) for path in reading.files_of(folder)]
    panel = text_panel(read[0], read[1], read[2:], Prompts(reading.read_prompts(folder / "_prompts.jsonl.gz")[0]))
    return measured_panel(panel)


def measured_panel(panel: Panel) -> Answered:
    """Compute every cube of a panel."""
    every = all_measures()
    cubes = {name: every[name].similarity(panel) for name in MEASURES}
    return Answered(panel, {name: cube.mean(axis=0, dtype=np.float64) for name, cube in cubes.items()}, cubes, relations(panel.models))


def relations(models: Sequence[str]) -> Any:
    """Return which pairs are no unrelated ones: one maker's, students of one teacher, and all that makers said."""
    related = np.zeros((len(models), len(models)), dtype=bool)
    groups = [*((entry,) if isinstance(entry, str) else entry for entry in MAKERS)]
    place = {model: number for number, model in enumerate(models)}
    for group in groups:
        inside = [place[model] for model in models if starts(model, group)]
        related[np.ix_(inside, inside)] = True
    for teacher, students in [*SAID.items(), *SAID_IN_PART.items()]:
        for student in students.split():
            for version in versions_of(teacher):
                if student in place and version in place:
                    related[place[student], place[version]] = related[place[version], place[student]] = True
    for teacher in SAID.keys() | SAID_IN_PART.keys():  # students of one teacher look alike too
        inside = [place[s] for s in f"{SAID.get(teacher, '')} {SAID_IN_PART.get(teacher, '')}".split() if s in place]
        related[np.ix_(inside, inside)] = True
    np.fill_diagonal(related, val=False)
    return related


def attribution(found: Answered, known: dict[str, str]) -> Figures:
    """Return how often the teacher's family comes first, and among the first three families, by each measure and by their sum."""
    ranks: dict[str, dict[str, int]] = {}
    for student, teacher in known.items():
        effects = {
            name: {m: found.effects(student, m) for m in versions.split() if m in found.panel.models} for name, versions in FAMILIES.items()
        }
        right = next(name for name, versions in FAMILIES.items() if teacher in versions.split())
        for measure in (*MEASURES, "sum"):
            best = {
                family: max(sum(each.values()) if measure == "sum" else each[measure] for each in by_model.values())
                for family, by_model in effects.items()
                if by_model
            }
            ranks.setdefault(measure, {})[student] = 1 + sum(value > best[right] for value in best.values())
    return {
        measure: {"top1": float(np.mean([r == 1 for r in by.values()])), "top3": float(np.mean([r <= 3 for r in by.values()])), "ranks": by}
        for measure, by in ranks.items()
    }


def candidates(found: Answered) -> list[str]:
    """Return every model that may have taught."""
    return [model for versions in FAMILIES.values() for model in versions.split() if model in found.panel.models]


def strangers(found: Answered, *, held: bool | None) -> list[tuple[str, str]]:
    """Return pairs of which the makers of one say that nobody taught it, without one maker's own."""
    innocent = [m for m in found.panel.models if starts(m, (*CONTROLS, *CLAIM_NONE)) and held in {None, held_back(m)}]
    return [(m, t) for m in innocent for t in candidates(found) if not found.related[found.place(m), found.place(t)]]


def false_pairs(found: Answered, known: dict[str, str]) -> list[tuple[str, str]]:
    """Return students with candidates of other makers' than their teacher."""
    return [
        (s, t)
        for s in known
        for t in candidates(found)
        if not found.related[found.place(s), found.place(t)] and t not in versions_of(known[s])
    ]


def fit(found: Answered, known: dict[str, str]) -> Calibration:
    """Fit the likelihood ratio on students that were not held back, and its curve on those that were."""
    build = {s: t for s, t in known.items() if not held_back(s)}
    held = {s: t for s, t in known.items() if held_back(s)}
    true, false = vectors(found, build.items()), vectors(found, [*strangers(found, held=False), *false_pairs(found, build)])
    weights, intercept = fitted_weights(np.concatenate([true, false]), np.array([1.0] * len(true) + [0.0] * len(false)))
    prior = math.log(len(true) / len(false))
    made = Calibration(
        weights=dict(zip(MEASURES, (round(weight, 4) for weight in weights), strict=True)),
        intercept=round(intercept - prior, 4),
        known_pairs=len(true),
        unrelated_pairs=len(false),
        fewest_controls=40,
        fewest_items=400,
        largest_log_ratio=round(math.log(len(true)), 4),
        curve=(),
    )
    test_true, test_false = vectors(found, held.items()), vectors(found, [*strangers(found, held=True), *false_pairs(found, held)])
    logs = np.array([calibration.log_ratio(dict(zip(MEASURES, row, strict=True)), made) for row in np.concatenate([test_true, test_false])])
    logs = np.clip(logs, -made.largest_log_ratio, made.largest_log_ratio)
    is_true = np.array([True] * len(test_true) + [False] * len(test_false))
    expected = 1.0 / (1.0 + np.exp(-(logs + math.log(len(test_true) / len(test_false)))))
    order = np.array_split(np.argsort(expected), 5)
    curve = tuple(Bin(len(part), round(float(expected[part].mean()), 4), round(float(is_true[part].mean()), 4)) for part in order)
    return Calibration(**{**asdict(made), "curve": curve})


def fitted_weights(effects: Any, labels: Any) -> tuple[list[float], float]:
    """Return weights and intercept of a logistic regression with a penalty of half the weights' squares, where no weight is below 0.

    effects: (pairs, measures). labels: (pairs,), 1 for a known pair, else 0.
    """

    def loss(parameters: Any) -> tuple[float, Any]:
        scores = effects @ parameters[:-1] + parameters[-1]
        residual = 1.0 / (1.0 + np.exp(-scores)) - labels
        slope = np.append(effects.T @ residual + parameters[:-1], residual.sum())
        return float((np.logaddexp(0.0, scores) - labels * scores).sum() + 0.5 * (parameters[:-1] ** 2).sum()), slope

    count = effects.shape[1]
    best = minimize(loss, np.zeros(count + 1), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * count + [(None, None)])
    return [float(weight) for weight in best.x[:-1]], float(best.x[-1])


def vectors(found: Answered, pairs: Iterable[tuple[str, str]]) -> Any:
    """Return the effects of pairs, (pairs, measures), cut at 6 standard deviations."""
    return np.clip([[found.effects(s, t)[name] for name in MEASURES] for s, t in pairs], -MAX_EFFECT_DEVIATIONS, MAX_EFFECT_DEVIATIONS)


def aucs(found: Answered, known: dict[str, str]) -> dict[str, float]:
    """Return the area under the curve of true against false pairs, by measure and for their sum."""
    true, false = vectors(found, known.items()), vectors(found, [*false_pairs(found, known), *strangers(found, held=None)])
    labels = [1] * len(true) + [0] * len(false)
    both = np.concatenate([true, false])
    return {
        **{name: float(roc_auc_score(labels, both[:, place])) for place, name in enumerate(MEASURES)},
        "sum": float(roc_auc_score(labels, both.sum(axis=1))),
    }


def accusations(found: Answered, pairs: Sequence[tuple[str, str]]) -> Figures:
    """Return how many pairs are accused at p < 0.01, and which: by a measure alone, corrected over the three, and by two of the three."""
    accused: dict[str, list[str]] = {name: [] for name in JUDGED}
    for suspect, teacher in pairs:
        values = found.p_values(suspect, teacher)
        for name, value in values.items():
            if value < ACCUSED:
                accused[name].append(f"{suspect} -> {teacher}")
        if min(holm(list(values.values()))) < ACCUSED:
            accused["corrected"].append(f"{suspect} -> {teacher}")
        if two_agree(values) < ACCUSED:
            accused["corroborated"].append(f"{suspect} -> {teacher}")
    return {"pairs": len(pairs), **{name: {"accused": len(each), "which": each} for name, each in accused.items()}}


def only_controls(found: Answered, of_sets: Sequence[Figures]) -> Figures:
    """Return what `accusations` found for models that were trained on people's answers or on their own."""
    which = {name: [pair for each in of_sets for pair in each[name]["which"] if starts(pair, CONTROLS)] for name in JUDGED}
    pairs = sum(starts(suspect, CONTROLS) for suspect, _ in strangers(found, held=None))
    return {"pairs": pairs, **{name: {"accused": len(each), "which": each} for name, each in which.items()}}


def two_agree(values: dict[str, float]) -> float:
    """Return the p-value that at least two of the measures show an excess."""
    return corroborated(list(values.values())) or 0.0


def power(found: Answered, known: dict[str, str]) -> list[Figures]:
    """Return the share of known pairs on which two measures agree (p < 0.01), and of teachers first and among three, by prompts."""
    rows = []
    for count in PROMPTS:
        kept = np.random.default_rng(count).permutation(len(found.panel.items))[: min(count, len(found.panel.items))]
        part = Answered(found.panel.of_items(kept), {}, {name: cube[kept] for name, cube in found.cubes.items()}, found.related)
        part.means = {name: cube.mean(axis=0, dtype=np.float64) for name, cube in part.cubes.items()}
        detected = [two_agree(part.p_values(s, t)) < ACCUSED for s, t in known.items()]
        tops = attribution(part, known)
        rows.append({"prompts": len(kept), "detected": float(np.mean(detected)), "top1": tops["sum"]["top1"], "top3": tops["sum"]["top3"]})
    return rows


def first_sentence(answer: str) -> str:
    """Return the first sentence alone."""
    return re.split(r"(?<=[.!?])\s", answer.strip(), maxsplit=1)[0]


def reversed_sentences(answer: str) -> str:
    """Return the sentences from last to first."""
    return " ".join(reversed(re.split(r"(?<=[.!?])\s+", answer.strip())))


DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "first sentence alone": first_sentence,
    "sentences reversed": reversed_sentences,
    "every third word left out": canaries.thinned,
}


def disguised(found: Answered, known: dict[str, str]) -> Figures:
    """Return what remains on 200 prompts when all students rewrite their answers: detected, teacher first, and each p-value."""
    kept = np.random.default_rng(DISGUISED_PROMPTS).permutation(len(found.panel.items))[:DISGUISED_PROMPTS]
    panel = found.panel.of_items(kept)
    rows = {}
    for title, rewrite in DISGUISES.items():
        texts = tuple(
            tuple(map(rewrite, row)) if model in known else row for model, row in zip(panel.models, panel.texts or (), strict=True)
        )
        part = measured_panel(replace(panel, texts=texts))
        values = {s: two_agree(part.p_values(s, t)) for s, t in known.items()}
        tops = attribution(part, known)["sum"]
        detected = float(np.mean([p < ACCUSED for p in values.values()]))
        rows[title] = {"detected": detected, "top1": tops["top1"], "top3": tops["top3"], "p": values}
    return rows


def looks_alike(found: Answered) -> dict[str, dict[str, float]]:
    """Return the mean effects of pairs that share a base or a habit and no teacher, beside all unrelated pairs."""
    models = found.panel.models
    words = {m: np.median([a.count(" ") + 1 for a in row]) for m, row in zip(models, found.panel.texts or (), strict=True)}
    short = [m for m in models if words[m] < 60]
    llama = [m for m in models if starts(m, LLAMA_2)]
    open_models = [m for m in models if m not in candidates(found)]
    groups = {"unrelated open models": open_models, "both on Llama 2": llama, "both answer in under 60 words (median)": short}
    told = {}
    for title, group in groups.items():
        pairs = [(a, b) for place, a in enumerate(group) for b in group[place + 1 :] if not found.related[found.place(a), found.place(b)]]
        rows = vectors(found, pairs)
        told[title] = {"pairs": len(pairs), **dict(zip(MEASURES, rows.mean(axis=0).tolist(), strict=True))}
    return told


def one_maker(models: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of models of one maker, which count as one candidate."""
    return [(a, b) for maker in BASE_MAKERS for a, b in combinations([m for m in models if m.startswith(maker)], 2)]


def lineage(table: reading.Options) -> Figures:
    """Return for each known model and base: the rank of the base among other makers' models by each measure of choices, and the p-value."""
    rows: Figures = {}
    every = all_measures()
    for child, base in LINEAGE:
        panel = options_panel(table, child, base, kin=one_maker(sorted(table.chosen)))
        row = {}
        for name in CHOICES:
            cube = every[name].similarity(panel)
            found = judge(cube, panel.groups, panel.kin, np.random.default_rng(1))
            makers = closest_makers(panel, cube)
            row[name] = {"rank": found.teacher_rank, "p": found.p, "effect": found.effect, "maker_rank": 1 + makers.index(maker_of(base))}
        rows[f"{child} -> {base}"] = row
    return rows


def closest_makers(panel: Panel, cube: Any) -> list[str]:
    """Return the makers by how close their closest model is to the suspect, the closest first."""
    mean = cube.mean(axis=0, dtype=np.float64)[None].astype(np.float32)
    effects: dict[str, float] = {}
    for place in range(1, panel.size):
        maker, effect = maker_of(panel.models[place]), float(excess(mean, panel.kin, 0, place).mean[0, place])
        effects[maker] = max(effect, effects.get(maker, effect))
    return sorted(effects, key=effects.__getitem__, reverse=True)


def maker_of(model: str) -> str:
    """Return the maker of a base model's panel; a model alone is its own."""
    return next((names[0] for names in BASE_MAKERS if model.startswith(names)), model)


def cost(data: Path) -> dict[str, float]:
    """Return the CPU seconds and peak memory of one whole comparison of 80 models on 805 prompts, in a process of its own."""
    folder = data / "alpaca_eval"
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "streams",
        "forensics",
        "compare",
        folder / "alpaca-7b.jsonl.gz",
        folder / "text_davinci_003.jsonl.gz",
    ]
    subprocess.run([*command, "--controls", folder], check=True, capture_output=True, cwd=ROOT)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    return {"cpu_seconds": round(cpu, 1), "peak_gb": round(ended.ru_maxrss / 1e6, 2)}


def canary_power(panel: Panel) -> canaries.Power:
    """Return how often canaries are found in simulated students."""
    answers = dict(zip(panel.models, panel.texts or (), strict=True))
    controls = [model for model in panel.models if model not in {CANARY_TEACHER, *CANARY_REST}][::CANARY_PANEL_STEP]
    return canaries.power(answers, CANARY_TEACHER, CANARY_REST, controls)


def main() -> None:
    """Measure everything, write the figures and the calibration."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=real_data("data/forensics"))
    data = options.parse_args().data
    if data is None or not data.exists():
        sys.exit("error: no folder of real answers: give it with --data, or its parent's parent as HYDROMETER_SHARED")
    began = time.monotonic()
    told: Figures = {"cost": cost(data)}
    found = measured(data / "alpaca_eval")
    print(f"{time.monotonic() - began:5.0f} s  cubes", flush=True)
    said = {student: teacher for teacher, students in SAID.items() for student in students.split()}
    known = said | {student: teacher for teacher, students in SAID_IN_PART.items() for student in students.split()}
    sets = {
        "held back": {s: t for s, t in known.items() if held_back(s)},
        "built with": {s: t for s, t in known.items() if not held_back(s)},
        "said without reserve": said,
    }
    told["sets"] = {name: list(pairs) for name, pairs in sets.items()}
    told["attribution"] = {name: attribution(found, pairs) for name, pairs in sets.items()}
    told["auc"] = {name: aucs(found, pairs) for name, pairs in sets.items()}
    print(f"{time.monotonic() - began:5.0f} s  attribution", flush=True)
    told["accusations"] = {
        "held back": accusations(found, strangers(found, held=True)),
        "built with": accusations(found, strangers(found, held=False)),
    }
    told["accusations"]["controls"] = only_controls(found, list(told["accusations"].values()))
    print(f"{time.monotonic() - began:5.0f} s  accusations", flush=True)
    told["known"] = {f"{s} -> {t}": {"p": found.p_values(s, t), "effect": found.effects(s, t)} for s, t in known.items()}
    told["floor"] = {
        f"{s} -> {t}": {
            "p": found.p_values(s, t),
            "corroborated": two_agree(found.p_values(s, t)),
            "rank": told["attribution"]["said without reserve"]["answer_text"]["ranks"][s],
        }
        for s, t in (("alpaca-7b", "text_davinci_003"), ("claude2-alpaca-13b", "claude-2"))
    }
    told["power"] = power(found, said)
    print(f"{time.monotonic() - began:5.0f} s  power", flush=True)
    told["disguised"] = disguised(found, said)
    print(f"{time.monotonic() - began:5.0f} s  disguises", flush=True)
    told["alike"] = looks_alike(found)
    told["canaries"] = canary_power(found.panel)
    print(f"{time.monotonic() - began:5.0f} s  canaries", flush=True)
    told["lineage"] = lineage(reading.read_options(data / "mmlu_pro_answers.csv.gz"))
    fitted = fit(found, known)
    told["calibration"] = asdict(fitted)
    calibration.FILE.write_bytes(orjson.dumps(asdict(fitted), option=orjson.OPT_INDENT_2) + b"\n")
    written = figures.write("evaluate-forensics", told, command="make evaluate-forensics")
    print(f"{time.monotonic() - began:5.0f} s  wrote {written.relative_to(ROOT)}, {calibration.FILE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
