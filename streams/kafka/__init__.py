"""Apache Kafka as its clients meet it: record batches of strangers, unpacked within bounds, and ranges of a topic read again."""
