"""Ways to spoil a file: bytes, whole lines, a JSON value, a value of a TOML file."""

import json
import random
import re
from typing import Any

#: Bytes that text files should not have, or that mean something to who reads them.
BYTES = (
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b'"',
    b"{",
    b"}",
    b"\n",
    b"\r\n",
    b"\\",
    b"9" * 400,
)
#: How deep what is nested lies.
DEEP = 20_000
#: JSON as text, for what Python's own values cannot say.
RAW = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 5000, "-0", "1.0", "0.1e-400"),
    *(r'"\ud800"', r'"\udc00x"', r'"\u0000"', r'"\u202etxt"', r'"\u001b[31m"', '"' + "x" * 100_000 + '"', r'"\u2028"'),
    *("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "[" * DEEP),
)
#: One of each type, and odd ones; a value is replaced by those of other types and of its own.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 2**64, 10**30, 0.5, -1.5, 1e308, -1e308, 5e-324),
    *(
        "",
        "x",
        "nan",
        "inf",
        "-inf",
        "NaN",
        "1e5",
        "conforms",
        "perfect",
        "diverges",
        "<b>|`x`</b>",
        "a\nb\tc",
        "\u202eabc",
    ),
    *([], {}, [None], [[]], {"": ""}, [0] * 1000, ["nan"], {"x": {"y": []}}, [1e308, -1e308], ["x", 1, None]),
)
#: Whole lines that no run writes.
LINES = (b"null", b"{}", b"[]", b"x", b'{"kind":"verdict"}', b'{"kind":"no"}', b"\x00", b"1" * 6000)
#: What is put in the place of a value of a TOML file.
TOML = (
    *(
        "0",
        "-1",
        "-7",
        "1",
        "10000000",
        "1e308",
        "-1e308",
        "nan",
        "inf",
        "-inf",
        "true",
        "false",
        "99999999999999999999",
    ),
    *(
        '""',
        '"x"',
        '"*"',
        '"[a-"',
        '"("',
        '"\\u0000"',
        '"\\u202e"',
        '"\\U000e0001"',
        '"n//0"',
        '"n-9"',
        '"n*n*n*n*n*n"',
    ),
    *(
        '"1//0"',
        '"n d d"',
        '"9999999999999"',
        '"n**2"',
        '"__import__"',
        '"n.real"',
        '"n[0]"',
        '"lambda: 0"',
        '"n d-99"',
    ),
    *('">=1"', '"<0"', '"nonsense"', '"not.a.module"', '"n <= 0"', '"n = n"', '"n = d*0"', "1979-05-27", "07:32:00"),
    *(
        "[]",
        "{}",
        "[0]",
        '[""]',
        '["x"]',
        "[[]]",
        "[{}]",
        "{ n = -1 }",
        "{ n = 0 }",
        '{ "" = "" }',
        '["*", "?"]',
        "[nan]",
    ),
    *('"' + "n" * 3000 + '"', '"' + "(" * 500 + "n" + ")" * 500 + '"', '"' + "-" * 3000 + '1"', "[" * 300 + "]" * 300),
    *('"' + "n+" * 3000 + 'n"', "1" + "0" * 300, '"""a\nb"""'),
)
#: A value of a TOML file as it is usually written.
TOML_VALUE = re.compile(r'-?\b\d+(?:\.\d+)?\b|"[^"\n]*"|\btrue\b|\bfalse\b|\[[^\[\]\n]*\]|\{[^{}\n]*\}')
TOML_LINE = re.compile(r"(?m)^\w[^\n=]*=[^\n]*\n")

Spoilt = tuple[str, bytes]


