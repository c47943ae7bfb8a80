"""Specs with which every registered feature is tried."""

SPECS = (
    "atr(1)", "atr(3)", "bollinger(1, 2.0)", "bollinger(4, 2.0)", "ema(1)", "ema(3)", "funding()", "log_return()",
    "log_return_lags(1)", "log_return_lags(3)", "realised_volatility(1)", "realised_volatility(3)", "rolling_mean(1)",
    "rolling_mean(4)", "rolling_std(1)", "rolling_std(4)", "rsi(1)", "rsi(3)", "spread()", "taker_imbalance(1)",
    "taker_imbalance(3)", "time_of_day()", "time_of_week()", "volume_z(1)", "volume_z(4)", "z_score(1)", "z_score(4)",
)  # fmt: skip
