"""`python -m tests.bench.symbols`, which is what `make bench WHAT=symbols` runs."""

from tests.bench.symbols.bench_symbols import main

if __name__ == "__main__":
    main()
