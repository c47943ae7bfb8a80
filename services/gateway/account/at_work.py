"""How a halt and a gateway tell each other who holds the account."""

AT_WORK = "halt"  # the owner of an epoch that begins with it is cancelling and closing: a gateway lets it finish
