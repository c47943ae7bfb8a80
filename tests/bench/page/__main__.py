from tests.bench.page.bench_page import main

if __name__ == "__main__":
    main()
