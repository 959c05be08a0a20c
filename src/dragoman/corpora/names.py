"""The names that corpora go by, such as multi30k:en-de or hf:NAME:de-en."""

from dataclasses import dataclass

from dragoman.corpora import multi30k
from dragoman.errors import UsageError, nearest

HUB = "hf"
KINDS: dict[str, tuple[str, ...]] = {
    "multi30k": multi30k.LANGUAGE_PAIRS,
    "multi30k-tok": multi30k.LANGUAGE_PAIRS,
    "pizzeria": ("en-de", "de-en"),
}
"""Language pairs of each built-in name; a name without a pair means the first one."""


@dataclass(frozen=True)
class CorpusName:
    """A name taken apart."""

    kind: str
    """multi30k, multi30k-tok, pizzeria or hf."""
    source: str
    """Language to translate from; empty where a hub dataset is to say it."""
    target: str
    """Language to translate into; empty as `source`."""
    dataset: str = ""
    """The hub's name of the dataset, or a local folder."""

    def __str__(self) -> str:
        parts = [self.kind, self.dataset, f"{self.source}-{self.target}" if self.source else ""]
        return ":".join(part for part in parts if part)


def parse_name(name: str) -> CorpusName:
    """Takes a corpus name apart.

    Raises:
        UsageError: no corpus has this name, or not in this language pair.
    """
    kind, _, rest = name.partition(":")
    if kind == HUB:
        return _parse_hub_name(name, rest)
    if kind not in KINDS:
        raise UsageError(f"no corpus is named '{kind}'{nearest(kind, [*KINDS, HUB])}")
    pair = rest or KINDS[kind][0]
    if pair not in KINDS[kind]:
        raise UsageError(f"{kind} has no language pair '{pair}'{nearest(pair, KINDS[kind])}")
    source, _, target = pair.partition("-")
    return CorpusName(kind, source, target)


def _parse_hub_name(name: str, rest: str) -> CorpusName:
    dataset, _, pair = rest.partition(":") if rest.count(":") <= 1 else rest.rpartition(":")
    source, _, target = pair.partition("-")
    if not dataset or bool(pair) != bool(source and target):
        raise UsageError(
            f"'{name}' does not name a dataset; write hf:NAME or hf:NAME:SOURCE-TARGET, as in hf:NAME:en-de"
        )
    return CorpusName(HUB, source, target, dataset)
