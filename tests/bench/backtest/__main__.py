"""`python -m tests.bench.backtest`, which is what `make bench WHAT=backtest` runs."""

from tests.bench.backtest.bench_backtest import main

if __name__ == "__main__":
    main()
