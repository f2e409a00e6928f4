"""A split removes the links of an entity or of a merged case, and names the case that it makes."""

from __future__ import annotations

import subprocess
import sys

from streams.cases.splitting import links_to_remove, named, split_off
from streams.schema.cases import Link

OWN = Link("extraction:account:ada", 1.0, "", None)
MERGED = Link("extraction:account:bob", 2.0, "", "case-2")


def test_an_entity_is_named_with_or_without_its_behaviour_and_a_merged_case_by_its_id() -> None:
    links = [OWN, MERGED]
    assert links_to_remove(links, "account:ada") == links_to_remove(links, "extraction:account:ada") == [OWN]
    assert links_to_remove(links, "case-2") == [MERGED]
    assert links_to_remove(links, "account:eve") == []


def test_a_merged_case_opens_again_and_an_entity_opens_one_that_its_time_names() -> None:
    assert split_off([OWN, MERGED], "case-2", 3.0) == "case-2"
    assert (
        split_off([OWN, MERGED], "account:ada", 3.0)
        == named("extraction:account:ada", 3.0, 1.0)
        != named("extraction:account:ada", 4.0, 1.0)
    )


def test_who_only_looks_at_cases_loads_no_detector() -> None:
    code = "import sys, streams.cases.views.live; print(*[name for name in sys.modules if name.partition('.')[0] in {'river', 'scipy'}])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
