"""How far one gets without resolving *it*, and how often a translation resolved it."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from dragoman.corpora.pizzeria.german import PRONOUNS, Gender
from dragoman.corpora.pizzeria.markup import words
from dragoman.corpora.pizzeria.pairs import PizzeriaPair, Pronoun
from dragoman.errors import DragomanError


def shortcut_scores(train: Sequence[PizzeriaPair], test: Sequence[PizzeriaPair]) -> dict[str, float]:
    """Gives the share (0-1) of the test's pronouns that each shortcut gets right.

    The two nouns differ in gender, so a shortcut that takes the wrong noun takes the wrong pronoun.

    Raises:
        DragomanError: where the test pairs hold no pronoun.
    """
    pronouns = _pronouns(test)
    seen: dict[str, Counter[Gender]] = defaultdict(Counter)
    for pair in train:
        if pair.pronoun:
            seen[pair.pronoun.predicate][pair.pronoun.gender] += 1
    first = sum(pronoun.position == 0 for pronoun in pronouns)
    nearest = sum(pronoun.antecedent_source_index > pronoun.other_source_index for pronoun in pronouns)
    guessed = sum(_most_frequent(seen[pronoun.predicate]) == pronoun.gender for pronoun in pronouns)
    return {
        "always-first-noun": first / len(pronouns),
        "always-nearest-noun": nearest / len(pronouns),
        "best-guess-by-predicate": guessed / len(pronouns),
    }


def _most_frequent(genders: Counter[Gender]) -> Gender | None:
    """Gives the gender seen most often, None where none was seen."""
    return genders.most_common(1)[0][0] if genders else None


def pronoun_accuracy(pairs: Sequence[PizzeriaPair], hypotheses: Sequence[str]) -> float:
    """Gives the share (0-1) of pronoun sentences whose translation has the right one of er, sie, es.

    The rule: the last of these words in the hypothesis is its pronoun; a hypothesis without one is wrong.

    Raises:
        DragomanError: where pairs and hypotheses differ in number, or no pair holds a pronoun.
    """
    if len(pairs) != len(hypotheses):
        raise DragomanError(f"{len(hypotheses)} hypotheses for {len(pairs)} pairs; give one hypothesis for each pair")
    genders = [pronoun.gender for pronoun in _pronouns(pairs)]
    chosen = [_last_pronoun(text) for pair, text in zip(pairs, hypotheses, strict=True) if pair.pronoun]
    right = sum(choice == PRONOUNS[gender] for choice, gender in zip(chosen, genders, strict=True))
    return right / len(genders)


def _last_pronoun(hypothesis: str) -> str | None:
    """Gives the last er, sie or es of a sentence."""
    found = [word for word in words(hypothesis.lower()) if word in PRONOUNS.values()]
    return found[-1] if found else None


def _pronouns(pairs: Sequence[PizzeriaPair]) -> list[Pronoun]:
    """Gives the pronouns of those pairs that hold one."""
    pronouns = [pair.pronoun for pair in pairs if pair.pronoun]
    if not pronouns:
        raise DragomanError("none of these pairs holds a pronoun to resolve; give more pairs of the pizzeria corpus")
    return pronouns
