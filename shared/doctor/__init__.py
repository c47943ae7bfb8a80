"""What keeps a line from working well here, a finding each, with what to do about it. Nothing is changed."""
