"""What a process may still take, under the limits of made-up and of real surroundings."""

import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.training.safety.limits import available_memory

MIB = 2**20


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "proc/meminfo", f"MemFree: 1 kB\nMemAvailable:   {8000 * 1024} kB")
    write(tmp_path / "proc/self/statm", "100 50 10 1 0 20 0")
    return tmp_path


def test_free_memory_where_nothing_limits(root: Path) -> None:
    assert available_memory(root) == 8000 * MIB


def test_groups_of_the_second_version(root: Path) -> None:
    write(root / "proc/self/cgroup", "0::/user/job")
    group = root / "sys/fs/cgroup/user"
    write(group / "job/memory.max", "max")
    write(group / "job/memory.current", 50 * MIB)
    assert available_memory(root) == 8000 * MIB
    write(group / "memory.max", 900 * MIB)
    write(group / "memory.current", 300 * MIB)
    assert available_memory(root) == 600 * MIB
    write(group / "memory.stat", f"anon 5\ninactive_file {90 * MIB}\nactive_file {10 * MIB}")
    assert available_memory(root) == 700 * MIB
    write(group / "job/memory.max", 60 * MIB)
    assert available_memory(root) == 10 * MIB


def test_groups_of_the_first_version(root: Path) -> None:
    write(root / "proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/abc")
    folder = root / "sys/fs/cgroup/memory"
    write(folder / "memory.limit_in_bytes", 9223372036854771712)
    write(folder / "memory.usage_in_bytes", 5 * MIB)
    assert available_memory(root) == 8000 * MIB
    write(folder / "memory.limit_in_bytes", 1000 * MIB)
    write(folder / "memory.usage_in_bytes", 400 * MIB)
    assert available_memory(root) == 600 * MIB
    write(folder / "memory.usage_in_bytes", 1400 * MIB)
    assert available_memory(root) == 0


def test_the_address_space_that_ulimit_leaves() -> None:
    code = (
        "import resource\n"
        "from dragoman.training.safety.limits import available_memory\n"
        "before = available_memory()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))\n"
        "print(before, available_memory())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert 0 < after <= min(before, 3 * 2**30)
