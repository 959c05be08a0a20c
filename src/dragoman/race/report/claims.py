"""What this race says to the five claims: each verdict is computed from the measures by its rule."""

from dragoman.race.logs import Logs
from dragoman.race.report.claim_texts import ALL_AT_ONCE, GRADIENTS, MEMORY, ONE_AFTER_ANOTHER, SLOWER_STILL
from dragoman.race.report.comparing import Outcome, Tally, grows, siblings, sign, slower, speeds
from dragoman.race.report.curves import Curve, curves, main_curve
from dragoman.race.report.document import Figure, Verdict
from dragoman.race.report.method import budget_each, few_seeds, trained_once
from dragoman.race.report.remembering import memory_figures, remembering
from dragoman.race.report.scores import LEAST_BLEU, TRANSFORMER, against_transformer, mean_score
from dragoman.race.report.wording import family, fixed, interval, left, listed, ratio, shown, signed, whole


def verdicts(logs: Logs) -> list[Verdict]:
    """All five, in their order."""
    return [one_after_another(logs), gradients(logs), memory(logs), slower_still(logs), all_at_once(logs)]


def one_after_another(logs: Logs) -> Verdict:
    """Claim 1: speed of training by length, the plain RNNs against the Transformer, and the chains."""
    claim, rnns = ONE_AFTER_ANOTHER, [name for name in logs.measured("speed") if family(name) == "rnn"]
    tally = slower(logs.of("speed"), [(name, TRANSFORMER) for name in rnns])
    if not tally.outcomes:
        return claim.unknown(_why(logs, "speed", "a plain RNN and the Transformer"))
    reason = [f"Beside the Transformer the plain RNNs are {tally.told(('slower', 'level', 'faster'))}."]
    figures = [_speed_figure(logs, rnns[0], TRANSFORMER, -1)]
    chains = {name: found["training"] for name, found in logs.of("chain").items()}
    known = [name for name in rnns if name in chains]
    if not known or TRANSFORMER not in chains:
        return claim.judged(tally.judgement, reason, figures, ["The chains were not measured: judged by speed alone."])
    lengths, mine, theirs = logs.measures["chain"]["lengths"], chains[known[0]], chains[TRANSFORMER]
    reason.append(
        f"From {lengths[0]} to {lengths[-1]} positions the {shown(known[0])}'s chain {_goes(mine)}, the Transformer's "
        f"{_goes(theirs)}."
    )
    meaning = f"products in a row for {lengths[-1]} positions, {shown(known[0])} : Transformer"
    figures.append(Figure(f"{whole(mine[-1])} : {whole(theirs[-1])}", meaning))
    as_told = not grows(theirs) and all(grows(chains[name]) for name in known)
    return claim.judged(tally.judgement if as_told else tally.at_most_partly, reason, figures)


def gradients(logs: Logs) -> Verdict:
    """Claim 2: the gradient curves of the plain RNNs along their recurrence."""
    found = curves(logs.measures.get("gradients", {}))
    mine = [one for one in found if family(one.contestant) == "rnn" and one.axis in ("decoder", "encoder")]
    if not mine:
        return GRADIENTS.unknown(_why(logs, "gradients", "a plain RNN"))
    tally = Tally([Outcome(one.axis, one.told(), 0 if one.word == "flat" else 1) for one in mine])
    reason = [f"Of the plain RNNs' {len(mine)} curves {_counted(mine)}."]
    figures, cautions = [], []
    for name in (mine[0].contestant, TRANSFORMER):
        curve = main_curve(found, name, "decoder")
        if curve is None:
            cautions.append(f"The decoder of the {shown(name)} was not measured.")
        else:
            meaning = f"left of the {shown(name)}'s gradient after {curve.steps} positions of the decoder, {curve.when}"
            figures.append(Figure(left(curve.change), meaning))
    return GRADIENTS.judged(tally.judgement, reason, figures, cautions)


def memory(logs: Logs) -> Verdict:
    """Claim 3: copying, pronouns and gradients, each LSTM against the RNN that is otherwise like it."""
    found = remembering(logs)
    if not found.tally.outcomes:
        return MEMORY.unknown(
            f"Nothing can tell: {'; '.join(found.silent)}."
            if found.silent
            else _why(logs, "copying", "an LSTM and the plain RNN like it")
        )
    reason = [f"The LSTMs are {found.tally.told(('ahead', 'level', 'behind'), name_all=True)}."]
    reason += [f"Cannot tell: {'; '.join(found.silent)}."] if found.silent else []
    cautions = [f"Judged without {listed(list(found.missing))}: not measured."] if found.missing else []
    cautions += trained_once(logs.measures)
    return MEMORY.judged(found.tally.judgement, reason, memory_figures(logs), cautions)


