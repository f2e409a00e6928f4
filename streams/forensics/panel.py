"""The input of every measure: suspect, our model and controls over the items that all of them answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from streams.forensics.answers import Answers, Options
from streams.forensics.errors import AnswersError

MIN_ITEMS: Final = 30
MIN_CONTROLS: Final = 5
LEAST_ANSWERS: Final = 0.9
"""Share of the common items that a control must answer: an incomplete control would cost items of all models."""
DUPLICATE_SHARE: Final = 0.8
"""Two models with this share of identical answers of `DUPLICATE_WORDS` words or more are one model under two names."""
DUPLICATE_WORDS: Final = 15
DUPLICATE_CHOICES: Final = 0.995
OTHER_LANGUAGE_SHARE: Final = 0.4
"""Share of the panel's common words, relative to the panel's median, below which answers are taken for another language's."""
NO_CHOICE: Final = -1
_OPENING_WORDS: Final = 6

Floats = npt.NDArray[np.float64]
Cube = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Panel:
    """Models in the order suspect, our model, controls; items sorted.

    `texts[model][item]` or None; `chosen` (models, items) holds numbers of options, `NO_CHOICE` for none; `right` and `options` (items,).
    `groups` (items,) numbers prompts that are near copies of each other: they are resampled together. `kin[a, b]` marks declared relatives.
    """

    models: tuple[str, ...]
    items: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...] | None
    chosen: Integers | None
    right: Integers | None
    options: Integers | None
    topics: tuple[str, ...] | None
    harvested: Mask | None
    groups: Integers
    kin: Mask
    notes: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """Number of models: suspect, our model and the controls."""
        return len(self.models)

    def of_items(self, kept: Integers) -> Panel:
        """Return the panel over these items (positions)."""
        return Panel(
            self.models,
            tuple(self.items[index] for index in kept),
            None if self.texts is None else tuple(tuple(row[index] for index in kept) for row in self.texts),
            None if self.chosen is None else self.chosen[:, kept],
            None if self.right is None else self.right[kept],
            None if self.options is None else self.options[kept],
            None if self.topics is None else tuple(self.topics[index] for index in kept),
            None if self.harvested is None else self.harvested[kept],
            self.groups[kept],
            self.kin,
            self.notes,
        )


@dataclass(frozen=True)
class Prompts:
    """The prompts by item: texts, topics, and the topics or items that a case harvested."""

    texts: Mapping[str, str] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    harvested: Collection[str] = ()


def text_panel(
    suspect: Answers, teacher: Answers, controls: Sequence[Answers], prompts: Prompts | None = None, kin: Iterable[tuple[str, str]] = ()
) -> Panel:
    """Return the panel of written answers. kin: pairs of models that are alike for another reason.

    Controls that lack a tenth of the items, or are a copy of another, or answer in another language, are left out with a note.
    Raises AnswersError when fewer than 30 items are common or fewer than 5 controls remain.
    """
    prompts = prompts or Prompts()
    common = _common(suspect.model, set(suspect.texts), teacher.model, set(teacher.texts))
    if prompts.texts and not common & prompts.texts.keys():
        raise AnswersError("the answers do not belong to the prompts of --prompts: give the prompts that were asked")
    notes = [
        f"{one.model}: {one.repeated} answers repeat an item; the first of each is used"
        for one in (suspect, teacher, *controls)
        if one.repeated
    ]
    kept: list[Answers] = []
    for control in controls:
        if len(common & control.texts.keys()) < LEAST_ANSWERS * len(common):
            notes.append(f"{control.model} is left out: it answers {len(common & control.texts.keys())} of the {len(common)} common items")
        else:
            kept.append(control)
    for control in kept:
        common &= control.texts.keys()
    if len(common) < MIN_ITEMS:
        raise AnswersError(
            f"only {len(common)} items are answered by all models: at least {MIN_ITEMS} are needed; leave incomplete controls out"
        )
    items = tuple(sorted(common))
    words = {one.model: _common_words(one, items) for one in (suspect, teacher, *kept)}
    kept, left_out = _same_language(suspect.model, teacher.model, kept, words)
    notes += left_out
    by_name = {one.model: one for one in (suspect, teacher, *kept)}
    distinct, left_out = _distinct(list(by_name), lambda one, other: _same_texts(by_name[one], by_name[other], items), DUPLICATE_SHARE)
    notes += left_out
    names = _enough(suspect.model, teacher.model, distinct)
    topics = tuple(prompts.topics.get(item, "") for item in items) if prompts.topics else None
    return Panel(
        models=names,
        items=items,
        texts=tuple(tuple(one.texts[item] for item in items) for one in map(by_name.__getitem__, names)),
        chosen=None,
        right=None,
        options=None,
        topics=topics,
        harvested=_harvested(items, topics, prompts.harvested),
        groups=near_copies([prompts.texts.get(item, "") for item in items]),
        kin=_kin(names, kin),
        notes=tuple(notes),
    )


