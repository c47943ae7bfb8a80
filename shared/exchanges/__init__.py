"""An exchange has a profile, a clock and a pace of questions, whoever speaks to it."""
