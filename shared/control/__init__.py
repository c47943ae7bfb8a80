"""A person controls an account, and its journal keeps that: arming, latches, capital, where it trades."""
