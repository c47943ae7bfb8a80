"""What is stored or sent: older, newer and unknown wires; records in records."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

import shared.messages.codec
import shared.record
from shared.later_fields import Since
from shared.messages.codec import pack, unpack
from shared.record import (
    BY_VALUE,
    FIRST,
    WIRE,
    NewerWire,
    Record,
    Snapshot,
    fields_of,
    read_fields,
    read_kept,
    unvalidated,
)

NEXT = WIRE + 1


class Leg(Record):
    """A record in a record, which had another name for its size."""

    size: int
    note: Annotated[str, Since(NEXT)] = ""

    @classmethod
    def upgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        if wire < NEXT and "length" in fields:
            fields["size"] = fields.pop("length")
        return fields

    @classmethod
    def downgrade(cls, fields: dict[str, Any], wire: int) -> dict[str, Any]:
        fields = super().downgrade(fields, wire)
        return {"length": fields.pop("size"), **fields} if wire < NEXT else fields


class Book(Snapshot):
    """All the places where a record can stand."""

    one: Leg
    maybe: Leg | None = None
    many: list[Leg] = []  # noqa: RUF012
    row: Annotated[tuple[Leg, ...], BY_VALUE] = ()
    named: dict[str, Leg] = {}  # noqa: RUF012
    by: Annotated[str, Since(NEXT)] = "nobody"


@pytest.fixture
def next_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process knows one wire more."""
    monkeypatch.setattr(shared.record, "WIRE", NEXT)
    monkeypatch.setattr(shared.messages.codec, "WIRE", NEXT)


class Nested(Snapshot):
    """Records deeper within: a marked type in a map, values of two kinds."""

    marked: dict[str, Annotated[tuple[Leg, ...], BY_VALUE]]
    pair: Annotated[tuple[Leg, int], BY_VALUE] | None
    absent: Annotated[tuple[Leg, ...], BY_VALUE] | None = None


LEG = Leg(size=2, note="n")
BOOK = Book(one=LEG, maybe=LEG, many=[LEG], row=(LEG,), named={"a": LEG}, by="me")


@pytest.mark.usefixtures("next_wire")
def test_records_are_upgraded_however_deep_they_lie() -> None:
    nested = Nested(marked={"a": (LEG, LEG)}, pair=(LEG, 7), absent=(LEG,))
    old = LEG.model_copy(update={"note": ""})
    older = nested.model_copy(update={"marked": {"a": (old, old)}, "pair": (old, 7), "absent": (old,)})
    assert Nested.of(unpack(pack(nested, WIRE))) == older
    assert Nested.of(unpack(pack(nested, NEXT))) == nested


@pytest.mark.usefixtures("next_wire")
def test_what_an_older_wire_wrote_is_read_with_defaults_and_new_names() -> None:
    older = unpack(pack(BOOK, WIRE))
    assert older == {
        "v": WIRE, "one": {"length": 2}, "maybe": {"length": 2}, "many": [{"length": 2}], "row": [{"length": 2}],
        "named": {"a": {"length": 2}},
    }  # fmt: skip
    plain = Leg(size=2)
    assert Book.of(older) == Book(one=plain, maybe=plain, many=[plain], row=(plain,), named={"a": plain})


@pytest.mark.usefixtures("next_wire")
def test_a_map_of_fields_is_written_at_an_older_wire_as_its_record_is() -> None:
    leg = fields_of(Leg)(size=2, note="n")
    book = fields_of(Book)(one=leg, maybe=None, many=[leg], row=(leg,), named={"a": leg}, by="me")
    record = BOOK.model_copy(update={"maybe": None})
    assert pack(book, WIRE) == pack(record, WIRE)
    assert unpack(pack({"any": [book]}, WIRE)) == {"any": [unpack(pack(record, WIRE))]}


def test_a_map_of_fields_has_all_of_them() -> None:
    with pytest.raises(TypeError, match="note"):
        fields_of(Leg)(size=1)


