"""A chain knows whether anything of it is gone, whatever that is."""

from hypothesis import given
from hypothesis import strategies as st

from shared.explain.chain import Chain, Hop
from shared.messages import ExecutionReport, OrderIntent
from tests.unit.lookup.test_chains import PRICES, Session

SESSION = Session().take(*PRICES)
TRACES = sorted({order.tr for order in SESSION.orders()})


@given(tr=st.sampled_from(TRACES), data=st.data())
def test_a_chain_is_complete_where_nothing_of_it_is_gone(tr: str, data: st.DataObject) -> None:
    whole = [one for one in SESSION.messages if one.tr == tr]
    kept = data.draw(st.permutations(whole).flatmap(lambda all_: st.integers(1, len(all_)).map(lambda n: all_[:n])))
    reported = max(order.n for order in SESSION.orders())
    lacking = Chain.of(tr, [Hop(message, 0) for message in kept]).lacking(reported)
    assert bool(lacking) == (len(kept) < len(whole)), (lacking, [one.human() for one in kept])


@given(tr=st.sampled_from(TRACES))
def test_only_a_late_order_may_have_no_report(tr: str) -> None:
    chain = [one for one in SESSION.messages if one.tr == tr]
    orders = [one for one in chain if isinstance(one, OrderIntent)]
    hops = [Hop(one, 0) for one in chain if not isinstance(one, ExecutionReport)]
    assert Chain.of(tr, hops).lacking(orders[0].n - 1) == []
    assert Chain.of(tr, hops).lacking(orders[-1].n) == [f"the report of order {one.client_order_id}" for one in orders]


def test_messages_stand_in_the_lines_order_however_they_were_found() -> None:
    whole = [one for one in SESSION.messages if one.tr == TRACES[-1]]
    shuffled = Chain.of(TRACES[-1], [Hop(message, 0) for message in reversed(whole)])
    kinds = [type(hop.message).__name__ for hop in shuffled.hops]
    assert kinds[:4] == ["MarketTick", "Features", "Prediction", "Decision"]
    assert kinds == sorted(
        kinds, key=["MarketTick", "Features", "Prediction", "Decision", "OrderIntent", "ExecutionReport"].index
    )
