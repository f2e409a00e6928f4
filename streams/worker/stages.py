"""The stage of each agent, made from the settings."""

from __future__ import annotations

from typing import TypeVar

from models.durations import DAY
from streams.cases.audit_chain import HistoryKey
from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.core.keyring import role_keys
from streams.core.settings import Settings
from streams.schema import topics
from streams.stages.accounts.archive import Retention
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.stages.stage import MakeStage

_Remembering = TypeVar("_Remembering", Accounts, Groups, Cases)


def makers(settings: Settings) -> dict[str, MakeStage]:
    """Return the maker of a partition's stage, by agent."""
    policy = Policy.load(settings.permitted_parties, settings.policy)
    count, key = settings.partitions, settings.seal_key.get_secret_value().encode()
    retention = Retention(kept_seconds=settings.account_days * DAY)
    history_key = HistoryKey(role_keys(settings, "worker")[0])

    def remembering(stage: _Remembering) -> _Remembering:
        """Return a stage that also knows whom it erased under the key before."""
        if settings.seal_key_previous is not None:
            stage.erased.read_also(settings.seal_key_previous.get_secret_value().encode())
        return stage

    return {
        topics.ACCOUNTS_AGENT: lambda partition, archive: remembering(Accounts(partition, count, key, archive, retention=retention)),
        topics.GROUPS_AGENT: lambda partition, _archive: remembering(Groups(partition, count, key)),
        topics.CASES_AGENT: lambda _partition, _archive: remembering(Cases(policy, history_key, key)),
    }
