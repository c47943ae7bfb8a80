"""Whose turn it is to be struck by a trouble that was switched on."""


class Turns:
    """skip: so many pass first; times: so many are struck then; struck: so many were."""

    skip: int
    times: int
    struck: int

    def turn(self) -> bool:
        """Whether the next one is struck; counts."""
        if self.struck >= self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.struck += 1
        return True
