"""What a person says to an account, and its journal keeps: arming, latches, capital, where it trades. No Typer here."""
