"""The checksum of Kafka's record batches (CRC-32C), computed in C also for clients of kafka-python.

kafka-python computes it in Python, byte by byte, unless the package `crc32c` (LGPL) is installed: 7 MB a second, for each batch that
`collect` sends, that a command reads, or that a worker reads again when it takes a partition over. aiokafka, which workers have anyway,
brings a function of its own.
"""

from __future__ import annotations

from aiokafka.record.util import calc_crc32c
from kafka.record import default_records


def compute_in_c() -> None:
    """Let every client of kafka-python in this process compute checksums with aiokafka's function."""
    default_records.calc_crc32c = calc_crc32c
