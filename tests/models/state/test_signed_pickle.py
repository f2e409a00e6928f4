from __future__ import annotations

import hashlib
import hmac
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detectors.baseline import Baseline
from models.detectors.population import Population
from models.state import signed_pickle as seals
from models.state.signed_pickle import SealError, seal, unseal

KEY = b"a key of at least 16 bytes"
LIMITS = {"rate": (0.0, 10.0)}


def sealed() -> bytes:
    model = Baseline(LIMITS)
    model.learn_one({"rate": 3.0})
    return seal(model, KEY, "accounts/0")


def forged(payload: bytes, **changes: Any) -> bytes:
    """Seal any pickle with the right key, as a bug of ours or a thief of the key would."""
    header = json.dumps({**seals._header(Baseline, ""), **changes}, sort_keys=True).encode()
    body = struct.pack(">I", len(header)) + header + payload
    return hmac.digest(KEY, body, hashlib.sha256) + body


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_what_was_sealed_opens_as_it_was() -> None:
    again = unseal(sealed(), KEY, Baseline, "accounts/0")
    assert again._past == {"rate": (3.0, 0.0, 1.0)}


@given(st.integers(0, len(sealed()) - 1), st.integers(1, 255))
def test_a_single_changed_byte_is_refused(place: int, change: int) -> None:
    data = bytearray(sealed())
    data[place] ^= change
    with pytest.raises(SealError, match="does not carry our seal"):
        unseal(bytes(data), KEY, Baseline, "accounts/0")


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SealError, match="does not carry our seal"):
        unseal(data, KEY, Baseline)


def test_a_cut_state_and_another_key_are_refused() -> None:
    for data, key in ((sealed()[:-1], KEY), (sealed()[:40], KEY), (sealed(), b"some other key of ours")):
        with pytest.raises(SealError, match="starts cold"):
            unseal(data, key, Baseline, "accounts/0")


def test_a_plain_pickle_is_refused_before_it_can_run(tmp_path: Path) -> None:
    with pytest.raises(SealError):
        unseal(pickle.dumps(Evil(tmp_path / "ran")), KEY, Baseline)
    assert not (tmp_path / "ran").exists()


def test_even_under_our_seal_only_classes_of_detectors_are_made(tmp_path: Path) -> None:
    with pytest.raises(SealError, match=r"asks for posix\.mkdir"):
        unseal(forged(pickle.dumps(Evil(tmp_path / "ran"))), KEY, Baseline)
    with pytest.raises(SealError, match=r"asks for river\.checks\.check_estimator"):
        unseal(forged(b"criver.checks\ncheck_estimator\n."), KEY, Baseline)
    assert not (tmp_path / "ran").exists()


def test_a_state_of_another_name_class_layout_or_version_is_refused() -> None:
    state = pickle.dumps(Baseline(LIMITS))
    assert unseal(forged(state), KEY, Baseline).limits == LIMITS
    for data in (sealed(), forged(state, layout=0), forged(state, river="0.1"), seal(Population(LIMITS), KEY)):
        with pytest.raises(SealError, match="starts cold"):
            unseal(data, KEY, Baseline)
    with pytest.raises(SealError, match="holds a Baseline, expected Population"):
        unseal(forged(state, **seals._header(Population, "")), KEY, Population)


def test_only_detectors_of_ours_are_sealed_with_a_real_key() -> None:
    with pytest.raises(SealError, match="not dict"):
        seal({}, KEY)
    with pytest.raises(SealError, match="at least 16 bytes"):
        seal(Baseline(LIMITS), b"short")


def test_a_state_over_the_bound_is_refused_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sealed()
    monkeypatch.setattr(seals, "MAX_SEALED_BYTES", 100)
    with pytest.raises(SealError, match="bound the detector"):
        sealed()
    with pytest.raises(SealError, match="over the bound"):
        unseal(data, KEY, Baseline, "accounts/0")
