"""`make house` counts files and their lines, single importers, class names that stand twice, and circles.

It reads the syntax trees of `shared` and `services` and follows a name that a package hands on to the file that has it,
so no re-export hides an importer.

A file that only one other imports, beside it, is part of that, or it has a reason: together they would be longer than a
file may be, or it stands in KEPT.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOMS = ("shared", "services")
LONGEST = 350  # lines of a file
KEPT = {
    "services.gateway.execution.naked_time": "what is noted of a time without a stop, and not what is done about it",
    "services.gateway.execution.stop_requests": "how a stop is placed, cancelled and closed, and not when",
    "services.ingestor.metrics": "each service has this file",
    "services.gateway.live": "paper needs neither the engine nor what it loads",
    "services.monitor.metrics": "each service has this file",
    "services.strategy.metrics": "each service has this file",
    "shared.features.time_of_day": "each feature has a file",
    "services.research.fast.measured": "the rows and totals of what was traded, and not how a file is traded",
    "services.research.fast.row_kernel": "it loads numba, which settings and prices do without",
    "services.research.lookahead.restarts": "a check of its own: of memory, and not of the future",
    "services.simulator.hyperliquid.account": "each dialect has this file",
    "services.simulator.hyperliquid.signer": "the SDK's way to sign, written apart from ccxt's: each checks the other",
    "services.simulator.simulator": "tests serve a simulator in their own process, without the command's options",
    "shared.exchanges.hyperliquid.pace": "how fast one may ask is another matter than how one signs",
    "shared.models.onnx_model": "it loads onnxruntime, which a torch model does without",
    "shared.user_code.data_files": "what a user's code opens is another matter than what it imports",
}
TARGETS = "files <= 350, median 90 to 140, none above 400, single importers <= 25, names twice <= 5, circles 0"


class House:
    """A house parses every module of the rooms under `root`, once."""

    def __init__(self, root: Path) -> None:
        paths = sorted(path for room in ROOMS for path in (root / room).rglob("*.py"))
        self.paths = {_module(path.relative_to(root)): path for path in paths}
        self.trees = {name: ast.parse(path.read_text()) for name, path in self.paths.items()}
        self.imports = {name: set(self._imported(name)) for name in self.trees}

    def lines(self) -> dict[str, int]:
        """Returns the lines of every module, blank ones and comments included."""
        return {name: len(path.read_text().splitlines()) for name, path in self.paths.items()}

    def single_importers(self) -> list[tuple[str, str]]:
        """Returns modules with one importer, where that stands in the same folder: (module, its importer)."""
        importers = defaultdict(set)
        for name, imported in self.imports.items():
            for other in imported - {name}:
                importers[other].add(name)
        found = ((name, next(iter(by))) for name, by in sorted(importers.items()) if len(by) == 1)
        return [(name, by) for name, by in found if _folder(name) == _folder(by) and not self._is_package(name)]

    def unexplained(self) -> list[str]:
        """Returns the single importers' modules without a reason, and those in KEPT that need none any more."""
        lines, single = self.lines(), dict(self.single_importers())
        short = {name for name, by in single.items() if lines[name] + lines[by] <= LONGEST}
        return sorted(short ^ (KEPT.keys() & self.trees.keys()))

    def names_twice(self) -> dict[str, list[str]]:
        """Returns the names of public classes that several modules define, with these modules."""
        found = defaultdict(list)
        for name, tree in self.trees.items():
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(name)
        return {name: where for name, where in sorted(found.items()) if len(where) > 1}

    def circles(self) -> list[list[str]]:
        """Returns groups of modules that import one another, directly or through others, when they load."""
        return [circle for circle in _components({name: self.imports[name] for name in self.trees}) if len(circle) > 1]

    def _is_package(self, name: str) -> bool:
        return self.paths[name].name == "__init__.py"

    def _imported(self, name: str) -> Iterator[str]:
        for node in _loaded(self.trees[name]):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield from self._where(node.module, alias.name)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in self.paths)

    def _where(self, module: str, name: str) -> Iterator[str]:
        """Yields the module that defines the name, through packages that only hand it on."""
        if f"{module}.{name}" in self.paths:
            yield f"{module}.{name}"
        elif module in self.paths:
            for node in self.trees[module].body if self._is_package(module) else ():
                if isinstance(node, ast.ImportFrom) and node.module and node.module != module:
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            yield from self._where(node.module, alias.name)
                            return
            yield module


def _module(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _folder(name: str) -> str:
    return name.rpartition(".")[0]


def _loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields all nodes except those that only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _loaded(node)


def _components(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the strongly connected components: https://en.wikipedia.org/wiki/Path-based_strong_component_algorithm."""
    order: dict[str, int] = {}
    stack: list[str] = []
    path: list[str] = []
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = len(order)
        stack.append(node)
        path.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
            elif other not in done:
                while order[path[-1]] > order[other]:
                    path.pop()
        if path[-1] == node:
            path.pop()
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            done.update(component)
            found.append(sorted(component))

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in order:
            visit(node)
    return found


def report(house: House, *, long: bool) -> Iterator[str]:
    """Yields the figures, a line each; `long` adds what they count."""
    lines, single, twice, circles = house.lines(), house.single_importers(), house.names_twice(), house.circles()
    sizes = [count for name, count in lines.items() if count]
    largest = max(lines, key=lambda name: lines[name])
    yield f"files              {len(lines)}, {sum(lines.values()):,} lines"
    yield f"lines of a file    median {median(sizes):.0f}, most {lines[largest]} ({largest})"
    yield f"single importers   {len(single)}"
    yield from (
        f"  {name}  <- {by}: {KEPT.get(name, f'{lines[name] + lines[by]} lines together')}"
        for name, by in single
        if long
    )
    yield f"  without a reason {len(house.unexplained())}"
    yield from (f"    {name}" for name in house.unexplained() if long)
    yield f"names twice        {len(twice)}"
    yield from (f"  {name}: {', '.join(where)}" for name, where in twice.items() if long)
    yield f"circles            {len(circles)}"
    yield from (f"  {' '.join(circle)}" for circle in circles if long)
    yield f"targets: {TARGETS}"


if __name__ == "__main__":
    sys.stdout.writelines(
        f"{line}\n" for line in report(House(Path(__file__).parents[1]), long="--long" in sys.argv[1:])
    )
