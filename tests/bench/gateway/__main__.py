"""`python -m tests.bench.gateway`, which is what `make bench WHAT=gateway` runs."""

from tests.bench.gateway.bench_gateway import main

if __name__ == "__main__":
    main()
