"""What a race decides beforehand: who races at which width, on what share of the budget, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dragoman.config import ModelSettings, Settings
from dragoman.config.loading import build_settings, override
from dragoman.errors import DragomanError, UsageError
from dragoman.models.build import build_model
from dragoman.race.asking import Given, check_same
from dragoman.race.budget import Asked, Pass, check_enough, each_of, seeds_of, shared_out
from dragoman.race.contestants import FAMILIES, chosen, count, enter, of_size, shapes
from dragoman.race.costs import Costs
from dragoman.race.folder import RaceFolder
from dragoman.race.machine import machine, versions
from dragoman.race.material import divided, fingerprints, title
from dragoman.race.parts import Part, parts
from dragoman.race.plan import Contestant, Course, Plan, RaceBudget, flat
from dragoman.race.recipe import ALWAYS, Question, Recipe, main_recipe, pizzeria_recipe
from dragoman.race.running import Clock
from dragoman.training.facts import parameters

QUICK = Pass("quick", 100, 10_000, {"rnn": 30.0, "lstm": 20.0})
MAIN, BOTH = {"main": QUICK}, {"main": QUICK, "pizzeria": QUICK}
SMALL = ModelSettings(d_model=128, d_ff=256, heads=4, encoder_layers=1, decoder_layers=1)


def test_only_names_who_races() -> None:
    assert chosen(None) == list(FAMILIES)
    assert chosen("transformer, lstm") == ["lstm", "transformer"]
    with pytest.raises(UsageError, match=r"--only: no contestant is named 'lsmt'; did you mean 'lstm'\?"):
        chosen("lsmt,transformer")
    with pytest.raises(UsageError, match="--only names nobody; give some of rnn, rnn-attention"):
        chosen(" ,")


def test_all_contestants_are_as_large_as_the_transformer() -> None:
    found = shapes(SMALL, list(FAMILIES), (500, 500))
    wanted = parameters(build_model(SMALL, 500, 500, 1))
    for name, shape in found.items():
        real = parameters(build_model(shape, 500, 500, 1))
        assert abs(real - wanted) <= 0.02 * wanted, name
        assert count(shape, (500, 500)) == real
        assert shape.d_model % 2 == 0
        assert shape.attention == ("none" if name in ("rnn", "gru", "lstm") else "additive")
    assert found["transformer"].d_model == 128
    assert found["rnn"].d_model > found["gru"].d_model > found["lstm"].d_model
    dot = shapes(replace(SMALL, attention="dot"), ["lstm-attention"], (500, 500))
    assert dot["lstm-attention"].attention == "dot"


def test_no_other_width_is_nearer() -> None:
    shape = replace(SMALL, family="gru", attention="none", bidirectional=False)
    chosen_width = of_size("gru", shape, (500, 500), 70_000).d_model
    distances = {
        width: abs(count(replace(shape, d_model=width), (500, 500)) - 70_000)
        for width in range(chosen_width - 8, chosen_width + 9)
    }
    assert min(distances, key=lambda width: distances[width]) == chosen_width


def test_a_model_too_small_to_be_matched_is_refused() -> None:
    tiny = replace(SMALL, d_model=8, d_ff=8, heads=2)
    with pytest.raises(
        DragomanError, match=r"no width gives \S+ the Transformer's [\d,]+ parameters within 2%.*; give a"
    ):
        shapes(tiny, list(FAMILIES), (40, 40))


def test_seventy_minutes_are_shared_out() -> None:
    asked = Asked("minutes", 70)
    seeds = seeds_of(asked, BOTH, 7)
    # Ten minutes a contestant: 7 for the main corpus (two seeds of 3.5), 2 for the pizzeria, 1 for copying.
    assert seeds == {"main": [1, 2], "pizzeria": [1]}
    assert each_of(asked, seeds, 7) == pytest.approx({"main": 3.5, "pizzeria": 2.0})
    budget = shared_out(asked, seeds, 7)
    assert (budget.kind, budget.total) == ("minutes", 70)
    assert (budget.each, budget.copying) == pytest.approx((3.5, 1.0))
    spent = 7 * (2 * 3.5 + 2.0 + 1.0)
    assert spent == pytest.approx(budget.total)


def test_the_pizzeria_as_main_corpus_has_both_shares() -> None:
    asked = Asked("minutes", 70, seeds=1)
    seeds = seeds_of(asked, MAIN, 7)
    assert each_of(asked, seeds, 7) == pytest.approx({"main": 9.0})
    assert seeds_of(Asked("minutes", 70), MAIN, 7) == {"main": [1, 2, 3]}
    assert seeds_of(Asked("minutes", 1), BOTH, 7) == {"main": [1], "pizzeria": [1]}


def test_a_second_seed_needs_three_passes_for_the_slowest() -> None:
    slow = {"main": replace(QUICK, seconds={"rnn": 71.0, "lstm": 20.0})}
    assert seeds_of(Asked("minutes", 70), slow, 7) == {"main": [1, 2]}
    slower = {"main": replace(QUICK, seconds={"rnn": 400.0, "lstm": 20.0})}
    assert seeds_of(Asked("minutes", 70), slower, 7) == {"main": [1]}
    assert seeds_of(Asked("minutes", 70, seeds=5), slower, 7) == {"main": [1, 2, 3, 4, 5]}


def test_updates_and_tokens_are_those_of_each_training() -> None:
    asked = Asked("updates", 500)
    seeds = seeds_of(asked, BOTH, 2)
    assert seeds == {"main": [1, 2, 3], "pizzeria": [1, 2, 3]}
    assert each_of(asked, seeds, 2) == {"main": 500, "pizzeria": 500}
    assert shared_out(asked, seeds, 2) == RaceBudget("updates", 500 * 2 * 7, 500, 500)


def test_a_budget_too_small_for_one_epoch_is_refused_with_what_it_takes() -> None:
    passes = {"main": Pass("multi30k:en-de", 230, 450_000, {"rnn": 60.0, "lstm": 90.0})}
    names, seeds = ["rnn", "lstm"], {"main": [1, 2]}
    check_enough(Asked("minutes", 10), passes, seeds, names)
    # 90 s at 0.9 / 2 / 2 of the whole: 6.67 minutes.
    with pytest.raises(UsageError) as fault:
        check_enough(Asked("minutes", 6), passes, seeds, names)
    assert str(fault.value) == (
        "--minutes 6 is too small: a pass over multi30k:en-de takes lstm about 1.5 min, and each of its trainings has "
        "81 s (2 contestants, 2 seeds); give --minutes 8, or fewer of them (--only, --seeds)"
    )
    with pytest.raises(UsageError, match=r"^--updates 229 is too small: a pass over multi30k:en-de takes 230; give --"):
        check_enough(Asked("updates", 229), passes, seeds, names)
    with pytest.raises(UsageError, match=r"^--target-tokens 100 is too small.* give --target-tokens 450000 at least$"):
        check_enough(Asked("tokens", 100), passes, seeds, names)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("model.family=lstm", "--only says who races"),
        ("training.steps=5", "give --minutes, --updates or --target-tokens"),
        ("training.seed=5", "--seeds says how many there are"),
        ("data.corpus=pizzeria", "give --corpus, or --source and --target"),
    ],
)
def test_what_a_race_decides_is_not_to_be_set(text: str, mend: str) -> None:
    with pytest.raises(UsageError, match=rf"^--set {text.partition('=')[0]}: a race decides this; {mend}$"):
        Question({}, Asked("minutes", 1), sets=(text,))


def test_a_recipe_lays_what_the_user_sets_over_what_a_family_has() -> None:
    data = {"data.source": "a.en", "data.target": "a.de"}
    fixed = ("training.threads=1", "training.dtype=float32")
    recipe = main_recipe(Question(data, Asked("minutes", 1), sets=fixed))
    lstm = recipe.tuned("lstm")
    assert (lstm.model.family, lstm.model.attention) == ("lstm", "none")
    assert lstm.training.learning_rate == FAMILIES["lstm"].learning_rate
    assert lstm.model.dropout == FAMILIES["lstm"].dropout
    assert (lstm.training.validations, lstm.training.dtype, lstm.data.source) == (5, "float32", "a.en")
    mine = main_recipe(Question(data, Asked("minutes", 1), sets=(*fixed, "model.dropout=0.4", "model.attention=dot")))
    assert mine.tuned("lstm").model.dropout == mine.tuned("transformer").model.dropout == 0.4
    assert mine.tuned("gru-attention").model.attention == "dot"
    grammar = pizzeria_recipe(mine)
    assert grammar.base.data.corpus == "pizzeria:en-de"
    assert grammar.base.data.source == ""
    assert grammar.base.text.vocabulary_size == 1500
    rnn = pizzeria_recipe(recipe).tuned("rnn")
    assert (rnn.model.dropout, rnn.training.learning_rate) == (0, FAMILIES["rnn"].grammar_rate)
    pizzeria = main_recipe(Question({"data.corpus": "pizzeria"}, Asked("minutes", 1), sets=fixed))
    assert pizzeria.preset == "demo"


@pytest.mark.parametrize("family", ["rnn", "gru", "lstm"])
def test_a_familys_preset_is_its_contestant(family: str) -> None:
    recipe = Recipe("race", (), {})
    size = recipe.base.text.vocabulary_size
    contestant = enter(recipe.base, recipe.tuned, [f"{family}-attention"], (size, size))[0]
    raced = flat(override(recipe.base, None, contestant.settings))
    assert {key for key, value in flat(build_settings(family)).items() if value != raced[key]} <= ALWAYS.keys()


def a_plan(**changes: Any) -> Plan:
    """A plan as it could have been made here."""
    lstm = Contestant("lstm", {"model.family": "lstm", "model.d_model": 40}, 1000)
    rivals = [lstm, Contestant("transformer", {"model.d_model": 16}, 1010)]
    seconds = {"lstm": 10.0, "transformer": 5.0}
    course = Course("main", {"data": {"source": "a.en"}}, rivals, [1, 2], 3.0, {"train": 9}, 50, 4, seconds, seconds)
    pizzeria = replace(course, name="pizzeria", settings={"data": {"corpus": "pizzeria:en-de"}}, seeds=[1])
    values: dict[str, Any] = {
        "corpus": {"data.source": "a.en", "data.target": "a.de"}, "name": "a", "preset": "race", "sets": [],
        "budget": RaceBudget("updates", 12, 3, 3), "courses": [course, pizzeria], "languages": ["en", "de"],
        "test": [], "files": [], "versions": versions(), "machine": machine(Settings().training),
        "command": "dragoman race out", "date": "2026-01-01",
    }  # fmt: skip
    return Plan(**(values | changes))


def test_a_plan_is_kept_as_json(tmp_path: Path) -> None:
    plan = a_plan()
    plan.save(tmp_path / "race.json")
    assert Plan.load(tmp_path / "race.json") == plan
    written = json.loads((tmp_path / "race.json").read_text())
    assert written["seeds"] == [1, 2]
    assert [one["name"] for one in written["contestants"]] == ["lstm", "transformer"]
    settings = plan.settings("main", "lstm", 2)
    assert (settings.model.family, settings.model.d_model, settings.data.source) == ("lstm", 40, "a.en")
    assert (settings.training.steps, settings.training.seed) == (3, 2)
    timed = replace(plan, budget=replace(plan.budget, kind="minutes"))
    assert timed.settings("main", "transformer", 1).training.update_minutes == 3.0
    counted = replace(plan, budget=replace(plan.budget, kind="tokens"))
    assert counted.settings("pizzeria", "transformer", 1).training.target_tokens == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "race.json is damaged; begin the race anew in another folder"),
        ('{"format": 1}', "race.json is damaged"),
        ('{"format": 1, "budget": {"kind": "updates"}, "courses": []}', "race.json is damaged; begin the race anew"),
        ('{"format": 99, "versions": {"dragoman": "7.0"}}', "race.json was written by dragoman 7.0: update dragoman"),
    ],
)
def test_a_damaged_plan_is_told(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "race.json").write_text(text)
    with pytest.raises(DragomanError, match=words):
        Plan.load(tmp_path / "race.json")


def given(**changes: Any) -> Given:
    return replace(Given({}, {"minutes": None, "updates": None, "tokens": None}, []), **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": {"minutes": 5, "updates": 3}}, r"more than one budget \(--minutes, --updates\); give one of them"),
        ({"budget": {"minutes": 0}}, "--minutes 0 is too small; give more than 0"),
        ({"budget": {"minutes": float("nan")}}, "--minutes nan is no budget; give a number"),
        ({"budget": {"minutes": float("inf")}}, "--minutes inf is no budget; give a number"),
        ({"seeds": 0}, "--seeds 0 is too small; give 1 or more"),
        ({"lengths": "8,x"}, "--lengths '8,x' is not a list of whole numbers; write 8,64,256"),
        ({"lengths": "1,8"}, "--lengths: 1 is too short, a sentence ends with its end mark; give 2 or more"),
        ({"only": "transfomer"}, "did you mean 'transformer'"),
    ],
)
def test_wrong_options_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        given(**changes).question(Path("out"))


def test_the_command_repeats_the_race() -> None:
    asked = given(data={"data.source": "my en.txt"}, budget={"updates": 500}, sets=["model.d_model=64"], trial=True)
    command = "dragoman race out --source 'my en.txt' --updates 500 --set model.d_model=64 --trial"
    assert asked.question(Path("out")).command == command
    assert given().question(Path("out")).command == "dragoman race out --minutes 70"
    many = given(budget={"tokens": 12345678}).question(Path("runs/../my race")).command
    assert many == "dragoman race 'runs/../my race' --target-tokens 12345678"
    assert given(budget={"minutes": 0.1}).question(Path("/out")).command == "dragoman race /out --minutes 0.1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": {"data.source": "b.en"}}, "data.source is a.en in the race, b.en was given"),
        ({"data": {"data.corpus": "pizzeria"}}, "data.corpus is not given in the race, pizzeria was given"),
        ({"budget": {"updates": 4}}, "the budget is 3 updates in the race, 4 updates was given"),
        ({"seeds": 3}, "--seeds is 2 in the race, 3 was given"),
        ({"preset": "tiny"}, "--preset is race in the race, tiny was given"),
        ({"sets": ["model.dropout=0"]}, "--set is not given in the race, model.dropout=0 was given"),
        ({"only": "lstm"}, "--only is lstm,transformer in the race, lstm was given"),
        ({"trial": True}, "--trial is not given in the race, True was given"),
    ],
)
def test_a_race_that_goes_on_names_what_differs(changes: dict[str, Any], words: str) -> None:
    check_same(a_plan(), given(only="transformer,lstm", budget={"updates": 3}, data={"data.source": "a.en"}))
    with pytest.raises(UsageError, match=f"^a race goes on as it began: {words}; race anew in another folder instead$"):
        check_same(a_plan(), given(**changes))


def test_other_files_versions_and_machines_are_named(tmp_path: Path) -> None:
    source, target = tmp_path / "a.en", tmp_path / "a.de"
    source.write_text("one\n")
    target.write_text("eins\n")
    settings = Settings(data=replace(Settings().data, source=str(source), target=str(target)))
    plan = a_plan(files=fingerprints(settings.data, None))
    check_same(plan, given())
    source.write_text("two\n")
    with pytest.raises(UsageError, match=f"{source} has changed since the race began"):
        check_same(plan, given())
    with pytest.raises(UsageError, match=r"torch is 1\.0 in the race, .* here"):
        check_same(a_plan(versions=versions() | {"torch": "1.0"}), given())
    with pytest.raises(UsageError, match="the machine's cores is 512 in the race"):
        check_same(a_plan(machine=a_plan().machine | {"cores": 512}), given())


def test_files_are_divided_once(tmp_path: Path) -> None:
    for name, word in (("my.en", "word"), ("my.de", "Wort")):
        (tmp_path / name).write_text("".join(f"{word} {number}\n" for number in range(200)))
    settings = Settings(data=replace(Settings().data, source=str(tmp_path / "my.en"), target=str(tmp_path / "my.de")))
    found = divided(tmp_path / "out", settings, None)
    assert title(settings.data) == "my.en + my.de"
    texts = [set(Path(name).read_text().splitlines()) for name in (found.data.source, found.data.valid_source)]
    test = found.test_text(settings.pizzeria)
    assert found.test is not None
    assert [path.name for path in found.test] == ["test.en", "test.de"]
    assert len(test) == 9
    assert not texts[0] & texts[1]
    assert not (texts[0] | texts[1]) & set(test.source)
    assert len(texts[0]) + len(texts[1]) + len(test) == 200
    again = divided(tmp_path / "again", settings, None)
    assert Path(again.data.source).read_text() == Path(found.data.source).read_text()
    named = divided(tmp_path / "named", Settings(data=replace(Settings().data, corpus="pizzeria")), None)
    assert named.test is None
    assert not (tmp_path / "named").exists()
    data = replace(settings.data, valid_source=settings.data.source, valid_target=settings.data.target, valid_lines=0)
    none_held = replace(settings, data=data)
    with pytest.raises(UsageError, match="valid_lines is 0 and there is no test text; give --test-source and --test-t"):
        divided(tmp_path / "zero", none_held, None)


def test_a_folder_that_is_taken_is_refused(tmp_path: Path) -> None:
    folder = RaceFolder(tmp_path / "race")
    folder.begin(resume=False)
    a_plan().save(folder.plan_file)
    folder.begin(resume=True)
    with pytest.raises(DragomanError, match=r"race exists: add --resume to go on, or choose another folder"):
        folder.begin(resume=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "prepared").mkdir()
    with pytest.raises(DragomanError, match="other is not empty and not a race: choose another folder"):
        RaceFolder(tmp_path / "other").begin(resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(DragomanError, match="file is a file, not a folder: choose another name"):
        RaceFolder(tmp_path / "file").begin(resume=False)


def test_two_races_in_one_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.race.folder.WAITING", 0.0)
    folder = RaceFolder(tmp_path)
    refused = pytest.raises(DragomanError, match=r"is being raced by another process \(pid \d+\): wait for it, stop it")
    with folder.lock(), refused, RaceFolder(tmp_path).lock():
        pass
    with folder.lock():
        (tmp_path / "prepared").mkdir()
        folder.forget()
    assert not tmp_path.exists()


def test_costs_of_several_processes(tmp_path: Path) -> None:
    file = tmp_path / "costs" / "main" / "rnn-1.json"
    assert Costs.load(file).told_joules is None
    Costs().one_more().add(100.0, 5.0).one_more().add(80.0, 2.5).save(file)
    found = Costs.load(file)
    assert (found.peak_mib, found.told_joules) == (100.0, 7.5)
    # A killed process took its joules along; a processor that does not tell has none.
    assert found.one_more().one_more().add(1.0, 1.0).told_joules is None
    assert Costs().one_more().add(1.0, None).told_joules is None


def test_the_parts_and_the_time_left() -> None:
    plan = a_plan()
    found = parts(plan)
    labels = [part.label for part in found]
    assert labels[:6] == [
        "main lstm, seed 1", "main transformer, seed 1", "main lstm, seed 2", "main transformer, seed 2",
        "pizzeria lstm, seed 1", "pizzeria transformer, seed 1",
    ]  # fmt: skip
    assert "measuring translation speed" in labels
    assert "measuring pronouns" in labels
    took = {part.measure: part.expected for part in found}
    # A start, and what two contestants take; of the copy task each has three updates and its test.
    assert took["gradients"] == 3 + 2 * 25
    assert took["copying"] == 3 + 2 * (3 * 0.1 + 10)
    assert took["quality"] == 3 + 2 * 2 * 10
    small = {part.measure: part.expected for part in parts(replace(plan, trial=True))}
    assert small["gradients"] == 3 + 0.05 * 2 * 25
    assert small["quality"] == took["quality"]
    timed = replace(plan, trial=True, budget=RaceBudget("minutes", 20, 7, 2))
    assert {part.measure: part.expected for part in parts(timed)}["copying"] == 3 + 2 * (120 + 0.05 * 10)
    tokens = replace(plan, budget=RaceBudget("tokens", 0, 7, 200_000))
    assert {part.measure: part.expected for part in parts(tokens)}["copying"] == 3 + 2 * (100 * 0.1 + 10)
    german = replace(plan.courses[0], settings={"data": {"corpus": "pizzeria:de-en"}})
    assert "measuring pronouns" not in [part.label for part in parts(a_plan(courses=[german]))]
    clock = Clock([Part("a", (), 10.0), Part("b", (), 30.0)], expected=10.0, taken=20.0)
    assert clock.share_and_left(1, 0.5) == (25 / 40, 30.0)
