"""The lengths of a venue's bars."""

S_MS = 1000
INTERVALS_MS = {
    "1s": S_MS, "1m": 60 * S_MS, "3m": 180 * S_MS, "5m": 300 * S_MS, "15m": 900 * S_MS, "30m": 1800 * S_MS,
    "1h": 3600 * S_MS, "2h": 7200 * S_MS, "4h": 14_400 * S_MS, "6h": 21_600 * S_MS, "8h": 28_800 * S_MS,
    "12h": 43_200 * S_MS, "1d": 86_400 * S_MS,
}  # fmt: skip
BYBIT = {
    "1": 60 * S_MS, "3": 180 * S_MS, "5": 300 * S_MS, "15": 900 * S_MS, "30": 1800 * S_MS, "60": 3600 * S_MS,
    "120": 7200 * S_MS, "240": 14_400 * S_MS, "360": 21_600 * S_MS, "720": 43_200 * S_MS, "D": 86_400 * S_MS,
}  # fmt: skip
OKX = {
    "1s": S_MS, "1m": 60 * S_MS, "3m": 180 * S_MS, "5m": 300 * S_MS, "15m": 900 * S_MS, "30m": 1800 * S_MS,
    "1H": 3600 * S_MS, "2H": 7200 * S_MS, "4H": 14_400 * S_MS, "6Hutc": 21_600 * S_MS, "12Hutc": 43_200 * S_MS,
    "1Dutc": 86_400 * S_MS,
}  # fmt: skip
