"""From events to columns: what each column says."""

from __future__ import annotations

import numpy as np

from streams.privacy.normalise import Normaliser, asked_of, instructions_of
from streams.privacy.pseudonym import Pseudonyms
from streams.privacy.sketch import Sketcher
from streams.schema.blocks import Block, decode
from streams.schema.event import Event
from streams.schema.layouts import REQUESTS

SKETCHER = Sketcher(b"sketch key")


def block(*events: Event) -> Block:
    rows = [{"timestamp": 1.0, "event.id": f"e{number}", "account.id": "a", **each} for number, each in enumerate(events)]
    return decode(REQUESTS.encode(Normaliser(b"key", SKETCHER).columns(rows, [1.0] * len(rows))), REQUESTS)


def test_who_it_was_leaves_as_pseudonyms_and_networks() -> None:
    made = block({"api_key.id": "k", "client.address": "192.0.2.9", "gen_ai.conversation.id": "c"}, {})
    assert made.hashes("api_key").tolist() == [Pseudonyms(b"key").of("api_key")("k"), 0]
    assert made.hashes("client_network").tolist() == [Pseudonyms(b"key").network("client_network")("192.0.2.1"), 0]
    assert made.hashes("conversation")[0] > 0


def test_a_seed_is_zero_only_where_other_parameters_were_logged() -> None:
    made = block({"gen_ai.request.seed": 7}, {"gen_ai.request.temperature": 1.0}, {"gen_ai.request.stream": False}, {})
    seeded = made.numbers("seeded")
    assert seeded[:3].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(seeded[3])


def test_flags_are_zero_and_one() -> None:
    streamed = block({"gen_ai.request.stream": True}, {"gen_ai.request.stream": False}, {}).numbers("streamed")
    assert streamed[:2].tolist() == [1.0, 0.0]
    assert np.isnan(streamed[2])


def test_header_names_come_as_a_list_or_a_text() -> None:
    made = block({"http.request.header_names": ["Host", "Accept", "TE"]}, {"http.request.header_names": "Host,Accept,TE"})
    assert made.texts("header_names") == ["Accept,TE"] * 2


def test_the_first_reason_to_finish_counts() -> None:
    made = block(*[{"gen_ai.response.finish_reasons": each} for each in (["stop", "length"], "stop", [])])
    assert made.texts("finish_reason") == ["stop", "stop", None]


def test_a_list_of_messages_tells_its_length_unless_the_log_did() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert block({"prompt": messages}, {"prompt": messages, "message_count": 9}).numbers("message_count").tolist() == [2.0, 9.0]


def test_the_last_message_of_the_user_is_what_is_asked() -> None:
    conversation = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": [{"type": "text", "text": "second"}, {"type": "image_url", "image_url": {}}]},
        {"role": "tool", "content": "result"},
    ]
    assert asked_of(conversation) == "second"
    assert instructions_of(conversation) == "be kind"
    assert asked_of([{"role": "assistant", "content": "only this"}]) == "only this"
    assert asked_of(["just a text"]) == "just a text"
    assert asked_of([]) is asked_of("") is asked_of(None) is instructions_of("text") is None
    assert asked_of([{"role": {}, "content": 5}, {}]) is None


def test_a_system_prompt_is_the_same_inside_and_outside_the_messages() -> None:
    inside = [{"role": "developer", "content": "be kind"}, {"role": "user", "content": "u"}]
    made = block({"prompt": inside}, {"system_prompt": "be kind"}, {"prompt": "u"})
    first, second, third = made.hashes("system_template").tolist()
    assert first == second > 0
    assert third == 0


def test_a_ready_sketch_is_taken_over() -> None:
    ready = {"simhash": "ff", "shingles": [9, "a"], "template": 5, "topic": 7, "language": "fi", "asks_grading": True, "known_corpus": 0}
    made = block({"prompt.sketch": ready}, {"prompt": "text"}, {})
    assert made.hashes("simhash")[0] == 255
    assert made.hashes("shingles")[0].tolist() == [9, 10, 0, 0, 0, 0, 0, 0]
    assert made.hashes("template")[0] == 5
    assert made.numbers("topic")[0] == 7
    assert made.texts("language") == ["fi", None, None]
    assert made.numbers("asks_grading")[:2].tolist() == [1.0, 0.0]
    assert np.isnan(made.numbers("asks_reasoning")[0])
    assert np.isnan(made.numbers("asks_grading")[2])


def test_a_sketch_made_at_the_gateway_equals_one_made_here() -> None:
    columns = SKETCHER.columns(["some prompt of a gateway"])
    ready = {name: int(columns[name][0]) for name in ("simhash", "template", "topic")}
    ready["shingles"] = columns["shingles"][0].tolist()
    made = block({"prompt.sketch": ready}, {"prompt": "some prompt of a gateway"})
    for name in ("simhash", "template"):
        assert made.hashes(name)[0] == made.hashes(name)[1]
    assert made.hashes("shingles")[0].tolist() == made.hashes("shingles")[1].tolist()


def test_a_call_that_answers_without_text_has_no_short_answer_and_no_prompt() -> None:
    found = block(
        {
            "gen_ai.operation.name": "aembedding",
            "gen_ai.usage.output_tokens": 0,
            "gen_ai.usage.input_tokens": 400,
            "prompt": "why is the sky blue",
        },
        {"gen_ai.operation.name": "/v1/chat/completions", "gen_ai.usage.output_tokens": 1, "prompt": "why is the sky blue"},
    )
    assert found.texts("operation") == ["embeddings", "chat"]
    assert np.isnan(found.numbers("output_tokens")).tolist() == [True, False]
    assert found.numbers("input_tokens")[0] == 400
    assert (found.hashes("simhash") == 0).tolist() == [True, False]
