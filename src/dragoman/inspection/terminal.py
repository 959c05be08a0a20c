"""Attention in the terminal: the six steps with numbers and bars, heat maps, and what else might have been written.

Everything fits 80 columns; in a file or a pipe shades of print stand for colours.
"""

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from dragoman.inspection.alignment import Choice
from dragoman.inspection.six_steps import HeadSteps, SixSteps, WordMap, kept_keys, scale_told
from dragoman.inspection.word_links import WordLink
from dragoman.inspection.words import SIDES, labels, spelt, words_of
from dragoman.tracing import Trace

LABEL = 13
"""Columns for a word in front of a row."""
COORDINATES = 3
"""Of a vector, shown before its length."""
MOST_WORDS = 66
"""A longer sentence gets a list instead of a map."""
MOST_KEYS = 24
"""A longer sentence's six steps show those of most weight."""
_SHADES = " ░▒▓█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def show_sentences(console: Console, trace: Trace) -> None:
    """Prints what was read and what was written, word by word."""
    for name, pieces in (("reads", trace.source_tokens), ("writes", trace.target_tokens)):
        words = spelt(pieces, words_of(pieces))
        console.print(Text.assemble((f"{name:7}", "bold"), " ".join(_printable(word) for word in words)))
    console.print()


def show_word(console: Console, steps: SixSteps) -> None:
    """Tells which query is looked at, and how to choose another."""
    place = steps.place
    line = Text(f"“{place.word}”", style="bold")
    line.append(
        f" is word {place.number} of {SIDES[place.side]}; {steps.attention}, {_heads_told(steps)}", style="not bold"
    )
    console.print(line)
    if place.side == "written":
        console.print("Its query is that of the step that writes it.")
    if len(place.positions) > 1:
        at = place.positions.index(steps.position) + 1
        console.print(
            Text(f"It is cut into {len(place.positions)} pieces, each a query of its own; piece {at}: {steps.token}")
        )
    if place.standing > 1:
        console.print(
            Text(f"It stands {place.standing} times; this is number {place.chosen}. Choose: --word {place.word}:N")
        )


def show_six_steps(console: Console, steps: SixSteps) -> None:
    """Prints the six steps head by head, then the heads joined."""
    for head in steps.heads:
        console.print()
        console.rule(Text(f"head {head.head}", style="bold"), align="left", characters="─")
        for line in _head_lines(steps, head):
            console.print(line, no_wrap=True, overflow="crop")
    console.print()
    joined, output = len(steps.joined), len(steps.output)
    console.print(_title("then", f"all {steps.all_heads} heads side by side, and the output projection"))
    console.print(
        _formula(f"joined = head 0 .. head {steps.all_heads - 1}: {joined} numbers    output = joined Wo + b")
    )
    console.print(f"{'joined':{LABEL}} {_vector(steps.joined)}")
    console.print(f"{'output':{LABEL}} {_vector(steps.output)}  ({output} numbers)")


