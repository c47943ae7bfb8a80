"""What a person does to an account at its exchange: look at it before arming, cancel, flatten, resolve."""
