"""`make bench-collect`: microseconds of CPU an event, of sketching its prompt and of the whole of `collect`. No broker; half a minute.

Prompts of 200 and of 600 characters (not bytes: Chinese has three each) are drawn from the words of a short text in each language, so that
no two are alike. `collect` is measured with full blocks, as a busy site has them; small ones cost more. A figure is the least over the
repetitions: what a machine does beside it only ever adds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from streams.core.settings import Settings
from streams.demo.traffic import demo_traffic
from streams.intake.clock import FileClock
from streams.intake.collector import FILE_BLOCK_EVENTS, Collector, collect_garbage_rarely
from streams.privacy.sketch import Sketcher
from streams.testing import figures
from streams.testing.figures import Figures

LENGTHS: Final = (200, 600)
EVENTS: Final = 20 * FILE_BLOCK_EVENTS
PROMPTS: Final = 4 * FILE_BLOCK_EVENTS
REPETITIONS: Final = 5
START: Final = 1.79e9

TEXTS: Final = {
    "English": "please rewrite this letter to my landlord so that it is friendly but firm and mention that the heating has been cold",
    "German": "schreibe bitte diesen Brief an meinen Vermieter freundlicher aber bestimmt und erwähne dass die Heizung seit Tagen kalt ist",
    "Russian": "перепиши пожалуйста это письмо хозяину квартиры вежливо но твёрдо и упомяни что батареи уже давно холодные",
    "Arabic": "أعد كتابة هذه الرسالة إلى صاحب البيت بلطف وحزم واذكر أن التدفئة لا تعمل منذ أيام",
    "Hindi": "कृपया मकान मालिक के नाम यह पत्र विनम्र पर दृढ़ शब्दों में फिर लिखो और बताओ कि हीटर कई दिनों से ठंडा है",
    "Chinese": "请 把 这封 写给 房东 的 信 改得 友好 而 坚定 并 提到 暖气 已经 好几天 不热 了",
}


def prompts(language: str, characters: int, count: int, seed: int = 1) -> list[str]:
    """Draw prompts of exactly so many characters from the words of a language."""
    words, blank = TEXTS[language].split(), "" if language == "Chinese" else " "
    drawn = np.random.default_rng(seed).integers(0, len(words), (count, characters))
    return [blank.join(words[place] for place in row)[:characters] for row in drawn.tolist()]


def sketching(language: str, characters: int) -> float:
    """Return the microseconds that the sketch of one prompt takes, in blocks as `collect` makes them."""
    drawn = prompts(language, characters, PROMPTS)
    sketcher = Sketcher(b"a key of the benchmark")

    def work() -> None:
        for first in range(0, PROMPTS, FILE_BLOCK_EVENTS):
            sketcher.columns(drawn[first : first + FILE_BLOCK_EVENTS])

    return microseconds(work, PROMPTS)


def collecting(lines: list[bytes]) -> float:
    """Return the microseconds from a line to its part of a block."""
    return microseconds(lambda: collect(lines), len(lines))


def demonstration(events: int) -> list[bytes]:
    """Draw the demonstration's lines: two days, of which hardly a block is full when its ten minutes are over."""
    return [line.rstrip(b"\n") for line in demo_traffic(events=events, start=START).lines()]


def busy(lines: Iterable[bytes]) -> list[bytes]:
    """Return the lines a hundredth of a second apart: on a busy site blocks are full before their time is up."""
    return [_with(line, timestamp=START + place / 100) for place, line in enumerate(lines)]


def _with(line: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(line) | fields).encode()


def collect(lines: list[bytes]) -> None:
    """Parse, sketch, redact and cut lines into blocks, as they come from a file."""
    settings = Settings(mode="local")
    collector, clock = Collector(settings), FileClock(settings.future_skew_seconds, settings.past_skew_seconds)
    for first in range(0, len(lines), FILE_BLOCK_EVENTS):
        collector.add(lines[first : first + FILE_BLOCK_EVENTS], "bench", clock)
    collector.flush()


def microseconds(work: Callable[[], object], events: int, repetitions: int = REPETITIONS) -> float:
    """Return the least CPU time of this process an event."""
    taken = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1e6 * min(taken) / events


def main() -> None:
    """Measure, print, and write the figures."""
    collect_garbage_rarely()  # as the command does
    console, measured = Console(), measure()
    show(measured, console)
    written = figures.write("bench-collect", measured, command="make bench-collect", seed=1)
    console.print(f"figures -> {written}")


def measure(lengths: Sequence[int] = LENGTHS, events: int = EVENTS) -> Figures:
    """Return microseconds of CPU an event: of the sketch by language and length, of the whole of `collect` by length."""
    sparse = demonstration(events)
    lines = busy(sparse)
    asked = {
        length: [_with(line, prompt=prompt) for line, prompt in zip(lines, prompts("English", length, len(lines)), strict=True)]
        for length in lengths
    }
    return {
        "sketch": {language: {str(length): sketching(language, length) for length in lengths} for language in TEXTS},
        "collect": {str(length): collecting(texts) for length, texts in asked.items()},
        "demonstration": collecting(lines),
        "demonstration_sparse": collecting(sparse),
    }


def show(measured: Figures, console: Console) -> None:
    """Print the figures."""
    table = Table(title="microseconds of CPU an event", title_justify="left")
    table.add_column("")
    for length in measured["collect"]:
        table.add_column(f"{length} characters", justify="right")
    for language, by_length in measured["sketch"].items():
        table.add_row(f"sketch, {language}", *(f"{micros:.1f}" for micros in by_length.values()))
    table.add_section()
    table.add_row("the whole of collect, English", *(f"{micros:.1f}" for micros in measured["collect"].values()))
    console.print(table)
    sparse = measured["demonstration_sparse"]
    console.print(f"the whole of collect, the demonstration's lines: {measured['demonstration']:.1f}, and over two days: {sparse:.1f}")


if __name__ == "__main__":
    main()
