"""Signed pickles: River objects can only be stored as pickles, and a pickle can execute code when it is read.

A sealed model is `tag | length | header | pickle`. The tag is HMAC-SHA256 over the rest and is verified before any byte is unpickled. The
header (JSON) has the layout, the class, River's version and the name of the state, so a genuine state under another name, or of another
version, is refused too. In addition only classes of River, of `models` and a few of Python's own can be unpickled.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import pickle
import struct
from importlib.metadata import version
from typing import Any, TypeVar

LAYOUT_VERSION = 1
"""Version of the sealed state. A change of a detector's attributes needs a new one: older states are refused and start empty."""

MAX_SEALED_BYTES = 64 * 1024 * 1024
"""Size of the largest sealed state; 256 routers need about 8 MB."""

T = TypeVar("T")

_TAG_BYTES = hashlib.sha256().digest_size
_LENGTH = struct.Struct(">I")
_MIN_KEY_BYTES = 16
_PYTHON = {
    ("builtins", "tuple"),
    ("builtins", "set"),
    ("builtins", "float"),
    ("builtins", "int"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("functools", "partial"),
    ("random", "Random"),
}


class SealError(Exception):
    """A stored model has no valid seal, or cannot be sealed. It is refused and starts without experience."""


class OtherStateError(SealError):
    """A stored model is ours, and of another class, name, layout or version of River."""

    def __init__(self, message: str, name: str) -> None:
        """Keep the name under which it was sealed."""
        super().__init__(message)
        self.name = name


def seal(obj: object, key: bytes, name: str = "") -> bytes:
    """Return a detector as sealed bytes.

    Args:
        obj: A detector of `models.detectors`.
        key: Key that signs it, at least 16 bytes.
        name: Name of the state.

    Raises:
        SealError: If the object is not such a detector, the key is too short, or the state has more than MAX_SEALED_BYTES bytes.
    """
    if not type(obj).__module__.startswith("models.detectors."):
        raise SealError(f"only detectors of models.detectors are sealed, not {type(obj).__name__}")
    header = json.dumps(_header(type(obj), name), sort_keys=True).encode()
    body = _LENGTH.pack(len(header)) + header + pickle.dumps(obj, protocol=5)
    if len(body) + _TAG_BYTES > MAX_SEALED_BYTES:
        raise SealError(f"state of {type(obj).__name__} has {len(body)} bytes, more than {MAX_SEALED_BYTES}: bound the detector")
    return _mac(key, body) + body


def unseal(data: bytes, key: bytes, kind: type[T], name: str = "") -> T:
    """Return the detector in sealed bytes.

    Args:
        data: Result of `seal`.
        key: Key that signed it.
        kind: Expected class.
        name: Expected name of the state.

    Raises:
        OtherStateError: If they are ours, and class, name, layout or version differ.
        SealError: If there are too many bytes, or they are not signed with this key.
    """
    if len(data) > MAX_SEALED_BYTES:
        raise SealError(f"sealed state of {len(data)} bytes is over the bound of {MAX_SEALED_BYTES}: refused")
    tag, body = data[:_TAG_BYTES], data[_TAG_BYTES:]
    if len(body) < _LENGTH.size or not hmac.compare_digest(tag, _mac(key, body)):
        raise SealError(f"sealed state of {kind.__name__} does not carry our seal: refused, the detector starts cold")
    size = _LENGTH.unpack_from(body)[0]
    actual = json.loads(body[_LENGTH.size : _LENGTH.size + size])
    if actual != _header(kind, name):
        message = f"sealed state is of {actual}, expected {_header(kind, name)}: the detector starts cold"
        raise OtherStateError(message, str(actual["name"]))
    return _read(body[_LENGTH.size + size :], kind)


def _header(kind: type, name: str) -> dict[str, int | str]:
    return {"layout": LAYOUT_VERSION, "class": f"{kind.__module__}.{kind.__qualname__}", "river": version("river"), "name": name}


def _mac(key: bytes, body: bytes) -> bytes:
    if len(key) < _MIN_KEY_BYTES:
        raise SealError(f"seal key of {len(key)} bytes: set one of at least {_MIN_KEY_BYTES} bytes")
    return hmac.digest(key, body, hashlib.sha256)


def _read(data: bytes, kind: type[T]) -> T:
    obj = _Unpickler(io.BytesIO(data)).load()
    if not isinstance(obj, kind):
        raise SealError(f"sealed state holds a {type(obj).__name__}, expected {kind.__name__}: the detector starts cold")
    return obj


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return a class that a detector's state may contain."""
        is_known = module_name.split(".", maxsplit=1)[0] in {"river", "models"} and "." not in global_name
        kind = super().find_class(module_name, global_name) if is_known or (module_name, global_name) in _PYTHON else None
        if not isinstance(kind, type):
            raise SealError(f"sealed state asks for {module_name}.{global_name}: refused, the detector starts cold")
        return kind
