"""`hydrometer local`: ClickHouse's own engine behind its own protocols, and a Kafka-protocol broker, for one machine.

Reading order: `wire` (numbers, strings), `passage`, `layouts`, `native` (blocks), `frames` (compression), `sql` (what a statement is),
`engine` (chdb), `channel`, `request`, `session` (one native client), `web` (HTTP), `server` (both listeners), `process` (the server as
a child), `broker` (Kafka's protocol in memory).
"""
