"""`hydrometer local`: ClickHouse's own engine behind its own protocols, and a Kafka-protocol broker, for one machine.

Reading order: `wire` (bytes), `native` (blocks), `frames` (compression), `sql` (what a statement is), `engine` (chdb),
`session` (one native client), `web` (HTTP), `server` (both listeners), `process` (the server as a child), `broker` (Kafka).
"""