def options_panel(
    table: Options, suspect: str, teacher: str, controls: Sequence[str] | None = None, kin: Iterable[tuple[str, str]] = ()
) -> Panel:
    """Return the panel of chosen options of columns `suspect` and `teacher`; `controls` are all others unless named.

    kin: pairs of controls that are alike for another reason. Raises AnswersError as `text_panel` does.
    """
    for name in (suspect, teacher, *(controls or ())):
        if name not in table.chosen:
            raise AnswersError(f"the table of options has no model {name}: it has {', '.join(sorted(table.chosen))}")
    answered = {name: {item for item, choice in chosen.items() if choice} for name, chosen in table.chosen.items()}
    common = _common(suspect, answered[suspect], teacher, answered[teacher])
    others = [name for name in (table.chosen if controls is None else controls) if name not in {suspect, teacher}]
    notes = [
        f"{name} is left out: it answers under half of the common items"
        for name in others
        if len(answered[name] & common) < 0.5 * len(common)
    ]
    others = [name for name in others if len(answered[name] & common) >= 0.5 * len(common)]
    items = tuple(sorted(common))
    kept, left_out = _distinct([suspect, teacher, *others], lambda one, other: _same_choices(table, one, other, items), DUPLICATE_CHOICES)
    names = _enough(suspect, teacher, kept)
    number = {
        letter: place
        for place, letter in enumerate(sorted({*table.right.values(), *(c for m in table.chosen.values() for c in m.values() if c)}))
    }
    number[""] = NO_CHOICE
    return Panel(
        models=names,
        items=items,
        texts=None,
        chosen=np.array([[number[table.chosen[name][item]] for item in items] for name in names], dtype=np.int64),
        right=np.array([number[table.right[item]] for item in items], dtype=np.int64),
        options=np.array([table.count[item] for item in items], dtype=np.int64),
        topics=tuple(table.category[item] for item in items),
        harvested=None,
        groups=np.arange(len(items)),
        kin=_kin(names, kin),
        notes=(*notes, *left_out),
    )


def near_copies(texts: Sequence[str]) -> Integers:
    """Return a number (texts,) a group of prompts that open with the same six words; prompts without text are each their own group.

    >>> near_copies(["Write a poem about the sea in spring", "Write a poem about the sea, please", "Why?", "", ""]).tolist()
    [0, 0, 1, 2, 3]
    """
    seen: dict[str, int] = {}
    return np.array(
        [seen.setdefault(" ".join(re.findall(r"\w+", text.lower())[:6]) or f"\0{place}", len(seen)) for place, text in enumerate(texts)]
    )


def _common(suspect: str, asked: set[str], teacher: str, answered: set[str]) -> set[str]:
    if suspect == teacher:
        raise AnswersError(f"{suspect} is compared with itself: name the suspect and our model")
    common = asked & answered
    if not common:
        raise AnswersError(f"{suspect} and {teacher} have no item in common: ask both the same prompts and number them alike")
    if len(common) < MIN_ITEMS:
        raise AnswersError(f"{suspect} and {teacher} have {len(common)} items in common: at least {MIN_ITEMS} are needed, 400 are better")
    return common


