"""`hydrometer new-alert`: the three files of a new alert rule, with a test that fails until it says what fires."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from dashboards.rule import UID_PREFIX
from dashboards.rules import GROUPS, HEADINGS
from streams.core.errors import HydrometerError
from streams.core.repository import ROOT

MAX_RULE_NAME_CHARACTERS: Final = 40 - len(UID_PREFIX)
"""Letters of a name: Grafana allows a uid 40."""

_RULE: Final = '''"""What the rule is about, in one line."""

from __future__ import annotations

from dashboards.rule import Rule

rule = Rule(
    title="{title}",
    team="{team}",
    severity="ticket",
    question="Say here which question it answers, and what the number is.",
    sql="""
        SELECT process, toFloat64(count()) AS value
        FROM hydrometer.health
        WHERE time > now() - INTERVAL 5 MINUTE
        GROUP BY process ORDER BY process
    """,
    above=1,
    summary="{{process}} has {{value:.0f}}.",
    board="hydrometer-oncall",
)
'''

_TEST: Final = """from __future__ import annotations

from typing import Any


def test_one_sentence_that_says_what_fires(ground: Any) -> None:
    ground.health("lag", 1, agent="accounts", topic="requests", partition="0")
    assert ground.summaries("{name}") == ["say here what the summary of {name} is for these rows"]
"""

_QUERY: Final = """
```sql
SELECT process, max(time) AS newest FROM hydrometer.health GROUP BY process
```
"""


class NameTakenError(HydrometerError):
    """A new rule's name is not a name, or in use."""


def new_alert(name: str, team: str, root: Path = ROOT) -> list[Path]:
    """Write rule, runbook and test of a new alert rule of a `team` (soc, oncall), and return them.

    Raises NameTakenError; nothing is written then.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > MAX_RULE_NAME_CHARACTERS:
        raise NameTakenError(
            f"{name} is not a name for a rule: use at most {MAX_RULE_NAME_CHARACTERS} lower-case letters, digits and underscores, "
            "as late_backup"
        )
    if team not in GROUPS:
        raise NameTakenError(f"there is no team {team}: choose {' or '.join(GROUPS)}")
    title = name.replace("_", " ").capitalize()
    contents = {
        root / f"dashboards/alerts/{name}.py": _RULE.format(title=title, team=team),
        root / f"dashboards/runbooks/{name}.md": _runbook(title),
        root / f"tests/dashboards/alerts/test_{name}.py": _TEST.format(name=name),
    }
    taken = [path for path in contents if path.exists()]
    if taken:
        raise NameTakenError(f"{taken[0].relative_to(root)} is there already: choose another name")
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(contents)


def _runbook(title: str) -> str:
    parts = [f"\n## {heading}\n{_QUERY if heading == HEADINGS[0] else ''}\nSay it here in a few lines.\n" for heading in HEADINGS]
    return f"# {title}\n{''.join(parts)}"
