"""Compiles a kernel so that every process runs the same code: the one that compiles it and those that load it later.

numba compiles a kernel's loop by itself, then links copies of it into wrappers and at last into the kernel, and
optimises each anew. Only the kernel is kept on the disk. Where a process holds several copies under one name, the
linker takes the first: the process that compiled would run another copy than the others, one that may round otherwise.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from llvmlite.binding import Linkage
from numba import config
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["KernelCompiler", "find_folder"]


class _Whole(JITCodeLibrary):
    """Code that runs its own copies of all that was linked into it."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage in (Linkage.linkonce_odr, Linkage.weak_odr):
                function.linkage = Linkage.internal
        super()._optimize_final_module()


class KernelCompiler(Compiler):
    """numba's compiler, whose code is whole in itself."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any):
        """Takes what numba gives; it leaves the library out."""
        library = _Whole(target.codegen(), "kernel")
        library.enable_object_caching()
        super().__init__(typing, target, library, *rest)


def find_folder(tell: Callable[[str], None]) -> None:
    """Gives compiled code a folder of this process alone, and tells of it, where numba finds none that can be written.

    Comes before the first import of anything that numba compiles.
    """
    try:
        FunctionCache(find_folder)
    except RuntimeError:
        config.CACHE_DIR = tempfile.mkdtemp(prefix="dragoman-")
        atexit.register(shutil.rmtree, config.CACHE_DIR, ignore_errors=True)
        tell(
            "no folder for compiled code can be written, so every start compiles anew, to the same numbers; "
            "name a folder by the environment's NUMBA_CACHE_DIR"
        )
