"""docs/bring-your-own.md, word for word, in a folder outside the repository that holds files of bad names, too."""

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.command import Tickline, run_script
from tests.e2e.reverting_market import write_market

PAGE = (Path(__file__).parents[2] / "docs/bring-your-own.md").read_text()
FILES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
COMMANDS = [
    line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()
]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_each_command_of_the_page_in_its_order(tickline: Tickline) -> None:
    write_market(tickline.folder / "bars.csv", 240)
    for name, code in FILES.items():
        (tickline.folder / name).write_text(code)
    assert len(FILES) == 4
    assert len(COMMANDS) == 11
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "python":
            run_script(tickline.folder, words[1:])
            continue
        done = (tickline if words[1] == "run" else tickline.in_process)(*words[1:])
        assert done.code == 0, (command, done)
        assert done.out.strip(), command
        if words[1] == "run":
            compared = re.search(r"parity: (\d+) of (\d+) orders identical", done.out)
            assert compared is not None, done
            assert compared[1] == compared[2] != "0"
    assert (tickline.folder / "report.html").exists()
