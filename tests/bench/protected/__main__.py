from tests.bench.protected.bench_protected import main

if __name__ == "__main__":
    main()
