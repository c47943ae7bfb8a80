"""This room listens to the markets of an exchange and fetches what it missed."""