def show_map(console: Console, found: WordMap) -> None:
    """Prints a heat map of attention between words; of a long sentence, where each word looks most."""
    which = "heads averaged" if found.head is None else f"head {found.head}"
    console.print(_title(found.attention, f"{which}; each row looks at the columns"))
    if max(len(found.queries), len(found.keys)) > MOST_WORDS:
        console.print(f"{len(found.queries)} x {len(found.keys)} words: the most looked-at; --out map.png draws all")
        for line in _long_list(found):
            console.print(line, no_wrap=True, overflow="crop")
        return
    room = console.width - LABEL - 2
    wide = 4 if 4 * len(found.keys) <= room else 2
    console.print(
        Text("   percent; · is below 0.5" if wide == 4 else "   ░ from 5 %  ▒ 25 %  ▓ 50 %  █ 75 %", style="dim")
    )
    for start in range(0, len(found.keys), room // wide):
        console.print()
        for line in _map_lines(found, range(start, min(start + room // wide, len(found.keys))), wide, console):
            console.print(line, no_wrap=True, overflow="crop")


def show_alignment(console: Console, links: Sequence[WordLink], choice: Choice) -> None:
    """Prints which source word each written word comes from, as the choice of attention has it."""
    head = "heads together" if choice.head is None else f"head {choice.head}"
    console.print()
    console.print(_title("alignment", f"written word and source word, by {choice.attention}, {head}"))
    width = min(24, max((cell_len(link.target) for link in links), default=0))
    for link in links:
        bar = _bar(link.weight, 1.0, 20)
        console.print(
            Text(f"{_fit(link.target, width)} ← {_fit(link.source, 24)} {link.weight:5.2f} {bar}"), no_wrap=True
        )


def show_candidates(console: Console, trace: Trace, written: Sequence[float]) -> None:
    """Prints each written token with its probability, and the most probable others."""
    console.print()
    console.print(_title("candidates", "each written token, its probability, and the next best"))
    for place, (token, probability) in enumerate(zip(labels(trace.target_tokens), written, strict=True)):
        piece = trace.target_tokens[place]
        others = [candidate for candidate in trace.candidates[place] if candidate.token != piece][:3]
        before = trace.target_tokens[max(0, place - 1) : place]
        names = [labels([*before, other.token])[-1] for other in others]
        rest = "  ".join(f"{_fit(n, 9)} {_share(o.probability)}" for n, o in zip(names, others, strict=True))
        first = trace.candidates[place][0].token == piece
        line = Text(f"{place + 1:3} ").append(_fit(token, LABEL), style="bold" if first else "bold red")
        line.append(f" {_share(probability)} {_fit(_bar(probability, 1.0, 5), 5)}  ").append(rest, style="dim")
        console.print(line, no_wrap=True, overflow="crop")


def _heads_told(steps: SixSteps) -> str:
    if len(steps.heads) == 1:
        return f"head {steps.heads[0].head} of {steps.all_heads} (0 to {steps.all_heads - 1})"
    return f"all {steps.all_heads} heads"


def _head_lines(steps: SixSteps, head: HeadSteps) -> Iterator[Text]:
    names = labels(steps.keys)
    keys = kept_keys(head.weights, MOST_KEYS)
    left = len(names) - len(keys)
    rest = Text(f"  ... and {left} more words, of weight {1 - head.weights[keys].sum():.3f} together", style="dim")
    yield _title("1", f"query, key and value: {len(head.query)} numbers each, the first {COORDINATES} and the length")
    seen = steps.looked_at
    yield _formula(f"q = x Wq + b    k = {seen} Wk + b    v = {seen} Wv + b")
    if seen == "m":
        yield _formula("m: what the encoder gave")
    yield Text(f"{_fit('query of', LABEL)} {labels([steps.token])[0]}")
    yield Text(f"{'':{LABEL}} {_vector(head.query)}", style="bold")
    yield Text(f"{'':{LABEL}} {'key':31}value", style="dim")
    for key in keys:
        yield Text(f"{_fit(names[key], LABEL)} {_vector(head.key[key])}   {_vector(head.value[key])}")
    yield from [rest] * bool(left)
    yield Text()
    yield from _weight_lines(steps, head, names, keys)
    yield from [rest] * bool(left)
    yield Text()
    yield _title("5", "value times weight")
    yield _formula("weight v, coordinate by coordinate")
    lengths = np.linalg.norm(head.weighted_values, axis=-1)
    for key in keys:
        style = "dim" if steps.hidden[key] else ""
        bar = _bar(lengths[key], float(lengths.max()), 28)
        yield Text(f"{_fit(names[key], LABEL)} {_vector(head.weighted_values[key])}  {bar}", style=style)
    yield from [rest] * bool(left)
    yield Text()
    yield _title("6", "their sum: what this head tells the query's word")
    yield _formula("sum of weight v over all words")
    yield Text(f"{_fit(labels([steps.token])[0], LABEL)} {_vector(head.sum)}", style="bold")


def _weight_lines(steps: SixSteps, head: HeadSteps, names: Sequence[str], keys: Sequence[int]) -> Iterator[Text]:
    """Steps 2, 3 and 4 side by side; score and scaled are drawn on one scale."""
    largest = float(np.abs(head.scores[keys]).max())
    yield Text(f"{'':{LABEL}} {'2 score':20} {'3 scaled':20} 4 weight", style="bold")
    yield _formula(f"{'':{LABEL}} {'q · k':20} {scale_told(head):20} softmax of the scaled", indent=False)
    for key in keys:
        bars = [f"{value:7.2f} {_fit(_bar(value, largest, 12), 12)}" for value in (head.scores[key], head.scaled[key])]
        weight = f"{head.weights[key]:6.3f} {_bar(head.weights[key], float(head.weights.max()), 17)}"
        if steps.hidden[key]:
            yield Text(f"{_fit(names[key], LABEL)} {bars[0]} {bars[1]}      - hidden (later)", style="dim")
        else:
            yield Text(f"{_fit(names[key], LABEL)} {bars[0]} {bars[1]} ").append(weight, style="bold")
    if (head.scores[keys] < 0).any():
        yield Text(f"{'':{LABEL}} (░ is below zero)", style="dim")


def _map_lines(found: WordMap, columns: range, wide: int, console: Console) -> Iterator[Text]:
    coloured = console.color_system in ("256", "truecolor") and not console.no_color
    letters = [_letters(found.keys[column], 10) for column in columns]
    for level in range(max(map(len, letters)), 0, -1):
        cells = [word[-level] if level <= len(word) else "" for word in letters]
        yield Text(
            f"{'':{LABEL}}  " + "".join(set_cell_size(f" {cell}" if wide == 2 else f"  {cell}", wide) for cell in cells)
        )
    for query, row in zip(found.queries, found.weights, strict=True):
        line = Text(_fit(query, LABEL, right=True) + "  ")
        for column in columns:
            line.append_text(_cell(float(row[column]), wide, coloured))
        yield line


def _cell(weight: float, wide: int, coloured: bool) -> Text:
    """One weight: a background that darkens, or a shade of print, and its percent where there is room."""
    percent = f"{100 * weight:.0f}" if weight >= 0.005 else "·"
    if coloured:
        part = min(1.0, max(0.0, weight))
        red, green, blue = (round(low + part * (high - low)) for low, high in ((245, 120), (240, 20), (235, 90)))
        style = f"{'white' if part > 0.45 else 'black'} on rgb({red},{green},{blue})"
        return Text(f"{percent:>3} " if wide == 4 else "  ", style=style)
    shade = _SHADES[0 if weight < 0.05 else min(4, 1 + int(weight * 4))]
    return Text(f"{shade}{percent:<3}" if wide == 4 else shade * 2)


def _long_list(found: WordMap) -> Iterator[Text]:
    for query, row in zip(found.queries, found.weights, strict=True):
        best = np.argsort(-row, kind="stable")[:3]
        looked = "  ".join(f"{_fit(found.keys[key], 12)} {row[key]:4.2f}" for key in best)
        yield Text(f"{_fit(query, LABEL, right=True)}  {looked}")


def _title(number: str, text: str) -> Text:
    return Text.assemble((f"{number}  ", "bold"), (text, "bold"))


def _formula(text: str, indent: bool = True) -> Text:
    return Text(f"{'   ' if indent else ''}{text}", style="cyan")


def _vector(vector: Float[np.ndarray, "D"]) -> str:
    """The first coordinates and the length."""
    first = " ".join(f"{value:5.2f}" for value in vector[:COORDINATES])
    return f"[{first} {'..' if len(vector) > COORDINATES else ''}] {np.linalg.norm(vector):5.2f}"


def _bar(value: float, largest: float, width: int) -> str:
    """A bar as long as the value's share of the largest; light where the value is below zero."""
    if largest <= 0:
        return ""
    eighths = round(8 * width * min(1.0, abs(value) / largest))
    if value < 0:
        return "░" * round(eighths / 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _share(probability: float) -> str:
    return f"{probability:.3f}" if probability >= 0.0005 or probability == 0 else f"{probability:.0e}"[:5]


def _letters(word: str, most: int) -> list[str]:
    """The word's characters, each with the marks that sit on it; the last is … where there are more."""
    letters: list[str] = []
    for character in word:
        if letters and (unicodedata.category(character)[0] == "M" or cell_len(character) == 0):
            letters[-1] += character
        else:
            letters.append(character)
    return letters if len(letters) <= most else [*letters[: most - 1], "…"]


def _fit(text: str, width: int, right: bool = False) -> str:
    """The text in exactly so many columns, cut with … where it is longer."""
    clean = _printable(text)
    if cell_len(clean) > width:
        clean = set_cell_size(clean, width - 1).rstrip() + "…"
    gap = " " * (width - cell_len(clean))
    return gap + clean if right else clean + gap


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
