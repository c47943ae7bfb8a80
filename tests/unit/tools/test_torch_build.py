"""Which build of PyTorch is installed: asked of pip itself, over an index on this machine with tiny wheels in it."""

import http.server
import os
import runpy
import socket
import socketserver
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tools" / "torch_build.py"
(PIN,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["torch"]
VERSION = PIN.partition("==")[2]
CUDA = 'nvidia-cublas==13.0; platform_system == "{system}"'


def wheel(folder: Path, version: str, *needs: str) -> Path:
    """A wheel of PyTorch with nothing in it."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"torch-{version}-py3-none-any.whl", f"torch-{version}.dist-info"
    metadata = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n{metadata}")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")
    return path


def index(folder: Path, *wheels: Path) -> None:
    """A simple index of these wheels (PEP 503)."""
    page = folder / "torch" / "index.html"
    page.parent.mkdir(parents=True)
    for made in wheels:
        (page.parent / made.name).write_bytes(made.read_bytes())
    names = (made.name for made in wheels)
    page.write_text("".join(f'<a href="{name.replace("+", "%2B")}">{name}</a>\n' for name in names))


class Dripping(socketserver.StreamRequestHandler):
    """An index that takes 3 s for its page."""

    def handle(self) -> None:
        with suppress(OSError):  # nobody waits any more
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
            for _ in range(30):
                self.wfile.write(b" ")
                time.sleep(0.1)
            self.wfile.write(f'<a href="torch-{VERSION}%2Bcpu-py3-none-any.whl">torch</a>'.encode())


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of tmp_path/served."""
    (tmp_path / "served").mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: Quiet(*given, directory=str(tmp_path / "served"))
    )
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pip and without PyTorch."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture
def pypi(tmp_path: Path, served: str) -> str:
    """As PyPI is: its build for this system needs CUDA."""
    system = os.uname().sysname
    index(tmp_path / "served" / "pypi", wheel(tmp_path / "made", VERSION, "filelock", CUDA.format(system=system)))
    return f"{served}/pypi/"


def pip_of(pypi: str, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": pypi, **more}


def chosen(
    python: Path, env: dict[str, str], url: str, build: str = "cpu", wait_s: float = 20.0
) -> tuple[list[str], str]:
    done = subprocess.run(
        [python, SCRIPT, build, url, str(wait_s)], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split(), done.stderr


@pytest.mark.long
def test_a_local_wheel_is_found_by_pip_itself(python: Path, pypi: str, tmp_path: Path, served: str) -> None:
    wheel(tmp_path / "wheels", f"{VERSION}+cpu")
    arguments, said = chosen(python, pip_of(pypi, PIP_FIND_LINKS=str(tmp_path / "wheels")), f"{served}/none")
    assert (arguments, said) == ([], f"PyTorch: a CPU build, {VERSION}+cpu, from where pip looks\n")


def test_pytorchs_index_where_pip_would_take_cuda(python: Path, pypi: str, tmp_path: Path, served: str) -> None:
    index(tmp_path / "served" / "cpu", wheel(tmp_path / "cpu", f"{VERSION}+cpu", "filelock"))
    arguments, said = chosen(python, pip_of(pypi), f"{served}/cpu")
    assert said == f"PyTorch: a CPU build, from {served}/cpu\n"
    target = tmp_path / "target"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, *arguments]
    subprocess.run(install, env=pip_of(pypi), check=True, capture_output=True)
    assert [path.name for path in target.glob("torch-*")] == [f"torch-{VERSION}+cpu.dist-info"]


def test_an_index_without_this_version_is_none(python: Path, pypi: str, tmp_path: Path, served: str) -> None:
    index(
        tmp_path / "served" / "cpu", wheel(tmp_path / "cpu", "2.0.0+cpu"), wheel(tmp_path / "cpu", f"{VERSION}+cu130")
    )
    arguments, said = chosen(python, pip_of(pypi), f"{served}/cpu")
    assert arguments == []
    assert f"PyTorch: pip finds no CPU build, and {served}/cpu has none for this Python" in said
    assert said.endswith("PyPI's build comes, about 5.8 GB with CUDA, which takes minutes\n")


def test_an_index_that_does_not_answer_is_not_waited_for(python: Path, pypi: str) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/cpu"
        arguments, said = chosen(python, pip_of(pypi), url, wait_s=0.2)
    assert arguments == []
    assert "did not answer within 0.2 s: PyPI's build comes" in said


def test_an_index_that_answers_too_slowly_is_not_waited_for(python: Path, pypi: str) -> None:
    """Though each piece of it comes in time, and what is wanted stands in the last."""
    answers = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping)
    answers.daemon_threads = True
    with answers:
        Thread(target=answers.serve_forever, daemon=True).start()
        arguments, said = chosen(python, pip_of(pypi), f"http://127.0.0.1:{answers.server_address[1]}/cpu", wait_s=0.5)
        answers.shutdown()
    assert arguments == []
    assert "did not answer within 0.5 s: PyPI's build comes" in said


def test_a_build_that_needs_cuda_on_other_systems_only_is_taken(python: Path, tmp_path: Path, served: str) -> None:
    index(tmp_path / "served" / "pypi", wheel(tmp_path / "made", VERSION, CUDA.format(system="Plan9")))
    arguments, said = chosen(python, pip_of(f"{served}/pypi/"), f"{served}/cpu")
    assert (arguments, said) == ([], f"PyTorch: a CPU build, {VERSION}, from where pip looks\n")


def test_cuda_is_asked_for_by_name(python: Path, pypi: str, served: str) -> None:
    assert chosen(python, pip_of(pypi), served, "cuda") == ([], "")


def test_what_is_installed_stays(pypi: str, served: str) -> None:
    assert chosen(Path(sys.executable), pip_of(pypi), served) == ([], "")


@cache
def recipe(target: str, *variables: str) -> str:
    """What make would run in a clone in which nothing is set up."""
    done = subprocess.run(
        ["make", "-n", target, "VENV=/nonexistent/venv", *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_make_run_installs_what_it_runs_with_and_make_test_the_rest() -> None:
    assert "--editable '.[torch,parquet,page]'" in recipe("run")
    assert "dev" not in recipe("run").partition("--editable")[2].partition("\n")[0]
    for target in ("test", "lint", "setup"):
        assert "--editable '.[torch,onnx,export,parquet,research,ccxt,journal,alerts,page,notebook,dev]'" in recipe(
            target
        )
    assert "tools/torch_build.py 'cpu' 'https://" in recipe("run")
    assert "tools/torch_build.py 'cuda'" in recipe("setup", "TORCH=cuda")


def test_the_images_take_the_same_build_as_make() -> None:
    """By the same script, from the same index, and by the same word CUDA instead."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    _, asked, rest = recipe("run").partition("tools/torch_build.py 'cpu' '")
    assert asked
    assert f"ARG TORCH=cpu\nARG TORCH_INDEX={rest.partition(chr(39))[0]}\n" in dockerfile
    assert 'torch="$(python tools/torch_build.py "$TORCH" "$TORCH_INDEX")"' in dockerfile


def test_pytorchs_index_has_three_seconds() -> None:
    assert runpy.run_path(str(SCRIPT))["WAIT_S"] == 3