def bytes_spoilt(chance: random.Random, data: bytes) -> Spoilt:
    """Some bytes flipped, put in, or all from one place on removed."""
    place = chance.randrange(len(data) or 1)
    match chance.randrange(4):
        case 0:
            changed, many = bytearray(data), chance.choice((1, 1, 1, 3, 40))
            for _ in range(many):
                changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            return f"{many} bits flipped", bytes(changed)
        case 1:
            return f"cut behind byte {place}", data[:place]
        case 2:
            put = chance.choice(BYTES)
            return f"{put[:8]!r} put in at byte {place}", data[:place] + put + data[place:]
    end = place + chance.choice((1, 5, 200))
    return f"bytes {place} to {end} removed", data[:place] + data[end:]


def lines_spoilt(chance: random.Random, lines: list[bytes]) -> tuple[str, list[bytes]]:
    """Lines removed, doubled, moved, put in; or all of an end."""
    rows, place, other = list(lines), chance.randrange(len(lines)), chance.randrange(len(lines) + 1)
    match chance.randrange(7):
        case 0:
            del rows[place]
            told = f"line {place + 1} removed"
        case 1:
            rows.insert(other, rows[place])
            told = f"line {place + 1} doubled before {other + 1}"
        case 2:
            rows.insert(min(other, len(rows) - 1), rows.pop(place))
            told = f"line {place + 1} moved to {other + 1}"
        case 3:
            chance.shuffle(rows)
            told = "all lines shuffled"
        case 4:
            put = chance.choice(LINES)
            rows.insert(other, put)
            told = f"{put[:20]!r} put in before line {other + 1}"
        case 5:
            told, rows = f"only the first {place} lines", rows[:place]
        case _:
            told, rows = f"only the lines from {place + 1} on", rows[place:]
    return told, rows


def json_spoilt(chance: random.Random, line: bytes) -> Spoilt:
    """One value of a line replaced, or a field removed or put in."""
    record = json.loads(line)
    holder, key = chance.choice(places(record))
    told = f"{record.get('kind')}.{key}"
    match chance.randrange(8):
        case 0 if isinstance(holder, dict):
            del holder[key]
            return f"{told} removed", _told(record)
        case 1 if isinstance(holder, dict):
            holder[chance.choice(("x", "", "link", "\u202e"))] = chance.choice(VALUES)
            return f"a field put in beside {told}", _told(record)
        case 2 | 3:
            holder[key], raw = "@", chance.choice(RAW)
            return f"{told} = {raw[:20]}", _told(record).replace(b'"@"', raw.encode("utf-8"), 1)
        case 4 if isinstance(holder[key], list):
            holder[key] = chance.choice((holder[key] * 2, holder[key][:-1], [*holder[key], *holder[key][:1]]))
            return f"{told} of another length", _told(record)
    holder[key] = chance.choice(VALUES)
    return f"{told} = {holder[key]!r:.40}", _told(record)


def _told(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Everywhere that a value stands: what holds it, and its key there."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[Any, Any]] = []
    for key, inner in keys:
        found += [(value, key), *places(inner)]
    return found


def toml_spoilt(chance: random.Random, text: str) -> Spoilt:
    """One value replaced, a line removed, doubled or put in; or the bytes are spoilt."""
    lines = list(TOML_LINE.finditer(text))
    match chance.randrange(8):
        case 0:
            return bytes_spoilt(chance, text.encode())
        case 1 if lines:
            at = chance.choice(lines)
            return f"removed: {at[0].strip()[:60]}", (text[: at.start()] + text[at.end() :]).encode()
        case 2 if lines:
            at = chance.choice(lines)
            name, value = at[0].partition("=")[0].strip(), chance.choice(TOML)
            put = f"{chance.choice((name, 'unheard_of', 'output', 'pool', 'id'))} = {value}\n"
            return f"put in: {put.strip()[:60]}", (text[: at.end()] + put + text[at.end() :]).encode()
    at, value = chance.choice(list(TOML_VALUE.finditer(text))), chance.choice(TOML)
    row = text.count("\n", 0, at.start()) + 1
    return f"line {row}: {at[0][:40]} -> {value[:40]}", (text[: at.start()] + value + text[at.end() :]).encode()