def slower_still(logs: Logs) -> Verdict:
    """Claim 4: speed of training by length, each LSTM against the RNN that is otherwise like it."""
    pairs = siblings(logs.names, "lstm", "rnn")
    tally = slower(logs.of("speed"), pairs)
    if not tally.outcomes:
        return SLOWER_STILL.unknown(_why(logs, "speed", "an LSTM and the plain RNN like it"))
    reason = [f"Beside the RNNs the LSTMs are {tally.told(('slower', 'level', 'faster'))}."]
    there = next(pair for pair in pairs if all(speeds(logs.of("speed"), name) for name in pair))
    return SLOWER_STILL.judged(tally.judgement, reason, [_speed_figure(logs, *there, place) for place in (0, -1)])


def all_at_once(logs: Logs) -> Verdict:
    """Claim 5: the Transformer's chain, and BLEU against every other contestant."""
    quality = logs.measures.get("quality", {})
    tests = against_transformer(quality)
    if not tests:
        return ALL_AT_ONCE.unknown(_why(logs, "quality", "the Transformer and another contestant"))
    best = max(tests, key=lambda name: mean_score(quality, name, "bleu"))
    if max(mean_score(quality, name, "bleu") for name in (TRANSFORMER, best)) < LEAST_BLEU:
        return ALL_AT_ONCE.unknown(f"Nothing can tell: nobody translates yet, every BLEU is below {LEAST_BLEU}.")
    tally = Tally(
        [Outcome(shown(name), "", sign(-test.difference) if test.significant else 0) for name, test in tests.items()]
    )
    reason = [f"With {budget_each(logs.plan)} the Transformer is {tally.told(('ahead', 'level', 'behind'))}."]
    cautions, judgement = few_seeds(logs.plan.seeds), tally.judgement
    chain = logs.of("chain").get(TRANSFORMER)
    if chain is None:
        cautions.append("Its chain was not measured: judged by BLEU alone.")
    else:
        lengths = logs.measures["chain"]["lengths"]
        reason.append(
            f"From {lengths[0]} to {lengths[-1]} positions its chain {_goes(chain['training'])} in training, and "
            f"{_goes(chain['translating'])} in translating, where it, too, writes word by word."
        )
        judgement = tally.at_most_partly if grows(chain["training"]) else judgement
    pair, test = " : ".join(fixed(mean_score(quality, name, "bleu"), 1) for name in (TRANSFORMER, best)), tests[best]
    figures = [
        Figure(pair, f"BLEU, Transformer : {shown(best)}, the best of the others"),
        Figure(
            signed(-test.difference, 1),
            f"BLEU of the Transformer less the other's, 95 % {interval(-test.high, -test.low, 1)}",
        ),
    ]
    return ALL_AT_ONCE.judged(judgement, reason, figures, cautions)


def _why(logs: Logs, measure: str, who: str) -> str:
    """Why a claim cannot be judged."""
    if measure not in logs.measures:
        return f"The measure of {measure} is missing."
    return f"It takes {who}; not all of them were measured."


def _goes(counts: list[int]) -> str:
    """What becomes of a chain from the shortest to the longest sentence."""
    if counts[-1] == counts[0]:
        return f"stays {whole(counts[0])} products"
    return f"goes from {whole(counts[0])} to {whole(counts[-1])} products"


def _counted(found: list[Curve]) -> str:
    """How many vanish, explode and stay flat; the flat ones by how they began and when."""
    counts = {word: sum(one.word == word for one in found) for word in ("vanishing", "exploding", "flat")}
    words = {
        "vanishing": ("vanishes", "vanish"),
        "exploding": ("explodes", "explode"),
        "flat": ("stays flat", "stay flat"),
    }
    told = [f"{count} {words[word][count != 1]}" for word, count in counts.items() if count]
    flat = dict.fromkeys(", ".join([*one.began, one.when]) for one in found if one.word == "flat")
    return listed(told) + (f" ({'; '.join(flat)})" if 0 < counts["flat"] < len(found) else "")


def _speed_figure(logs: Logs, one: str, other: str, place: int) -> Figure:
    """How fast one trains beside another, at the shortest (0) or longest (-1) length that both ran."""
    mine, theirs = speeds(logs.of("speed"), one), speeds(logs.of("speed"), other)
    length = sorted(mine.keys() & theirs.keys())[place]
    meaning = f"speed of training of the {shown(one)} beside the {shown(other)} at {length} tokens"
    return Figure(ratio(mine[length].value, theirs[length].value), meaning)
