"""What a person says to an account, and what its journal keeps of that: arming, latches, capital, where it trades."""
