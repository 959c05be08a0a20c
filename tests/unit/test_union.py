"""The split by groups of near-duplicates that the larger corpus' benchmark makes."""

from benchmarks.union import LARGEST, deal, groups, keys

PAIRS = [
    ("The file could not be opened.", "Die Datei konnte nicht geöffnet werden."),
    ("The folder could not be opened.", "Der Ordner ließ sich nicht öffnen."),
    ("the FILE could not be opened!", "Man kann sie nicht öffnen, leider."),
    ("Save", "Speichern"),
    ("Store", "Speichern"),
    ("Keep", "Behalten"),
    ("Version 1.2 is here.", "Version 1.2 ist da."),
    ("Version 3.4 is here.", "Version 3.4 ist da."),
]


def test_like_pairs_are_one_group() -> None:
    assert groups(PAIRS) == [[0, 1, 2], [3, 4], [5], [6, 7]]


def test_words_are_left_open_in_long_sentences_only() -> None:
    assert list(keys("Save file")) == ["save file"]
    assert list(keys("One two, 3 three four")) == [
        "one two three four", "* two three four", "one * three four", "one two * four", "one two three *",
    ]  # fmt: skip
    assert list(keys("1 + 1")) == ["1 + 1"]


def test_whole_groups_are_dealt() -> None:
    found = [[at, at + 1] for at in range(0, 400, 2)] + [list(range(400, 400 + LARGEST + 1))]
    parts = deal(found, 30, seed=2)
    assert [len(parts[name]) for name in ("test", "valid")] == [30, 30]
    assert sorted(at for part in parts.values() for at in part) == list(range(421))
    assert all(at ^ 1 in parts[name] for name in ("test", "valid") for at in parts[name])
    assert set(range(400, 421)) <= set(parts["train"])
    assert parts == deal(found, 30, seed=2)
    assert parts["test"] != deal(found, 30, seed=3)["test"]