def test_a_snapshot_of_a_newer_wire_is_no_damage() -> None:
    with pytest.raises(
        NewerWire, match=f"a Book was written by a newer Tickline \\(wire {NEXT}; this one knows {WIRE}"
    ):
        Book.of({"v": NEXT, "one": {"size": 1}})


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        ([1, 2], "a Book has named fields; this is \\[1, 2\\]"),
        ({"one": {"size": 1}}, "a Book: an older Tickline"),
        ({"v": FIRST - 1, "one": {"size": 1}}, "a Book: an older Tickline"),
        ({"v": True, "one": {"size": 1}}, "a Book: an older Tickline"),
        ({"v": WIRE, "one": {"size": "1"}}, r"Book\.one\.size: Input should be a valid integer"),
        ({"v": WIRE, "one": {"size": 1}, "x\ny": 1}, r"Book\.'x\\ny': Extra inputs are not permitted"),
    ],
)
def test_what_is_no_snapshot_is_refused_in_one_line(saved: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Book.of(saved)


def test_a_journal_that_only_gains_is_read_without_what_is_not_known_here() -> None:
    newer = {"v": NEXT, "one": {"size": 1, "note": "", "colour": "red"}, "colour": "red"}
    assert read_kept(Book, newer, gains_only=True) == Book(one=Leg(size=1))


def test_a_field_that_came_later_needs_a_default() -> None:
    with pytest.raises(TypeError, match=r"Bad\.late came later: it needs a default"):

        class Bad(Record):
            late: Annotated[int, Since(NEXT)]


def test_a_later_field_has_a_default_that_all_records_can_share() -> None:
    with pytest.raises(TypeError, match=r"Bad\.late came later: it needs a default, and not one that is made anew"):

        class Bad(Record):
            late: Annotated[list[int], Since(NEXT)] = Field(default_factory=list)


@pytest.mark.parametrize("given", [{}, {"note": ""}], ids=["left out", "given"])
def test_a_record_does_not_hold_what_came_later_and_is_at_its_default(given: dict[str, str]) -> None:
    made = [
        Leg(size=1, **given),
        Leg.model_validate({"size": 1, **given}),
        unvalidated(Leg)(size=1, **given),
        read_fields(Leg, {"size": 1, **given}, WIRE),
        Leg(size=1, note="n").model_copy(update={"note": ""}),
        Book(one={"size": 1, **given}).one,  # type: ignore[arg-type]
    ]
    for leg in made:
        assert leg.__dict__ == {"size": 1}
        assert leg.note == ""
        assert leg == made[0]
        assert (hash(leg), repr(leg), leg.model_dump()) == (hash(made[0]), "Leg(size=1)", {"size": 1})
        assert Leg.deciding(leg.__dict__) == {"size": 1}
        assert unpack(pack({"leg": leg})) == {"leg": {"size": 1}}


def test_nor_do_the_records_in_it_wherever_and_however_often_they_stand() -> None:
    class Part(Record):
        at: int
        later: Annotated[int | None, Since(WIRE)] = None

    class Whole(Snapshot):
        one: Part
        other: Part | None
        many: dict[str, Part]

    part = {"at": 1}
    whole = Whole.of({"v": WIRE, "one": part, "other": part, "many": {"a": part}})
    assert whole.other is not None
    assert [each.__dict__ for each in (whole.one, whole.other, whole.many["a"])] == [part] * 3


def test_a_record_holds_what_came_later_and_says_something() -> None:
    made = [
        LEG,
        unvalidated(Leg)(size=2, note="n"),
        unvalidated(Leg, always=("note",))(size=2, note="n"),
        read_fields(Leg, {"size": 2, "note": "n"}, WIRE),
        Leg(size=2).model_copy(update={"note": "n"}),
    ]
    for leg in made:
        assert leg.__dict__ == Leg.deciding(leg.__dict__) == {"size": 2, "note": "n"}
        assert leg == LEG
        assert repr(leg) == "Leg(size=2, note='n')"


def test_without_validation_all_fields_from_the_first_must_be_given() -> None:
    """By their count: their names are the type checker's."""
    with pytest.raises(TypeError, match="Leg needs all of size"):
        unvalidated(Leg)()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Leg needs all of size"):
        unvalidated(Leg, always=("note",))(note="n")  # type: ignore[call-arg]


class Late(Record):
    """Fields that came later stand between the others, and each is checked where it is there."""

    first: int
    one: Annotated[Annotated[int, Field(ge=1)] | None, Since(NEXT)] = None
    second: int
    other: Annotated[str, Since(NEXT)] = ""

    @model_validator(mode="after")
    def _ascends(self) -> "Late":
        if self.second < self.first:
            raise ValueError("second is below first")
        return self


@given(st.fixed_dictionaries(
    {"first": st.integers(0, 3)},
    optional={
        "second": st.integers(0, 3) | st.none(), "one": st.none() | st.integers(0, 2) | st.text(max_size=1),
        "other": st.text(max_size=1) | st.none(), "unknown": st.none(),
    },
))  # fmt: skip
def test_what_is_read_is_what_validation_of_all_fields_gives(fields: dict[str, Any]) -> None:
    """A null of a text that came later is the one thing that is no default: refused by both."""
    try:
        expected: Late | None = Late.model_validate(fields)
    except ValidationError:
        expected = None
    try:
        found: Late | None = read_fields(Late, dict(fields), WIRE)
    except ValueError:
        found = None
    assert found == expected
    assert found is None or expected is None or found.__dict__ == expected.__dict__


@given(st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=4), max_size=5))
def test_any_map_is_a_snapshot_or_one_line(saved: dict[str, Any]) -> None:
    line = ""
    try:
        assert isinstance(Book.of({"v": WIRE, **saved}), Book)
    except ValueError as error:
        line = str(error)
    except NewerWire:
        assert saved["v"] > WIRE
    assert "\n" not in line
