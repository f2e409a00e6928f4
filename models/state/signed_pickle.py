"""Seals: the few River objects that must be kept can only be pickled, and a pickle runs code when it is read.

A sealed model is `tag | length | header | pickle`. The tag is HMAC-SHA256 over the rest and is verified before a byte is unpickled.
The header (JSON) says layout, class, River's version and what the state is of, so that a state of ours in the wrong place, or of
another version, is refused too. As a second wall only classes of River, of `models` and a few of Python's own can be made.
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

LAYOUT = 1
"""Version of what is sealed. A change of a detector's attributes is a new layout: older states start cold."""

MOST_BYTES = 64 * 1024 * 1024
"""Largest sealed state: 256 routers need about 8 MB."""

T = TypeVar("T")

_TAG = hashlib.sha256().digest_size
_LENGTH = struct.Struct(">I")
_SHORTEST_KEY = 16
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
    """A stored model carries no seal of ours, or cannot be sealed. It is refused and starts cold."""


def seal(obj: object, key: bytes, name: str = "") -> bytes:
    """Return the state of a detector from `models.detectors`, sealed with `key` (at least 16 bytes) as the state of `name`.

    Raises SealError when the object is no detector of ours, or its state is over MOST_BYTES.
    """
    if not type(obj).__module__.startswith("models.detectors."):
        raise SealError(f"only detectors of models.detectors are sealed, not {type(obj).__name__}")
    header = json.dumps(_header(type(obj), name), sort_keys=True).encode()
    body = _LENGTH.pack(len(header)) + header + pickle.dumps(obj, protocol=5)
    if len(body) + _TAG > MOST_BYTES:
        raise SealError(f"state of {type(obj).__name__} has {len(body)} bytes, more than {MOST_BYTES}: bound the detector")
    return _mac(key, body) + body


def unseal(data: bytes, key: bytes, kind: type[T], name: str = "") -> T:
    """Return the detector of class `kind` that was sealed as the state of `name`.

    Raises SealError when the bytes are too many, were not sealed with this key, or hold another class, name, layout or version.
    """
    if len(data) > MOST_BYTES:
        raise SealError(f"sealed state of {len(data)} bytes is over the bound of {MOST_BYTES}: refused")
    tag, body = data[:_TAG], data[_TAG:]
    if len(body) < _LENGTH.size or not hmac.compare_digest(tag, _mac(key, body)):
        raise SealError(f"sealed state of {kind.__name__} does not carry our seal: refused, the detector starts cold")
    size = _LENGTH.unpack_from(body)[0]
    found = json.loads(body[_LENGTH.size : _LENGTH.size + size])
    if found != _header(kind, name):
        raise SealError(f"sealed state is of {found}, expected {_header(kind, name)}: the detector starts cold")
    return _read(body[_LENGTH.size + size :], kind)


def _header(kind: type, name: str) -> dict[str, Any]:
    return {"layout": LAYOUT, "class": f"{kind.__module__}.{kind.__qualname__}", "river": version("river"), "name": name}


def _mac(key: bytes, body: bytes) -> bytes:
    if len(key) < _SHORTEST_KEY:
        raise SealError(f"seal key of {len(key)} bytes: set one of at least {_SHORTEST_KEY} bytes")
    return hmac.digest(key, body, hashlib.sha256)


def _read(data: bytes, kind: type[T]) -> T:
    obj = _Unpickler(io.BytesIO(data)).load()
    if not isinstance(obj, kind):
        raise SealError(f"sealed state holds a {type(obj).__name__}, expected {kind.__name__}: the detector starts cold")
    return obj


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return a class that a detector's state may hold."""
        ours = module_name.split(".", maxsplit=1)[0] in {"river", "models"} and "." not in global_name
        found = super().find_class(module_name, global_name) if ours or (module_name, global_name) in _PYTHON else None
        if not isinstance(found, type):
            raise SealError(f"sealed state asks for {module_name}.{global_name}: refused, the detector starts cold")
        return found
