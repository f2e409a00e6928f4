"""`clickhouse-client` as far as clickhouse-driver's suite uses it: one statement, answered over HTTP, printed with tabs.

The server is named by HYDROMETER_PEERS_* in the environment (`run.py` sets them); `--port` is the native port, which is not needed here.
The suite starts it several times a case, so it imports little.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlencode


def main(words: list[str]) -> int:
    """Run the statement. Returns 0, or 1 for what the server refused."""
    given = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    statement = given.pop("query").encode()
    if given.pop("use_client_time_zone", "0") == "1":
        given["session_timezone"] = os.environ["TZ"]
    fields = urlencode({name: value for name, value in given.items() if name not in ("host", "port")})
    user = {"X-ClickHouse-User": os.environ["HYDROMETER_PEERS_USER"], "X-ClickHouse-Key": os.environ["HYDROMETER_PEERS_PASSWORD"]}
    connection = HTTPConnection(os.environ["HYDROMETER_PEERS_HOST"], int(os.environ["HYDROMETER_PEERS_HTTP_PORT"]), timeout=60)
    connection.request("POST", f"/?{fields}", statement, user)
    answer = connection.getresponse()
    (sys.stdout if answer.status < 300 else sys.stderr).buffer.write(answer.read())
    return int(answer.status >= 300)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
