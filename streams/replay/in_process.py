"""The whole pipeline in one process, without a broker: the same stages, the same partitions, in the order of arrival."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.schema import topics
from streams.stages import erasures
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.stages.stage import Message


class Pipeline:
    """Every stage of every partition. Each message is carried where it belongs before the next block is read."""

    def __init__(
        self, partitions: int, seal_key: bytes, on_message: Callable[[Message], None] = lambda _message: None, policy: Policy | None = None
    ) -> None:
        """Make the stages. `seal_key` seals their River models; `on_message` sees everything that leaves a stage, as the topics would."""
        self.accounts = [Accounts(partition, partitions, seal_key) for partition in range(partitions)]
        self.groups = [Groups(partition, partitions, seal_key) for partition in range(partitions)]
        self.cases = Cases(policy)
        self._on_message = on_message
        self._offsets: Counter[tuple[str, int]] = Counter()

    def feed(self, partition: int, block: bytes) -> None:
        """Carry one block of `requests`, and all that comes of it, through the stages."""
        self._pass_on(Message(topics.REQUESTS, partition, block))

    def erase(self, account: str, time: float) -> None:
        """Erase an account: its requests up to `time` (epoch seconds) are not counted again."""
        home = topics.partition_of(account, len(self.accounts))
        self._pass_on(Message(topics.VERDICTS, home, erasures.command("replay", account, time)))

    def _pass_on(self, first: Message) -> None:
        waiting = deque([first])
        while waiting:
            message = waiting.popleft()
            offset = self._offsets[message.topic, message.partition]
            self._offsets[message.topic, message.partition] += 1
            self._on_message(message)
            waiting.extend(self._apply(message, offset))

    def _apply(self, message: Message, offset: int) -> list[Message]:
        match message.topic:
            case topics.REQUESTS:
                return self.accounts[message.partition].apply(message.value, offset)
            case topics.GROUPS:
                return self.groups[message.partition].apply(message.value, offset)
            case topics.EVIDENCE:
                return self.cases.apply(message.value, offset)
            case topics.VERDICTS:
                return self.accounts[message.partition].apply_feedback(message.value, offset)
        return []
