"""The gateway where orders really go: the desk with its journal, its venue and its rules, out of the config."""

from functools import partial

from services.gateway.desk.desk import Desk
from services.gateway.desk.feeder import LiveFeeder
from services.gateway.desk.rules import DeskRules
from services.gateway.desk.stage import LiveStage
from services.gateway.desk.tools import Pace
from services.gateway.plan import plan_with
from services.gateway.risk.risk import Risk
from services.gateway.risk.rules import Rules
from services.gateway.venues.venue import Venue
from shared.config import Settings
from shared.config.keys import read_keys
from shared.journal.journal import Journal
from shared.models.choose import card_at, choose_model
from shared.runner.bus_feeder import BusFeeder
from shared.runner.plan import Limits
from shared.runner.service import Wiring


def live(settings: Settings, limits: Limits) -> Wiring:
    """Orders to the desk, reports from the journal."""
    desk = make_desk(settings)
    return Wiring(
        plan_with(settings, lambda sym: LiveStage(desk.taken)), LiveFeeder(BusFeeder(limits), desk), desk
    )


def make_desk(settings: Settings) -> Desk:
    """The desk of the account that the config names."""
    own = settings.gateway
    rules = DeskRules(
        symbols=settings.symbols,
        book=partial(book_of, settings),
        capital=settings.strategy.balance,
        partitions=settings.bus.partitions,
        pace=Pace(own.request_validity_ms, own.grace_ms),
        reconcile_s=own.reconcile_s,
    )
    risk = Risk(Rules.of(settings, model_sha256(settings)))
    journal = partial(Journal.open, settings.journal_url, own.account, durable=True)
    return Desk(rules, risk, journal, partial(make_venue, settings))


def book_of(settings: Settings, sym: str) -> str:
    """What the journal calls the book of a symbol."""
    return f"{settings.strategy.instance}:{sym}"


def model_sha256(settings: Settings) -> str:
    """Of the weights that the config names, as their card has it."""
    own = settings.signal
    return card_at(choose_model(own.model, own.weights, settings.symbols, settings.interval)).sha256


def make_venue(settings: Settings) -> Venue:
    """The venue that the config names; ccxt is imported here, and only now."""
    from services.gateway.venues.ccxt_venue import CcxtVenue
    from services.gateway.venues.credentials import Credentials
    from services.gateway.venues.options import VenueOptions

    own = settings.gateway
    keys = read_keys(own)
    options = VenueOptions(
        exchange=own.exchange, markets=own.markets, mode="live" if own.mode == "live" else "testnet",
        leverage=own.leverage, allow_unlisted=own.allow_unlisted, base_url=own.fake_url if own.venue == "fake" else "",
        timeout_s=own.timeout_s, throttled=own.venue != "fake",
    )  # fmt: skip
    return CcxtVenue(options, Credentials(keys.api_key, keys.api_secret, keys.api_password or None))
