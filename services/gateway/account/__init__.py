"""What a person does to an account: arm, disarm, halt, resume, resolve, adopt. All of it on the journal.

It runs as a process of its own, `python -m services.gateway.account`, which the `tickline` command starts with the
terminal attached. So it needs neither bus nor gateway, and works when both are dead.
"""
