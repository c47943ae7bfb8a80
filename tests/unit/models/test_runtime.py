"""The signature of a CPU: what of it chooses kernels, and nothing else."""

import pytest

from shared.models.runtime import Runtime, cpu_signature, signature_of

AVX2 = "sse4_1 sse4_2 avx avx2 fma f16c"
AVX512 = f"{AVX2} avx512f avx512cd avx512bw avx512dq avx512vl"


def cpuinfo(flags: str, vendor: str = "GenuineIntel", mhz: str = "2600.1") -> str:
    core = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu MHz\t\t: {mhz}\nflags\t\t: fpu {flags} ht\n\n"
    return core + core.replace("processor\t: 0", "processor\t: 1")


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("", ""), ("sse4_1 sse4_2", " sse4"), ("sse4_1 sse4_2 avx", " avx"), (AVX2, " avx2"), (AVX512, " avx512"),
        (f"{AVX2} avx512f", " avx2"),  # not all of the level: ATen and oneDNN stay below
        (f"{AVX512} avx512_vnni amx_tile", " avx512 avx512_vnni amx_tile"),
    ],
)  # fmt: skip
def test_the_level_is_the_highest_that_is_whole(flags: str, level: str) -> None:
    assert signature_of(cpuinfo(flags), "x86_64", "", {}) == f"x86_64 GenuineIntel{level}"


def test_vendor_and_overrides_count_and_frequency_does_not() -> None:
    intel = signature_of(cpuinfo(AVX2), "x86_64", "", {})
    assert signature_of(cpuinfo(AVX2, mhz="800"), "x86_64", "", {}) == intel
    assert signature_of(cpuinfo(AVX2, vendor="AuthenticAMD"), "x86_64", "", {}) != intel
    assert signature_of(cpuinfo(AVX2), "x86_64", "", {"ATEN_CPU_CAPABILITY": "default"}) != intel
    assert signature_of(cpuinfo(AVX2), "x86_64", "", {"MKL_CBWR": ""}) == intel


def test_other_machines_have_one_too() -> None:
    arm = "processor\t: 0\nFeatures\t: fp asimd asimddp sve\nCPU implementer\t: 0x41\n"
    assert signature_of(arm, "aarch64", "", {}) == "aarch64 0x41 asimd asimddp sve"
    assert signature_of("", "arm64", "arm", {}) == "arm64 arm"
    assert signature_of("", "riscv64", "", {}) == "riscv64 unknown"


def test_the_level_is_the_one_that_torch_uses() -> None:
    torch = pytest.importorskip("torch")
    found = torch.backends.cpu.get_cpu_capability()  # DEFAULT, AVX2, AVX512; on others NO AVX, SVE256 …
    if found in ("AVX2", "AVX512"):
        assert found.lower() in cpu_signature().split()


def test_another_version_or_cpu_is_another_runtime() -> None:
    here = Runtime.here("torch")
    assert here == Runtime.here("torch")
    assert "torch" in here.versions
    assert here.mark != here.model_copy(update={"cpu": "another"}).mark
    assert here.mark != Runtime.here("onnx").mark
    assert len(here.mark) == 8
