"""A runtime computes predictions; "to the bit" holds for one and the same."""

import hashlib
import math
import os
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

LIBRARIES: Final = {"torch": ("torch", "numpy"), "onnx": ("onnxruntime", "numpy")}
CPUINFO = Path("/proc/cpuinfo")
META = "runtime:"  # before a mark, among what a namespace keeps
TOLERANCE = 1e-6  # of the output's s.d.: what two runtimes may differ by

# What chooses other kernels: ATen's and oneDNN's levels, MLAS's in onnxruntime, numpy's; MKL looks at the vendor, too.
LEVELS: Final[Mapping[str, frozenset[str]]] = {
    "sse4": frozenset({"sse4_1", "sse4_2"}),
    "avx": frozenset({"avx"}),
    "avx2": frozenset({"avx2", "fma", "f16c"}),
    "avx512": frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}),
}
EXTENSIONS: Final = (
    "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx512_vbmi2", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)  # fmt: skip
# Each of these makes a library choose as another processor would.
OVERRIDES: Final = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES",
)  # fmt: skip


class Runtime(BaseModel):
    """A runtime is the versions and the CPU with which predictions are computed.

    The same file on the same runtime gives the same bits. Another one may differ in the last: compare to TOLERANCE.

    - versions: library -> version, of those that compute features and predictions.
    - cpu: see `cpu_signature`.

    >>> Runtime(versions={"numpy": "2.4.6"}, cpu="x86_64 GenuineIntel avx2").text
    'numpy 2.4.6, x86_64 GenuineIntel avx2'
    """

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    versions: dict[str, str]
    cpu: Annotated[str, Field(min_length=1)]

    @classmethod
    def here(cls, format: str) -> "Runtime":
        """Returns the runtime of this process for a model of `format`; it imports no runtime to ask."""
        return cls(versions={name: _version(name) for name in LIBRARIES[format]}, cpu=cpu_signature())

    @property
    def text(self) -> str:
        """Returns versions and CPU in one line."""
        return ", ".join([*(f"{name} {number}" for name, number in sorted(self.versions.items())), self.cpu])

    @property
    def mark(self) -> str:
        """Returns 8 hex digits that stand for it."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]

    @property
    def meta(self) -> dict[str, str]:
        """Returns what a namespace's meta keeps of it: its text by its mark."""
        return {f"{META}{self.mark}": self.text}


def runtimes_in(meta: Mapping[str, str]) -> dict[str, str]:
    """Returns mark -> text of the runtimes that have computed in a namespace, from its meta.

    >>> runtimes_in({"partitions": "8", "runtime:0123abcd": "numpy 2.4.6, x86_64 GenuineIntel avx2"})
    {'0123abcd': 'numpy 2.4.6, x86_64 GenuineIntel avx2'}
    """
    return {name.removeprefix(META): text for name, text in meta.items() if name.startswith(META)}


def allowed_difference(std: float, value: float) -> float:
    """Returns by how much two runtimes' outputs may differ: TOLERANCE of the output's s.d., or float32's own grain.

    - std: of the output. value: one of its values; where the output moves little around a large number, float32 has no
      finer steps than that number's, and four of them count.

    >>> allowed_difference(0.01, 0.02), round(allowed_difference(1e-4, 0.2), 10)
    (1e-08, 5.96e-08)
    """
    step = 2.0 ** (math.frexp(value)[1] - 24) if value else 0.0
    return max(TOLERANCE * std, 4 * step)


@cache
def cpu_signature() -> str:
    """Returns what of this CPU chooses the kernels of the numeric libraries, e.g. `x86_64 AuthenticAMD avx512`.

    It is machine, vendor, the highest level whose instructions are all there, further instructions, and what the
    environment overrides. Frequency, cores and caches do not count.
    """
    try:
        text = CPUINFO.read_text(errors="replace")
    except OSError:  # no Linux
        text = ""
    return signature_of(text, platform.machine(), platform.processor(), os.environ)


def signature_of(cpuinfo: str, machine: str, processor: str, environ: Mapping[str, str]) -> str:
    """Returns the signature that /proc/cpuinfo's text and the environment give; processor: said where there is none.

    >>> flags = "vendor_id : GenuineIntel\\nflags : sse4_1 sse4_2 avx avx2 fma f16c avx_vnni"
    >>> signature_of(flags, "x86_64", "", {"MKL_CBWR": "AVX2"})
    'x86_64 GenuineIntel avx2 avx_vnni MKL_CBWR=AVX2'
    """
    said: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            said.setdefault(name.strip(), value.strip())  # the first core speaks for all
    vendor = said.get("vendor_id") or said.get("CPU implementer") or processor or "unknown"
    flags = set((said.get("flags") or said.get("Features") or "").split())
    words = [machine, vendor, *_level(flags), *(name for name in EXTENSIONS if name in flags)]
    return " ".join([*words, *(f"{name}={environ[name]}" for name in OVERRIDES if environ.get(name))])


def _level(flags: set[str]) -> Iterable[str]:
    held = [name for name, needed in LEVELS.items() if needed <= flags]
    return held[-1:]


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
