"""Labels teach triage once there are thirty of both verdicts; until then it says nothing."""

from __future__ import annotations

import pytest

from streams.cases import labels
from streams.cases.triage import opinion, trained
from streams.schema.cases import Opinion, TriageCounts
from streams.schema.labels import LearnedLabel
from streams.testing.case_desk import CaseDesk, an_account

LOUD, CALM = {"content": 6.0, "evenness": 5.0}, {"content": 0.5, "timing": 4.0}


def learned(number: int, verdict: str, families: dict[str, float]) -> LearnedLabel:
    return labels.make("case", f"{verdict}-{number}", verdict, "ada", at=float(number)).learned(families)


def labelled(distilling: int, benign: int) -> list[LearnedLabel]:
    loud = [learned(number, "distilling", LOUD) for number in range(distilling)]
    return loud + [learned(number, "benign", CALM) for number in range(benign)]


@pytest.mark.parametrize(("distilling", "benign"), [(0, 0), (29, 300), (300, 29)])
def test_below_thirty_of_each_it_has_no_opinion(distilling: int, benign: int) -> None:
    found = opinion(trained(labelled(distilling, benign)), LOUD)
    assert found == Opinion(None, TriageCounts(distilling, benign))


def test_with_thirty_of_each_it_tells_the_two_apart() -> None:
    model = trained(labelled(30, 30))
    assert (opinion(model, LOUD).distilling or 0.0) > 0.9
    assert (opinion(model, CALM).distilling or 1.0) < 0.2


def test_the_order_in_which_labels_are_kept_changes_nothing() -> None:
    known = labelled(30, 30)
    assert opinion(trained(known), LOUD) == opinion(trained(known[::-1]), LOUD)


def test_a_label_without_families_teaches_nothing() -> None:
    assert trained([learned(0, "benign", {})]).labels == {False: 0, True: 0}


def test_labels_of_sixty_cases_make_the_next_case_say_what_analysts_would(desk: CaseDesk) -> None:
    for number in range(60):
        guilty = number % 2 == 0
        desk.apply(an_account(f"a{number}", at=float(number), extraction=20.0, families=LOUD if guilty else CALM))
        verdict = "distilling" if guilty else "reseller"
        desk.learn(labels.make("case", desk.versions[-1].case_id, verdict, "ada", at=float(number)))
    desk.apply(an_account("next", at=100.0, extraction=20.0, families=LOUD))
    triage = desk.versions[-1].payload.triage
    assert triage.labels == TriageCounts(30, 30)
    assert triage.distilling is not None
    assert triage.distilling > 0.9


def test_a_label_of_an_account_teaches_by_what_is_known_of_it(desk: CaseDesk) -> None:
    desk.apply(an_account("ada", extraction=10.0, families=LOUD))
    desk.learn(labels.make("account", "ada", "distilling", "ada", at=1.0))
    (label,) = desk.stage.book.labels.values()
    assert label.families["content"] == 6.0
