"""Joules from a made-up folder of counters: rounds of the counter, several packages, whatever may be missing."""

import time
from pathlib import Path

import pytest

from dragoman.race.energy import joules


def zone(folder: Path, number: str, name: str, used: int, most: int = 999_999) -> Path:
    """Makes a zone as the kernel shows it; gives its counter."""
    place = folder / f"intel-rapl:{number}"
    place.mkdir(parents=True)
    (place / "name").write_text(f"{name}\n")
    (place / "max_energy_range_uj").write_text(f"{most}\n")
    (place / "energy_uj").write_text(f"{used}\n")
    return place / "energy_uj"


def put(counter: Path, used: int) -> None:
    """Sets a counter at one stroke, as the kernel does."""
    aside = counter.with_suffix(".new")
    aside.write_text(f"{used}\n")
    aside.replace(counter)


def test_what_was_used_inside_the_block_is_told(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 100)
    with joules(tmp_path) as energy:
        assert energy.joules == 0
        put(counter, 250100)
    put(counter, 999999)
    assert energy.joules == pytest.approx(0.25)


def test_a_counter_that_begins_anew_is_followed(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 999_990)
    with joules(tmp_path) as energy:
        put(counter, 15)
    # 9 up to its largest value, one more to 0, 15 from there.
    assert energy.joules == pytest.approx(25e-6)


def test_several_rounds_are_counted_where_it_is_looked_at_in_between(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    with joules(tmp_path) as energy:
        for value in (600_000, 200_000, 800_000, 400_000):
            put(counter, value)
            energy.look()
    assert energy.joules == pytest.approx(2.4)


def test_it_is_looked_at_again_and_again_by_itself(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    with joules(tmp_path, every=0.005) as energy:
        put(counter, 500000)
        end = time.monotonic() + 10
        while energy.joules == 0 and time.monotonic() < end:
            time.sleep(0.005)
        assert energy.joules == pytest.approx(0.5)
        put(counter, 100000)
    assert energy.joules == pytest.approx(1.1)


def test_packages_are_added_and_parts_of_them_are_not(tmp_path: Path) -> None:
    counters = [
        zone(tmp_path, "0", "package-0", 0),
        zone(tmp_path, "1", "package-1", 0),
        zone(tmp_path, "0:0", "core", 0),
        zone(tmp_path, "2", "psys", 0),
    ]
    (tmp_path / "intel-rapl").mkdir()
    with joules(tmp_path) as energy:
        for counter in counters:
            put(counter, 100000)
    assert energy.joules == pytest.approx(0.2)


def test_a_processor_that_does_not_tell(tmp_path: Path) -> None:
    with joules(tmp_path / "nowhere") as energy:
        pass
    assert energy.joules is None
    with joules(tmp_path) as energy:
        pass
    assert energy.joules is None
    zone(tmp_path, "0", "psys", 0)
    with joules(tmp_path) as energy:
        pass
    assert energy.joules is None


def test_a_counter_that_must_not_be_read_tells_nothing(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", 0)
    zone(tmp_path, "1", "package-1", 0).unlink()
    with joules(tmp_path) as energy:
        pass
    assert energy.joules is None


def test_a_counter_that_goes_away_tells_nothing(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)
    with joules(tmp_path) as energy:
        counter.unlink()
    assert energy.joules is None


def test_an_error_inside_the_block_ends_the_looking(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 0)

    def fail() -> None:
        put(counter, 100000)
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"), joules(tmp_path, every=0.005) as energy:
        fail()
    assert energy.joules == pytest.approx(0.1)
