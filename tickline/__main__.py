"""`python -m tickline` is the command `tickline`."""


def main() -> None:
    """Runs the command."""
    from services.console.main import main as command  # tickline has put it where no folder's file hides it

    command()


if __name__ == "__main__":
    main()
