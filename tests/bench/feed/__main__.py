"""`python -m tests.bench.feed`, which is what `make bench WHAT=feed` runs."""

from tests.bench.feed.bench_feed import main

if __name__ == "__main__":
    main()
