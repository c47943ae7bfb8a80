"""This package holds users' modules under names of their own; the finder fills it, there is no folder behind it.

The second part of a name says which folder a module is of, so a process that unpickles an object of such a module
finds it again: `shared.user_code.folders.f_F53W64TL.mine`.
"""

from shared.user_code.finder import install

__path__: list[str] = []  # so Python takes it for a package, and asks only the finder for what is in it

install()
