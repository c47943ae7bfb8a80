"""`python -m tests.bench.models`, which is what `make bench WHAT=models` runs."""

from tests.bench.models.bench_models import main

if __name__ == "__main__":
    main()
