"""The truth about money: orders, fills and executions of an account, kept through every crash. The only home of SQL."""
