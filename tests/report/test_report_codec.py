import json
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import pytest

from unmask.report.codec import OMITTED, Number, Part, Pattern, Probability, Seconds
from unmask.report.schema import generated_schema, schema


@dataclass(frozen=True)
class Inner(Part):
    share: Probability


@dataclass(frozen=True)
class Outer(Part):
    JSON: ClassVar = ("kind", "pair", "inners", "name", "secret")

    name: Annotated[str, Pattern("[a-z]+")]
    kind: Literal["one", "two"] = "one"
    pair: tuple[Annotated[int, Number(0)], Seconds] | None = None
    inners: tuple[Inner, ...] = ()
    secret: Annotated[bytes, OMITTED] = b""


def test_a_part_is_written_in_its_order_rounded_and_read_back():
    part = Outer("a", "two", (3, 1.23456), (Inner(0.12345678),), b"x")
    row = part.to_dict()
    assert json.dumps(row) == (
        '{"kind": "two", "pair": [3, 1.235], "inners": [{"share": 0.123457}], "name": "a"}'
    )
    assert Outer.from_dict(row) == Outer("a", "two", (3, 1.235), (Inner(0.123457),))
    assert Outer.from_dict({"name": "b", "later": 1}) == Outer("b")


@pytest.mark.parametrize(
    "change",
    [
        {"name": "A"},
        {"kind": "three"},
        {"pair": (1,)},
        {"pair": (-1, 0.0)},
        {"pair": (0, math.inf)},
        {"inners": ({"share": 2.0},)},
        {"name": None},
    ],
)
def test_what_its_types_do_not_allow_is_refused(change):
    with pytest.raises(ValueError):
        Outer.from_dict({"name": "a"} | change)


def test_the_file_of_the_schema_is_what_the_dataclasses_say():
    assert schema() == json.loads(json.dumps(generated_schema())), "run scripts/write_scan_schema.py"


def test_the_schema_has_the_texts_and_ranges_of_the_dataclasses():
    frame = schema()["$defs"]["FrameScore"]["properties"]
    assert frame["time"] == {
        "type": "number",
        "minimum": 0,
        "description": "Seconds from the start, 0 for an image.",
    }
    assert frame["score"]["type"] == ["number", "null"] and "null for a face" in frame["score"]["description"]
    assert schema(1)["properties"]["schema"] == {"const": 1}
