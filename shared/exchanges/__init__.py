"""What holds of an exchange wherever it is spoken to."""
