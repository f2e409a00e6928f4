"""Keyed sketches: the replacement of a prompt's text, which is dropped.

From sketches one can compute whether two prompts are similar, whether their openings are equal, roughly their topic, and whether they ask
for reasoning, grades or trajectories. The key never leaves `collect`, so a dictionary of likely prompts cannot be tried on sketches. (The
hash is fast, but not a MAC: an attacker who can send chosen prompts *and* read their sketches could attack the key. Rotate the key.)

Shingles are windows of 12 bytes over UTF-8, in any language, of the first 4 KiB and the last 1 KiB of the text, in lower case (ASCII), with
digits as 0 and white space as one byte. The sample is the smallest hashes (bottom-k, Broder 1997), so prompts from one template have common
shingles, wherever the template is in the text. The simhash (Charikar 2002) is over the same sample. The topic is the smallest hash among
the stems of long words: the probability that two prompts have the same topic is the Jaccard similarity of their words.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.hashing import cell
from streams.core.errors import SettingsError
from streams.privacy.phrases import GRADING, REASONING, TRAJECTORY
from streams.privacy.pseudonym import hash64
from streams.schema.prompt_sketch import PROMPT_SHINGLES, PROMPT_TOPICS

SKETCH_HEAD_BYTES: Final = 4096
TAIL_BYTES: Final = 1024
OPENING_CHARACTERS: Final = 64
"""Characters of the masked opening in the template's hash."""
KEY_EPOCH: Final = b"sketch/1"
"""Part of the key: a different value changes all sketches."""

Words = NDArray[np.uint64]

