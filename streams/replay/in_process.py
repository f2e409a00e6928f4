"""The whole pipeline in one process, without a broker: the same stages, the same partitions, in the order of arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from streams.cases.policy import Policy
from streams.cases.stage import Cases
from streams.schema import topics
from streams.schema.blocks import Block
from streams.stages import erasures
from streams.stages.accounts.stage import Accounts
from streams.stages.groups.stage import Groups
from streams.stages.stage import GatheringStage, Message

_ORDER: Final = (topics.GROUPS, topics.EVIDENCE, topics.FEEDBACK)
"""The topics that a stage reads, in the order of the flow: all that waits on the first goes on before the next is looked at."""


class Pipeline:
    """Every stage of every partition. What leaves a stage waits, and is applied together with all that waits for the same stage."""

    def __init__(
        self, partitions: int, seal_key: bytes, on_message: Callable[[Message], None] = lambda _message: None, policy: Policy | None = None
    ) -> None:
        """Make the stages. `seal_key` seals their River models; `on_message` sees everything that leaves a stage, as the topics would."""
        self.accounts = [Accounts(partition, partitions, seal_key) for partition in range(partitions)]
        self.groups = [Groups(partition, partitions, seal_key) for partition in range(partitions)]
        self.cases = Cases(policy, seal_key=seal_key)
        self._on_message = on_message
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._gathering: dict[str, Sequence[GatheringStage]] = {topics.GROUPS: self.groups, topics.EVIDENCE: [self.cases]}
        self._waiting: dict[str, list[tuple[Message, int]]] = {topic: [] for topic in _ORDER}
        self._round: set[int] = set()

    def feed(self, partition: int, block: bytes | Block) -> None:
        """Carry one block of `requests`, and all that comes of it, through the stages."""
        self._receive(Message(topics.REQUESTS, partition, block))
        self.drain()

    def feed_round(self, partition: int, block: bytes | Block) -> None:
        """Carry one block of `requests` into its accounts. What comes of a round, a block of each partition, is carried on together.

        A new round begins with the second block of a partition. Call `drain` after the last one.
        """
        if partition in self._round:
            self.drain()
        self._round.add(partition)
        self.carry(partition, block)

    def carry(self, partition: int, block: bytes | Block) -> None:
        """Carry one block of `requests` into its accounts alone. What comes of it waits for `drain`, however many blocks come before."""
        self._receive(Message(topics.REQUESTS, partition, block))

    def drain(self) -> None:
        """Carry all that waits through groups, cases, and back to the accounts."""
        self._round.clear()
        while topic := next((topic for topic in _ORDER if self._waiting[topic]), None):
            waiting, self._waiting[topic] = self._waiting[topic], []
            if topic == topics.FEEDBACK:
                for message, offset in waiting:
                    self._send(self.accounts[message.partition].apply_feedback(message.content, offset))
                continue
            for partition in sorted({message.partition for message, _ in waiting}):
                stage = self._gathering[topic][partition]
                self._send(
                    stage.apply_blocks(
                        [(stage.read(message.content), offset) for message, offset in waiting if message.partition == partition]
                    )
                )

    def settle(self) -> None:
        """Publish what waits for more to change: the log has ended."""
        self._send(self.cases.settle())

    def erase(self, account: str, time: float) -> None:
        """Erase an account: its requests up to `time` (epoch seconds) are not counted again."""
        home = topics.partition_of(account, len(self.accounts))
        self._send([Message(topics.FEEDBACK, home, erasures.command("replay", account, time))])
        self.drain()

    def _receive(self, request: Message) -> None:
        self._on_message(request)
        self._send(self.accounts[request.partition].apply(request.content, self._offset(request)))

    def _send(self, messages: Iterable[Message]) -> None:
        """Let what leaves a stage be seen, and wait where a stage reads it."""
        for message in messages:
            self._on_message(message)
            if message.topic in self._waiting:
                self._waiting[message.topic].append((message, self._offset(message)))

    def _offset(self, message: Message) -> int:
        self._offsets[message.topic, message.partition] += 1
        return self._offsets[message.topic, message.partition] - 1
