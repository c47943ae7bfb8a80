"""Who takes the metrics of a line while it is measured: `python -m tests.bench.scraper FOLDER SERVICE …`.

It finds the services by their files and asks each every EVERY_S, as the Prometheus of deploy/prometheus/run.yml does. A
service that does not answer ends it, and so the measurement: what nobody scraped has cost nothing.
"""

import json
import sys
import time
from pathlib import Path
from urllib.request import urlopen

EVERY_S = 5.0
START_S = 30.0  # within which each service must have written its file
ANSWER_S = 10.0
LOOK_S = 0.2


def main() -> None:
    """Scrape until killed."""
    folder, services = Path(sys.argv[1]), sys.argv[2:]
    until = time.monotonic() + START_S
    while missing := [name for name in services if not (folder / f"{name}.json").is_file()]:
        if time.monotonic() > until:
            sys.exit(f"no metrics of {', '.join(missing)} in {folder} within {START_S:g} s")
        time.sleep(LOOK_S)
    while True:
        for name in services:
            (told,) = json.loads((folder / f"{name}.json").read_text())
            with urlopen(f"http://{told['targets'][0]}/metrics", timeout=ANSWER_S) as answer:
                if b"tickline_messages_written_total" not in answer.read():
                    sys.exit(f"{name} answers without its metrics")
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