def _enough(suspect: str, teacher: str, controls: Sequence[str]) -> tuple[str, ...]:
    if len(controls) < MIN_CONTROLS:
        raise AnswersError(
            f"{len(controls)} control(s) remain, {MIN_CONTROLS} are needed, since no rank p-value is below 1/(controls + 1): add some"
        )
    return suspect, teacher, *controls


def _distinct(models: Sequence[str], alike: Callable[[str, str], float], most: float) -> tuple[list[str], list[str]]:
    """Return the controls without copies of others, and a note for each copy. The first two models are suspect and our model."""
    suspect, teacher, *controls = models
    notes = []
    if (share := alike(suspect, teacher)) >= most:
        notes.append(
            f"{suspect} and {teacher} give {share:.0%} identical answers: one model under two names, or one endpoint that resells the other"
        )
    kept: list[str] = []
    for control in controls:
        twin = next((other for other in (suspect, teacher, *kept) if alike(control, other) >= most), None)
        if twin is None:
            kept.append(control)
        else:
            notes.append(f"{control} is left out: it is {twin} under another name ({alike(control, twin):.0%} identical answers)")
    return kept, notes


def _same_texts(one: Answers, other: Answers, items: Sequence[str]) -> float:
    """Return the share of identical answers among those that both wrote at some length; short answers coincide by themselves."""
    long = [item for item in items[:300] if min(one.texts[item].count(" "), other.texts[item].count(" ")) >= DUPLICATE_WORDS - 1]
    return sum(one.texts[item] == other.texts[item] for item in long) / len(long) if len(long) >= MIN_ITEMS // 3 else 0.0


def _same_choices(table: Options, one: str, other: str, items: Sequence[str]) -> float:
    return sum(table.chosen[one][item] == table.chosen[other][item] for item in items) / len(items)


def _common_words(answers: Answers, items: Sequence[str]) -> Counter[str]:
    return Counter(word for item in items[:200] for word in set(re.findall(r"\w+", answers.texts[item][:400].lower())))


def _same_language(
    suspect: str, teacher: str, controls: list[Answers], words: Mapping[str, Counter[str]]
) -> tuple[list[Answers], list[str]]:
    """Leave out controls without the words that most models use; raise AnswersError when the suspect or our model is without them."""
    votes = Counter(word for counted in words.values() for word, _ in counted.most_common(100))
    usual = {word for word, count in votes.items() if count > len(words) / 2}
    share = {model: sum(counted[word] for word in usual) / max(counted.total(), 1) for model, counted in words.items()}
    least_share = OTHER_LANGUAGE_SHARE * float(np.median(list(share.values())))
    for model in (suspect, teacher):
        if share[model] < least_share:
            raise AnswersError(f"{model} answers in another language than the panel: ask all models in one language")
    notes = [f"{one.model} is left out: it answers in another language" for one in controls if share[one.model] < least_share]
    return [one for one in controls if share[one.model] >= least_share], notes


def _harvested(items: Sequence[str], topics: Sequence[str] | None, harvested: Collection[str]) -> Mask | None:
    if not harvested:
        return None
    marks = np.array([item in harvested or (topics is not None and topics[place] in harvested) for place, item in enumerate(items)])
    if not marks.any():
        raise AnswersError("no common item is of a harvested topic: name items or topics of --prompts in --harvested, one per line")
    return marks


def _kin(models: Sequence[str], pairs: Iterable[tuple[str, str]]) -> Mask:
    index = {model: number for number, model in enumerate(models)}
    kin = np.zeros((len(models), len(models)), dtype=bool)
    for one, other in pairs:
        if one in index and other in index and {index[one], index[other]} != {0, 1}:  # the tested pair is never left out
            kin[index[one], index[other]] = kin[index[other], index[one]] = True
    own_kin = kin[1].copy()
    own_kin[:2] = False
    kin[0] |= own_kin  # another version of our model is not a control of the suspect
    kin[:, 0] |= own_kin
    return kin
