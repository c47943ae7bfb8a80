"""An order on its way to the venue: what is sent, once, and what is known of it when the answer came or did not."""

import asyncio
from collections.abc import Callable
from decimal import localcontext
from typing import Any

from shared.exchanges.trading import amounts, parse
from shared.exchanges.trading.classify import failed
from shared.exchanges.trading.profiles.profile import ExchangeProfile
from shared.exchanges.trading.reply import Stamp, listening
from shared.exchanges.trading.rest_caller import RestCaller
from shared.exchanges.trading.venue import Cleared, MarketRules
from shared.messages.reasons import Reason
from shared.orders.answers import Ambiguous, OrderStatusReport, Refused
from shared.orders.state import OrderRequest


class OrderSender:
    """Sends market orders through ccxt, each once. timeout_s: of one request, from when it may be written."""

    def __init__(self, asker: RestCaller, profile: ExchangeProfile, timeout_s: float) -> None:
        self._asker, self._profile, self._facts, self._timeout_s = asker, profile, profile.facts, timeout_s

    async def place(
        self, rules: MarketRules, request: OrderRequest, now_ms: Callable[[], int], cleared: Cleared
    ) -> OrderStatusReport | Refused | Ambiguous:
        """Send exactly one request, or none; never raises for what the venue does.

        now_ms: the venue's clock. cleared: awaited when the request is made and before anything of it is written.
        """
        refused = self._unfit(rules, request)
        if refused is not None:
            return refused
        amount = amounts.contracts(rules, request.signed_qty)
        limit = asyncio.timeout(self._timeout_s)

        async def held() -> None:
            await cleared()
            limit.reschedule(asyncio.get_running_loop().time() + self._timeout_s)

        stamp = Stamp(at_ms=request.at_ms, validity_ms=request.validity_ms, now_ms=now_ms, cleared=held)
        try:
            with listening(stamp), localcontext():
                async with limit:
                    order = await self._asker.client.create_order(
                        rules.market, "market", "buy" if request.signed_qty > 0 else "sell", amount, None,
                        self._params(rules, request),
                    )  # fmt: skip
            if order.get("clientOrderId") not in (None, request.client_order_id):
                raise parse.Unreadable("the answer is about another order")
            return parse.snapshot(self._facts, rules, order, request.signed_qty)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return self._failed(stamp, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the order may be there
            return self._failed(stamp, error)

    def _unfit(self, rules: MarketRules, request: OrderRequest) -> Refused | None:
        facts, wanted = self._facts, request.signed_qty
        if amounts.truncated(wanted, rules.step) != wanted or abs(wanted) < max(rules.min_qty, rules.step):
            return Refused(Reason.BELOW_MINIMUM, f"{wanted}: at least {rules.min_qty} in steps of {rules.step}")
        if not facts.client_id_form.match(request.client_order_id):
            return Refused(Reason.NOT_SENT, f"client id {request.client_order_id!r} is not as the venue wants it")
        if facts.expiry and request.validity_ms > facts.most_validity_ms:
            return Refused(Reason.NOT_SENT, f"validity {request.validity_ms} ms: at most {facts.most_validity_ms} ms")
        if self._asker.silence_s:
            return Refused(Reason.RATE_LIMITED, f"the venue wants {self._asker.silence_s:.0f} s of silence: not sent")
        return None

    def _params(self, rules: MarketRules, request: OrderRequest) -> dict[str, Any]:
        params: dict[str, Any] = {self._facts.client_id: request.client_order_id}
        if request.row:
            return {**params, **self._profile.closing(request.row)}
        if rules.kind == "spot":
            return {**params, **self._facts.spot_params}
        return {**params, **self._facts.swap_params, **({"reduceOnly": True} if request.reduce_only else {})}

    def _failed(self, stamp: Stamp, error: BaseException) -> Refused | Ambiguous:
        self._asker.heard(stamp)
        fate = failed(self._facts, stamp, error)
        if isinstance(fate, Refused):
            return Refused(fate.reason, self._asker.redact(fate.text))
        return Ambiguous(self._asker.redact(fate.cause))
