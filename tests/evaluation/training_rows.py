"""What the judgement of groups' members is trained on: members of groups at moments in the worlds of several authors, with the truth.

The rows are kept beside the code (`FILE`), so that training can be repeated where the authors' scripts are not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from streams.stages.groups.model_inputs import INPUT_NAMES

FILE: Final = Path(__file__).with_name("training_rows.parquet")
_ORIGINS: Final = b"recorded_by"

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """Members of groups at moments, to train on and to judge by; arrays are (rows,)."""

    author: NDArray[np.str_]
    world: NDArray[np.str_]
    account: NDArray[np.str_]
    crew: NDArray[np.str_]
    """Persona, or campaign, in its world."""
    kind: NDArray[np.str_]
    """Persona of a crowd or campaign: what is left out together."""
    moment: NDArray[np.intp]
    """Number of the group at a moment."""
    guilty: Mask
    tellable: Mask
    inputs: Floats
    """(rows, inputs)."""

    def take(self, rows: Mask) -> Rows:
        """Return these rows."""
        return Rows(*(getattr(self, item.name)[rows] for item in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of all parts."""
        starts = np.cumsum([0, *(int(part.moment.max(initial=-1)) + 1 for part in parts)])
        shifted = [Rows(**{item.name: getattr(part, item.name) for item in fields(part)} | {"moment": part.moment + start})
                   for part, start in zip(parts, starts.tolist(), strict=False)]  # fmt: skip
        return cls(*(np.concatenate([getattr(part, item.name) for part in shifted]) for item in fields(cls)))

    def write(self, recorded_by: Mapping[str, str], path: Path = FILE) -> None:
        """Write the rows. recorded_by: the revision of the code that recorded each world."""
        named = {item.name: pa.array(getattr(self, item.name)) for item in fields(self) if item.name != "inputs"}
        _, accounts = np.unique(np.char.add(self.world, self.account), return_inverse=True)
        named["account"] = pa.array(accounts.astype(str))  # who it was in its world is of no use here
        short = {name: column.dictionary_encode() if pa.types.is_string(column.type) else column for name, column in named.items()}
        table = pa.table(short | {name: pa.array(self.inputs[:, column]) for column, name in enumerate(INPUT_NAMES)})
        pq.write_table(
            table.replace_schema_metadata({_ORIGINS: orjson.dumps(dict(recorded_by))}), path, compression="zstd", compression_level=19
        )

    @classmethod
    def read(cls, path: Path = FILE) -> tuple[Rows, dict[str, str]]:
        """Return the rows, and the revision that recorded each world. Raises KeyError where an input of today was not recorded."""
        table = pq.read_table(path)
        named = {item.name: table[item.name].to_numpy() for item in fields(cls) if item.name != "inputs"}
        texts = {name: values.astype(str) if values.dtype == object else values for name, values in named.items()}
        inputs = np.column_stack([table[name].to_numpy() for name in INPUT_NAMES])
        return cls(**texts, inputs=inputs), orjson.loads(table.schema.metadata[_ORIGINS])
