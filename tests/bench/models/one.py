"""One runtime in a process of its own: `python -m tests.bench.models.one CARD CALLS` prints JSON.

Memory is resident, of the whole process, before the runtime is imported and after the calls.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from shared.models.choose import card_at

WARM = 200
ROUNDS = 7


def measure(path: Path, calls: int) -> dict[str, float]:
    """µs a prediction (the best of ROUNDS medians is what the machine can do), and MB."""
    from shared.models.load_model import load_model

    card = card_at(path)
    shape = (card.window, card.no_features) if card.window > 1 else (card.no_features,)
    samples = list(np.random.default_rng(0).normal(0, 0.01, (64, *shape)).astype(np.float32))
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    predict = load_model(path).predict()
    load_s = time.perf_counter() - began
    for call in range(WARM):
        predict.on_tick(samples[call % 64])
    took = []
    for _ in range(ROUNDS):
        each = []
        for call in range(calls):
            start = time.perf_counter_ns()
            predict.on_tick(samples[call % 64])
            each.append(time.perf_counter_ns() - start)
        took.append(sorted(each)[calls // 2] / 1000)
    rss = process.memory_info().rss
    return {
        "us": round(min(took), 2),
        "rss_mb": round(rss / 2**20, 1),
        "runtime_mb": round((rss - before) / 2**20, 1),
        "load_s": round(load_s, 2),
        "torch": float("torch" in sys.modules),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))
