"""Users' own code: how it is found, loaded and hashed, and whose line raised.

`load("mine.py:Mine")` returns a class of the user's folder with the hash of all that decides in it.
"""

from shared.user_code.blame import Place, WrongDecision, blaming, described, place_of, user_code_failed
from shared.user_code.loader import Loaded, code_hash, code_of, load, load_named, read_once, use_folder, user_folder

__all__ = [
    "Loaded",
    "Place",
    "WrongDecision",
    "blaming",
    "code_hash",
    "code_of",
    "described",
    "load",
    "load_named",
    "place_of",
    "read_once",
    "use_folder",
    "user_code_failed",
    "user_folder",
]
