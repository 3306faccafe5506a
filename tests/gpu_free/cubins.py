"""Cubins joined into one, for nvdisasm: that takes half a second to begin, whatever it is given.

Of a cubin, which is an ELF file, the sections with machine code and the symbols in them are kept.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

HEADER, SECTION, SYMBOL = "<16sHHIQQQIHHHHHH", "<IIQQQQIIQQ", "<IBBHQQ"


class Section(NamedTuple):
    """One section: its name, the fields of its header, its bytes."""

    name: str
    fields: tuple[int, ...]
    data: bytes


def text_at(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()


def sections(cubin: bytes) -> list[Section]:
    """Return the sections of an ELF file."""
    header = struct.unpack_from(HEADER, cubin)
    at, size, count, names = header[6], header[11], header[12], header[13]
    fields = [struct.unpack_from(SECTION, cubin, at + k * size) for k in range(count)]
    data = [b"" if f[1] == 8 else cubin[f[4] : f[4] + f[5]] for f in fields]  # 8: has no bytes
    return [
        Section(text_at(data[names], field[0]), field, own)
        for field, own in zip(fields, data, strict=True)
    ]


def joined(cubins: Sequence[bytes]) -> bytes:
    """Return one cubin with the code of all, which are of one architecture."""
    parts = [sections(cubin) for cubin in cubins]
    # The compiler makes a template in every file that uses it; the last is kept.
    keeper = {section.name: k for k, found in enumerate(parts) for section in found}
    code: list[tuple[int, Section]] = []  # with the cubin
    symbols: list[tuple[int, int, str, tuple[int, ...]]] = []  # (cubin, index there, name, fields)
    places: list[dict[int, int]] = []  # of each cubin, section there to section here
    for k, found in enumerate(parts):
        places.append({})
        for i, section in enumerate(found):
            if section.name.startswith(".text.") and keeper[section.name] == k:
                places[k][i] = 4 + len(code)
                code.append((k, section))
        strings, table = (
            next(s.data for s in found if s.name == name) for name in (".strtab", ".symtab")
        )
        for i, fields in enumerate(struct.iter_unpack(SYMBOL, table)):
            if fields[3] in places[k]:
                symbols.append((k, i, text_at(strings, fields[0]), fields))
    symbols.sort(key=lambda symbol: symbol[3][1] >> 4 != 0)  # local ones come first
    here = {symbol[:2]: i + 1 for i, symbol in enumerate(symbols)}
    strings, table = b"\0", bytes(24)
    for k, _, name, (_, info, other, section_, value, size) in symbols:
        table += struct.pack(SYMBOL, len(strings), info, other, places[k][section_], value, size)
        strings += name.encode() + b"\0"
    local = sum(symbol[3][1] >> 4 == 0 for symbol in symbols)
    names, headers = b"\0", bytes(64)
    body = bytes(64)  # the header's place

    def add(
        name: str, data: bytes, kind: int,
        *, flags: int = 0, link: int = 0, info: int = 0, entry: int = 0,
    ) -> None:  # fmt: skip
        nonlocal names, headers, body
        body += bytes(-len(body) % 128)
        fields = (len(names), kind, flags, 0, len(body), len(data), link, info, 128, entry)
        headers += struct.pack(SECTION, *fields)
        names += name.encode() + b"\0"
        body += data

    told = [".shstrtab", ".strtab", ".symtab", *(section.name for _, section in code)]
    add(".shstrtab", "\0".join(["", *told, ""]).encode(), 3)
    add(".strtab", strings, 3)
    add(".symtab", table, 2, link=2, info=local + 1, entry=24)
    for k, section in code:
        _, kind, flags, *_, info, _, _ = section.fields
        symbol = here[k, info & 0xFFFFFF]  # registers stand in the upper bits
        info = info & ~0xFFFFFF | symbol
        add(section.name, section.data, kind, flags=flags, link=3, info=info)
    header = list(struct.unpack_from(HEADER, cubins[0]))
    header[5], header[6] = 0, len(body)  # no segments
    header[9], header[10], header[12], header[13] = 0, 0, 4 + len(code), 1
    return struct.pack(HEADER, *header) + body[64:] + headers
