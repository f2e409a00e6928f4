"""The end of the demonstration: what follows from a case when people decide. A step for a gateway to obey, and a bundle for a partner.

The people are played here; all else is what a deployment runs: signed records on Kafka, rows in ClickHouse, `hydrometer enforcement apply`
and `hydrometer export` as processes of their own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import requests

from streams.cases.views.terminal import CaseRow
from streams.core.errors import HydrometerError
from streams.desk import acting
from streams.desk.acting import KafkaOutbox
from streams.desk.sessions import Person
from streams.devserver.process import stop
from streams.devserver.system import System
from streams.schema.actions import Action, EnforcementDecision

ANALYST: Final = Person("ada", "analyst")
APPROVER: Final = Person("bob", "approver")
_OUTSIDER: Final = "an-account-of-no-case"
_APPLY_SECONDS: Final = 1.0
"""How often the demonstration brings its gateway to what is decided."""
_MAX_WAIT_SECONDS: Final = 60.0
_TERMS: Final = {"days": 7.0, "clause": "competing-models", "reason": "the accounts share one script; suspended while we ask their owners"}


class DecisionError(HydrometerError):
    """A decision did not reach its gateway, or a bundle did not verify. The message names the log to read."""


@dataclass(frozen=True)
class Answered:
    """What a gateway answered to one request of an account."""

    account: str
    status: int
    notice: str
    """`served`, or why it was not."""


@dataclass(frozen=True)
class Proposal:
    """A decision, and the action that proposed it: what an undo refers to."""

    decision: EnforcementDecision
    action: Action


def orders_file(system: System) -> Path:
    """Return the file of orders that the demonstration's gateway obeys."""
    return system.folder / "orders.json"


@contextmanager
def applying(system: System) -> Iterator[None]:
    """Bring the gateway's file to what is decided, every second, while the context lasts."""
    command = [sys.executable, "-m", "streams", "enforcement", "apply", "--to", f"litellm={orders_file(system)}"]
    with (system.folder / "enforcement.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--every", f"{_APPLY_SECONDS:g}"],
            env=system.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        stop(process)


def propose(system: System, case: CaseRow) -> Proposal:
    """Propose, as the analyst, to suspend the keys of a case's accounts for a week. Raises BrokerUnavailableError."""
    members = {account: list[str]() for account, member in case.payload.members.items() if member.left_at is None}
    decision = acting.proposal(ANALYST, case.case_id, "suspend_key", members, _TERMS)
    action = acting.action(ANALYST, "propose", case.case_id, decision.decision_id, f"{decision.step} suspend key: {decision.reason}")
    KafkaOutbox(system.settings).send([decision, action])
    return Proposal(decision, action)


def approve(system: System, proposal: Proposal) -> Proposal:
    """Approve a proposal as the approver, and return it as it is then in force. Raises BrokerUnavailableError."""
    decision = acting.approved(APPROVER, proposal.decision)
    KafkaOutbox(system.settings).send([decision, acting.action(APPROVER, "approve", decision.case_id, decision.decision_id)])
    return Proposal(decision, proposal.action)


def undo(system: System, proposal: Proposal) -> None:
    """Undo a decision as the approver. Raises BrokerUnavailableError."""
    decision = acting.undone(APPROVER, proposal.decision)
    KafkaOutbox(system.settings).send([decision, acting.action(APPROVER, "undo", decision.case_id, proposal.action.action_id)])


def ask(address: str, account: str) -> Answered:
    """Send one request of an account to the gateway at this address."""
    answer = requests.post(address, json={"model": "stand-in"}, headers={"Authorization": f"Bearer {account}"}, timeout=10)
    is_served = answer.status_code == HTTPStatus.OK
    return Answered(account, answer.status_code, "served" if is_served else answer.json()["error"])


def ask_both(address: str, decision: EnforcementDecision) -> list[Answered]:
    """Send a request of the first account that a decision is about, and one of an account that it is not about."""
    return [ask(address, name) for name in (min(decision.payload.members), _OUTSIDER)]


def wait_until_answered(address: str, decision: EnforcementDecision, status: HTTPStatus, system: System) -> list[Answered]:
    """Wait until a gateway answers the accounts of a decision with this status, and return its answers.

    Args:
        address: Where requests are sent.
        decision: What is to be obeyed, or was undone.
        status: What its accounts then get.
        system: The system that must not stop meanwhile.

    Raises:
        DecisionError: It does not within a minute.
    """
    give_up = time.monotonic() + _MAX_WAIT_SECONDS
    while (answers := ask_both(address, decision))[0].status != status:
        system.check()
        if time.monotonic() > give_up:
            raise DecisionError(f"the gateway does not answer with HTTP {status} after a minute: read {system.folder}/enforcement.log")
        time.sleep(0.2)
    return answers


def bundle(system: System, case: CaseRow) -> tuple[Path, Path, str]:
    """Export a case as a signed bundle, publish the key, and verify; return folder, key and what `verify` printed. Raises DecisionError."""
    out, key = system.folder / "evidence", system.folder / "hydrometer.pem"
    written = ("--to", "trust team of a partner", "--author", ANALYST.name, "--out", str(out))
    _hydrometer(system, "export", "case", case.case_id, *written)
    key.write_text(_hydrometer(system, "keys", "evidence"), encoding="utf-8")
    return out / case.case_id, key, _hydrometer(system, "export", "verify", str(out / case.case_id), "--key", str(key))


def _hydrometer(system: System, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "streams", *words], env=system.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise DecisionError(f"`hydrometer {' '.join(words[:2])}` failed: {done.stderr.strip()}")
    return done.stdout
