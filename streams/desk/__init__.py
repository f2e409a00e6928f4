"""The desk: a small web application where analysts work cases. It reads ClickHouse, and sends what people do as signed records."""
