# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a notebook to orders
#
# This notebook has three parts: research, strategy, implementation. It ends with a model of your own that trades, on
# paper, in the very processes that would trade real money. Everything of Tickline comes from one module, `tickline`.
#
# It is kept as text (`examples/quickstart.py`, by jupytext); `make notebook` makes and runs the `.ipynb`. It writes its
# files into the folder that it runs in, so take a copy into a folder of yours, and start Jupyter where `tickline` is on
# the path (`. .venv/bin/activate`).

# %%
import altair as alt
import numpy as np
import polars as pl
import torch
from torch import nn

from tickline import LogReturnLags, backtest, bars, dataset, save_model

# %% [markdown]
# ## Part 1: research
#
# ### Load
#
# Take a file or a DataFrame of yours with `datetime` (a bar's start) and `close` or `price`. This one is made here, so
# that the notebook needs no network: 2,000 bars of 12 hours, in which a move tends to be followed by a move back.

# %%
dice = np.random.default_rng(seed=12)
moves = np.zeros(2_000)
for n in range(1, len(moves)):
    moves[n] = -0.25 * moves[n - 1] + dice.normal(0, 0.012)
prices = pl.DataFrame(
    {
        "datetime": pl.datetime_range(
            pl.datetime(2023, 1, 1), pl.datetime(2023, 1, 1) + pl.duration(hours=12 * 1_999), "12h", eager=True
        ),
        "price": np.round(30_000 * np.exp(np.cumsum(moves)), 1),
    }
)
prices.write_csv("bars.csv")
prices

# %%
alt.Chart(prices).mark_line(strokeWidth=1).encode(x="datetime", y=alt.Y("price").scale(zero=False)).properties(
    width=700
)

# %% [markdown]
# ### Features
#
# A feature is a `Tick`: one value in, a result or `None` ("not yet") out. The services wrap these very objects, so a
# notebook and the line compute the same numbers, to the bit.

# %%
lags = LogReturnLags(3)
for price in prices["price"][:5]:
    shown = lags.on_tick(price)
shown

# %% [markdown]
# `dataset` feeds a whole history to features (one or several, by their specs) and puts the next log return beside each.

# %%
data = dataset(bars(prices, "12h"), ["log_return_lags(3)"])
X, y = torch.tensor(data.x), torch.tensor(data.y).float()
train, test = slice(0, 1_500), slice(1_500, None)
X.shape, y.shape

# %% [markdown]
# ### Train, in plain torch
#
# The class goes into a file, since the signal process has to find it, too. What is done to inputs and outputs, here a
# scale, belongs into the module: the line gives it the feature as it is, and takes its result as a log return.

# %%
# %%writefile net.py
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, no_features: int, hidden: int = 16) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(1.0))
        self.layers = nn.Sequential(nn.Linear(no_features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x / self.scale) * self.scale


# %%
from net import Net

torch.manual_seed(7)
model = Net(no_features=3, hidden=16)
model.scale.fill_(y[train].std())
optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for _ in range(200):
    optimiser.zero_grad()
    loss = nn.functional.mse_loss(model(X[train]).squeeze(-1), y[train])
    loss.backward()
    optimiser.step()
    losses.append(loss.item())
losses[0], losses[-1]

# %% [markdown]
# ### Look
#
# At data that the model has not seen: do predictions and outcomes go together?

# %%
with torch.no_grad():
    y_hat = model(X[test]).squeeze(-1)
seen = pl.DataFrame({"y_hat": y_hat.numpy(), "y": y[test].numpy()})
dots = alt.Chart(seen).mark_circle(size=20).encode(x="y_hat", y="y")
dots + dots.transform_regression("y_hat", "y").mark_line(color="firebrick")

# %% [markdown]
# ### Save
#
# One call writes the weights and their card, which says what they need: class, features, symbols, interval. It computes
# predictions on the whole history as the line would, compares them with the module's, and scores them beside baselines.

# %%
save_model(
    model,
    "quickstart",
    features=["log_return_lags(3)"],
    symbols=["BTCUSDT"],
    interval="12h",
    data=prices,
    test_share=0.25,
    params={"hidden": 16},
)

# %% [markdown]
# ## Part 2: strategy
#
# A strategy decides what a prediction is worth. This one trades only on those of some size. Its fields are its
# parameters; `decide` is pure, so the same class runs here, in a replay and live. (`examples/trailing_stop.py` is one
# with a memory.)

# %%
# %%writefile mine.py
from decimal import Decimal

from tickline import Account, AnyPrediction, Decider, Order, Reason


class Bold(Decider):
    threshold: float = 0.001
    leverage: Decimal = Decimal(1)

    def decide(self, prediction: AnyPrediction, account: Account) -> list[Order] | Reason:
        if abs(prediction.y_hat) < self.threshold:
            return Reason.BELOW_THRESHOLD
        close = account.close_position(prediction.sym)
        size = account.equity(prediction.sym, prediction.price) * self.leverage / prediction.price
        opened = Order(prediction.sym, size if prediction.y_hat > 0 else -size)
        return [close, opened] if close else [opened]


# %% [markdown]
# ### Backtest
#
# The history goes through the line's own stages. Only what the model has not seen counts.

# %%
unseen = str(prices["datetime"][1_504].date())
result = backtest(prices, "BTCUSDT", "mine.py:Bold", model="quickstart", balance=100.0, fee=0.0003, start=unseen)
result

# %%
result.trips.head()

# %%
alt.Chart(result.curve).mark_line().encode(x="datetime", y=alt.Y("equity").scale(zero=False)).properties(width=700)

# %%
result.report("report.html")  # a page with everything, which opens without network

# %% [markdown]
# ## Part 3: implementation
#
# `tickline run` starts the line: a stream server, ingestor, signal, strategy and gateway, each a process of its own.
# It replays the file, trades on paper, and compares every order with the backtest's.

# %% language="bash"
# tickline run --data bars.csv --sym BTCUSDT --interval 12h --model quickstart --strategy mine.py:Bold --fee 0.0003

# %% [markdown]
# Every message of it is still there: what was decided, and why.

# %% language="bash"
# tickline tail decisions --run-id last --limit 3
# tickline tail executions --run-id last --limit 3

# %% [markdown]
# ## From here
#
# - `tickline run --venue fake` rehearses with an exchange's simulator, where nothing trades before you `tickline arm`.
# - [docs/bring-your-own.md](../docs/bring-your-own.md) is the same way in the shell, from a `.pth` that you have.
# - [docs/going-live.md](../docs/going-live.md) leads to real money.
