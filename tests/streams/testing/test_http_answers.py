from __future__ import annotations

import requests

from streams.testing.http_answers import Asked, answering


def test_what_is_asked_reaches_the_answer_and_the_answer_whoever_asked() -> None:
    asked: list[Asked] = []

    def answer(one: Asked) -> tuple[int, bytes]:
        asked.append(one)
        return 418, b"short and stout"

    with answering(answer) as url:
        got = requests.get(f"{url}/pot?size=2", headers={"X-Tea": "green"}, timeout=10)
        posted = requests.post(f"{url}/pot", data=b"leaves", timeout=10)
    assert [(found.status_code, found.content) for found in (got, posted)] == [(418, b"short and stout")] * 2
    assert [(one.path, one.body) for one in asked] == [("/pot?size=2", b""), ("/pot", b"leaves")]
    assert asked[0].headers["X-Tea"] == "green"