_WINDOW_BYTES = 12
_STEM_BYTES = 6
_SAMPLE_HASHES = 32
_MAX_VOTING_HASHES = 64  # samples a prompt that vote on its simhash
_SLICE_BYTES = 96 * 1024  # of text at a time: the work arrays then fit in the processor's cache
_NO_HASH = np.uint64(2**64 - 1)
_LOW48 = np.uint64(2**48 - 1)
_LANES = np.uint64(0x0101010101010101)
_DIGITS = b"0123456789"
_PLAIN = bytes.maketrans(
    string.ascii_uppercase.encode() + _DIGITS + bytes(range(32)), string.ascii_lowercase.encode() + b"0" * len(_DIGITS) + b" " * 32
)
_LETTER = np.array([0x61 <= byte <= 0x7A or byte >= 0x80 for byte in range(256)])  # noqa: PLR2004  (bytes, not magic)
_VARYING = tuple(
    (pattern[:1].encode(), re.compile(pattern.encode())) for pattern in ('"[^"]*"?', "“[^”]*”?", "«[^»]*»?", "`[^`]*`?", "0[0.,]*")
)
_OPENING_SOURCE_CHARACTERS = 2 * OPENING_CHARACTERS
_SCRIPTS = {0x0370: "el", 0x0400: "ru", 0x0590: "he", 0x0600: "ar", 0x0900: "hi", 0x0E00: "th", 0x4E00: "zh", 0xAC00: "ko"}
_SCRIPT = re.compile("[\u0370-\u04ff\u0590-\u06ff\u0900-\u097f\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_KANA = re.compile("[\u3040-\u30ff]")
_SCRIPT_STARTS = sorted(_SCRIPTS)
_ASKS: Final = {"asks_reasoning": REASONING, "asks_grading": GRADING, "asks_trajectory": TRAJECTORY}

SketchColumns = dict[str, NDArray[Any]]
"""The parts of a sketch by name, a row a prompt; `language` is an array of objects, None for unknown."""


class Sketcher:
    """Makes the sketch columns of a block of prompts, under one key."""

    def __init__(self, key: bytes, corpus: frozenset[int] | None = None) -> None:
        """Derive the constants of the hash from the key.

        Args:
            key: Secret key.
            corpus: `corpus_hash` of known public prompts; None if there is no corpus.
        """
        self._key = blake2b(key, person=KEY_EPOCH).digest()
        constants = np.frombuffer(blake2b(b"constants", key=self._key).digest(), np.uint64)
        self._masks, self._factors = constants[:3], constants[3:7] | np.uint64(1)
        self._corpus = corpus
        self._anchors = _Anchors()

    def columns(self, prompts: Sequence[str | None]) -> SketchColumns:
        """Return the sketch columns of these prompts, one row for each; all are unknown for a prompt that is None or empty.

        A text that several rows have is sketched once.
        """
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        columns = self._distinct_columns(list(distinct))
        if len(distinct) == len(prompts):
            return columns
        rows = np.array([distinct[prompt] for prompt in prompts])
        return {name: values[rows] for name, values in columns.items()}

    def _distinct_columns(self, prompts: Sequence[str | None]) -> SketchColumns:
        out = unknown(len(prompts))
        given = [row for row, prompt in enumerate(prompts) if prompt]
        texts = [_capped(prompts[row] or "") for row in given]
        for first, last in _slices(texts):
            self._fill(out, np.array(given[first:last]), texts[first:last])
        for row in given:
            prompt = prompts[row] or ""
            out["template"][row] = self.template(prompt)
            out["language"][row] = language_of(prompt)
        if self._corpus is not None:
            out["known_corpus"][given] = [corpus_hash(prompts[row] or "") in self._corpus for row in given]
        return out

    def template(self, text: str) -> int:
        """Return the keyed hash of a prompt's opening: its first 64 characters after numbers and quotations are masked."""
        opening = _masked(text[:_OPENING_SOURCE_CHARACTERS]).decode("utf-8", "replace")[:OPENING_CHARACTERS]
        return hash64(opening.encode(), self._key, b"template")

    def system(self, text: str | None) -> int:
        """Return the keyed hash of a whole system prompt with masked numbers and quotations; 0 for none."""
        return hash64(_masked(text), self._key, b"system") if text else 0

    def _fill(self, out: SketchColumns, rows: NDArray[np.int64], texts: Sequence[bytes]) -> None:
        texts = [text if len(text) >= _WINDOW_BYTES else text.ljust(_WINDOW_BYTES, b"\x00") for text in texts]
        joined = b"\x00".join(texts) + b"\x00" * _WINDOW_BYTES
        lengths = np.array([len(text) for text in texts])
        starts = np.concatenate(([0], np.cumsum(lengths[:-1] + 1)))
        eight = np.ndarray((len(joined) - 8,), "<u8", joined, strides=(1,)).copy()
        hashes = self._windows(eight, joined)
        sample = _bottom(hashes, starts, lengths)
        shingles = np.where(sample == _NO_HASH, 0, sample)[:, :PROMPT_SHINGLES]
        out["shingles"][rows, : shingles.shape[1]] = shingles
        out["simhash"][rows] = self._simhash(sample)
        out["topic"][rows] = self._topics(eight, joined, starts, shingles[:, 0])
        for name, hits in self._anchors.find(eight, joined, starts, len(texts)).items():
            out[name][rows] = hits

    def _windows(self, eight: Words, joined: bytes) -> Words:
        """Return the hash of the 12 bytes from each position on, (positions,), never 0.

        The text repeats after 4 bytes, so 4 of 8 windows are different:

        >>> joined = b"abcd" * 5
        >>> eight = np.ndarray((len(joined) - 8,), "<u8", joined, strides=(1,)).copy()
        >>> hashes = Sketcher(b"a key of this example")._windows(eight, joined)
        >>> len(hashes), len(set(hashes.tolist()))
        (8, 4)

        Args:
            eight: The 8 bytes from each position on, as numbers.
            joined: The bytes.
        """
        count = len(joined) - _WINDOW_BYTES
        four = np.ndarray((count,), "<u4", joined, offset=8, strides=(1,))
        mixed: Words = (eight[:count] ^ self._masks[0]) * self._factors[0]
        mixed ^= mixed >> np.uint64(29)
        mixed += four
        mixed *= self._factors[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= self._factors[2]
        mixed ^= mixed >> np.uint64(29)
        np.maximum(mixed, np.uint64(1), out=mixed)  # 0 is no hash
        return mixed

    def _simhash(self, sample: Words) -> Words:
        """Vote bit by bit over the samples of a row. Eight counters of a byte each are added at once, in one 64-bit word.

        Two of three samples agree, so the simhash is theirs:

        >>> alike, mixed = Sketcher(b"a key of this example")._simhash(np.array([[7, 7, 7], [7, 7, 9]], np.uint64))
        >>> bool(alike == mixed)
        True

        sample: (rows, samples), all ones for none. Returns (rows,), at least 1.
        """
        votes = np.where(sample == _NO_HASH, np.uint64(0), sample * self._factors[3])[:, :_MAX_VOTING_HASHES]
        votes ^= votes >> np.uint64(31)
        half = (np.minimum((sample != _NO_HASH).sum(axis=1), _MAX_VOTING_HASHES) // 2).astype(np.uint8)
        result = np.zeros(len(sample), np.uint64)
        for bit in range(8):
            counts = ((votes >> np.uint64(bit)) & _LANES).sum(axis=1, dtype=np.uint64)
            yes = (counts.view(np.uint8).reshape(-1, 8) > half[:, None]).astype(np.uint8)
            result |= np.ascontiguousarray(yes).view(np.uint64).reshape(-1) << np.uint64(bit)
        return np.maximum(result, np.uint64(1))

    def _topics(self, eight: Words, joined: bytes, starts: NDArray[np.int64], fallback: Words) -> NDArray[np.float32]:
        """Return the topic of each text, 0..PROMPT_TOPICS - 1, (rows,).

        The same long words in another order and form have the same topic:

        >>> topics = Sketcher(b"a key of this example").columns(["Explain photosynthesis", "Photosynthesis, explained"])["topic"]
        >>> bool(topics[0] == topics[1])
        True

        Args:
            eight: The 8 bytes from each position on, as numbers.
            joined: All texts.
            starts: Position of each text, (rows,).
            fallback: Hash that is used for a text without long words, (rows,).
        """
        letters = _LETTER[np.frombuffer(joined, np.uint8)]
        begins = letters[: len(eight) - _STEM_BYTES].copy()
        begins[1:] &= ~letters[: len(begins) - 1]
        for step in range(1, _STEM_BYTES):
            begins &= letters[step : step + len(begins)]
        positions = np.flatnonzero(begins)
        mixed = ((eight[positions] & _LOW48) ^ self._masks[1]) * self._factors[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= self._factors[2]
        chosen = fallback.copy()
        rows, firsts = np.unique(np.searchsorted(starts, positions, "right") - 1, return_index=True)
        if len(positions):
            chosen[rows] = np.minimum.reduceat(mixed, firsts)
        chosen *= self._factors[0]
        return ((chosen >> np.uint64(32)) % np.uint64(PROMPT_TOPICS)).astype(np.float32)


class _Anchors:
    """Matches all phrases at once: the first six bytes by a table at every position, the rest only after such a match."""

    def __init__(self) -> None:
        self._phrases: dict[int, list[tuple[str, bytes]]] = {}
        for name, phrases in _ASKS.items():
            for phrase in {form for phrase_text in phrases for form in (phrase_text, phrase_text.capitalize())}:
                plain = phrase.encode().translate(_PLAIN)
                self._phrases.setdefault(int.from_bytes(plain[:_STEM_BYTES], "little"), []).append((name, plain))
        self._sorted = np.array(sorted(self._phrases), np.uint64)
        self._table = np.zeros(1 << 16, bool)
        self._table[_slot(self._sorted)] = True

    def find(self, eight: Words, joined: bytes, starts: NDArray[np.int64], count: int) -> dict[str, NDArray[np.float32]]:
        hits = {name: np.zeros(count, np.float32) for name in _ASKS}
        words = eight & _LOW48
        maybe = np.flatnonzero(self._table[_slot(words)])
        near = self._sorted[np.minimum(np.searchsorted(self._sorted, words[maybe]), len(self._sorted) - 1)]
        positions = maybe[near == words[maybe]]
        rows = np.searchsorted(starts, positions, "right") - 1
        for position, row, word in zip(positions.tolist(), rows.tolist(), words[positions].tolist(), strict=True):
            for name, phrase in self._phrases[word]:
                if joined.startswith(phrase, position):
                    hits[name][row] = 1.0
        return hits


def unknown(rows: int) -> SketchColumns:
    """Return the sketch columns of rows with unknown prompts."""
    columns: SketchColumns = {name: np.zeros(rows, np.uint64) for name in ("simhash", "template")}
    columns["shingles"] = np.zeros((rows, PROMPT_SHINGLES), np.uint64)
    columns |= {name: np.full(rows, np.nan, np.float32) for name in ("topic", *_ASKS, "known_corpus")}
    return columns | {"language": np.full(rows, None, object)}


def language_of(text: str) -> str | None:
    """Return the language of a text by its script, as ISO 639-1; None for Latin letters, which many languages use."""
    if text.isascii() or not (match := _SCRIPT.search(text, 0, SKETCH_HEAD_BYTES)):
        return None
    if ("\u3040" <= match[0] <= "\u9fff") and _KANA.search(text, 0, SKETCH_HEAD_BYTES):
        return "ja"
    return _SCRIPTS[_SCRIPT_STARTS[bisect_right(_SCRIPT_STARTS, ord(match[0])) - 1]]


def corpus_hash(text: str) -> int:
    """Return the unkeyed 64-bit hash of a public prompt: SHA-256 of its words in lower case, joined by blanks."""
    return int.from_bytes(sha256(" ".join(text.lower().split()).encode("utf-8", "replace")).digest()[:8], "big")


def load_corpus(path: Path) -> frozenset[int]:
    """Return the `corpus_hash` values in a file, 16 hex digits a line.

    Raises:
        SettingsError: If the file cannot be read, or a line has anything else; the message has its number.
    """
    hashes = set()
    try:
        for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
            if line.strip():
                hashes.add(_hex(line.strip(), path, number))
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the corpus {path} ({type(error).__name__}): it must have 16 hex digits a line"
        raise SettingsError(message) from error
    return frozenset(hashes)


def _hex(word: str, path: Path, number: int) -> int:
    try:
        return int(word, 16)
    except ValueError as error:
        message = f"{path}, line {number}: not 16 hex digits; make them with streams.privacy.sketch.corpus_hash"
        raise SettingsError(message) from error


def _capped(text: str) -> bytes:
    """Return the part of a text that is sketched. Characters are cut before encoding, so a huge text costs nothing."""
    head = text[:SKETCH_HEAD_BYTES].encode("utf-8", "replace")
    if len(text) <= SKETCH_HEAD_BYTES and len(head) <= SKETCH_HEAD_BYTES + TAIL_BYTES:
        return head.translate(_PLAIN)
    tail = text[-TAIL_BYTES:].encode("utf-8", "replace")[-TAIL_BYTES:]
    return (head[:SKETCH_HEAD_BYTES] + b" " + tail).translate(_PLAIN)


def _masked(text: str) -> bytes:
    """Return a text with numbers and quotations, which vary between uses of a template, as a zero, and white space as one blank."""
    plain = text.encode("utf-8", "replace").translate(_PLAIN)
    for mark, varying in _VARYING:
        if mark in plain:
            plain = varying.sub(b"0", plain)
    return b" ".join(plain.split())


def _slices(texts: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Yield first and last index of consecutive runs of texts of limited size."""
    first = size = 0
    for last, text in enumerate(texts):
        if size and size + len(text) > _SLICE_BYTES:
            yield first, last
            first, size = last, 0
        size += len(text)
    if first < len(texts):
        yield first, len(texts)


def _slot(words: Words) -> NDArray[np.int64]:
    return cell(words, 16)


def _bottom(hashes: Words, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Words:
    """Return the smallest distinct hashes of each row, ascending, (rows, width), filled up with ones.

    A row has at least 8 hashes if its text has. Hashes are uniform, so the 8th smallest of n is nearly always below 32/n of the range: only
    those below are sorted. Other rows are computed one by one.

    >>> _bottom(np.array([9, 3, 3, 7, *[0] * 13], np.uint64), np.array([0]), np.array([15]))[0, :4].tolist() == [3, 7, 9, 2**64 - 1]
    True

    Args:
        hashes: Hash of the window at each position of the joined texts.
        starts: Position of each text, (rows,).
        lengths: Bytes of each text, (rows,).
    """
    windows = np.maximum(lengths - _WINDOW_BYTES + 1, 1)
    limits = np.where(windows <= _SAMPLE_HASHES, 2.0**64, _SAMPLE_HASHES / windows * 2.0**64)
    cut = np.minimum(limits, 2.0**64 - 4096).astype(np.uint64)
    positions = np.flatnonzero(hashes[: lengths.sum() + len(lengths) - 1] < np.repeat(cut, lengths + 1)[:-1])
    rows = np.searchsorted(starts, positions, "right") - 1
    own = positions - starts[rows] < windows[rows]  # the last windows of a text extend into the next
    positions, rows = positions[own], rows[own]
    sample = _distinct(_ragged(hashes[positions], rows, len(starts)))
    for row in np.flatnonzero((sample[:, PROMPT_SHINGLES - 1] == _NO_HASH) & (windows > _SAMPLE_HASHES)):
        smallest = np.unique(hashes[starts[row] : starts[row] + windows[row]])[:PROMPT_SHINGLES]
        sample[row, : len(smallest)] = smallest
    return sample


def _ragged(values: Words, rows: NDArray[np.int64], count: int) -> Words:
    """Return the values of sorted rows as a matrix, at least 8 wide, filled up with ones."""
    sizes = np.bincount(rows, minlength=count)
    matrix = np.full((count, max(PROMPT_SHINGLES, int(sizes.max(initial=0)))), _NO_HASH)
    matrix[rows, np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = values
    return matrix


def _distinct(matrix: Words) -> Words:
    """Sort each row and drop repeated values."""
    matrix.sort(axis=1)
    again = matrix[:, 1:] == matrix[:, :-1]
    again &= matrix[:, 1:] != _NO_HASH
    if again.any():
        matrix[:, 1:][again] = _NO_HASH
        matrix.sort(axis=1)
    return matrix
