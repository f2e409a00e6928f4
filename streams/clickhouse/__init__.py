"""Where results go: ClickHouse, through `clickhouse-driver` and the native protocol."""
