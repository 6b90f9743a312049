"""Awkward mails, by name: what the world sends, what is broken, and what somebody made to do harm. Each is bytes as they come after `DATA`."""

from __future__ import annotations

import base64
from collections.abc import Iterator

FROM = b"From: Ann <ann@x.example>\r\n"
HI = b"\r\nhi\r\n"
CHARSETS = (
    *("us-ascii", "utf-8", "UTF8", "utf-7", "utf-16", "utf-32", "iso-8859-1", "iso-8859-15", "windows-1252", "cp1251"),
    *("koi8-r", "gb2312", "gbk", "gb18030", "big5", "shift_jis", "iso-2022-jp", "euc-jp", "euc-kr", "ks_c_5601-1987"),
    *(
        "iso-8859-8-i",
        "tis-620",
        "macintosh",
        "x-unknown",
        "unknown-8bit",
        "idna",
        "punycode",
        "unicode_escape",
        "rot13",
    ),
    *("hex", "zlib", "base64", "undefined", "mbcs", "", "\\x00", "utf-8;", "'utf-8'", "a" * 5_000),
)
ADDRESSES = (
    *(b"", b"<>", b"@", b"a@", b"@b", b"a@b@c", b"a@b.c <", b'"a@b.c', b"(((((", b"a(b@c", b"<a@b.c", b"a@b.c>"),
    *(b"a@b.c, <c@d.e> f@g.h", b"group: a@b.c;", b"group:;", b"\xff\xfe@x.example", b"a@\xc3\xbc.example", b"=?utf-8?q?a=40b=2Ec?="),
    *(b'"Ann" <"a b"@x.example>', b"<@r1,@r2:a@b.c>", b"a@[127.0.0.1]", b"a@b.c\x00@evil.example", b",,,,,", b"a@b.c)c@d.e"),
)  # fmt: skip
HEADERS = (
    *(b"Date: never", b"Date: Mon, 99 Foo 99999 99:99:99 +9999", b"Date: Thu, 1 Jan 0001 00:00:00 +1400", b"Date: " + b"9" * 400),
    *(b"Message-ID:", b"Message-ID: <>", b"Message-ID: no brackets", b"Message-ID: <a b@c>", b"Message-ID: <" + b"x" * 3_000 + b">"),
    *(b"References: " + b"<a@b> " * 9_000, b"In-Reply-To: <" * 4_000, b"Subject: =?utf-8?b?" + b"A" * 60_000 + b"?="),
    *(b"Subject: " + b"=?utf-8?q?a?= " * 4_000, b"Subject: " + b"=?" * 30_000, b"Subject: =?utf-8?q?=?=", b"Subject: \x00\x01\x02"),
    *(b"Subject: caf\xe9", b"Subject: \xf0\x9f\x98\x80", b"Subject: =?utf-8?b?7aC9?=", b"Content-Type", b"Content-Type:", b"Content-Type: ;;;"),
    *(b"Content-Type: text", b"Content-Type: multipart/mixed", b'Content-Type: multipart/mixed; boundary=""', b"Content-Type: \xff/\xff"),
    *(b"Content-Type: text/plain; charset=utf-8; charset=utf-16", b"Content-Type: message/rfc822", b"Content-Type: message/partial; id=x"),
    *(b'Content-Type: text/plain; name="' + b"n" * 9_000, b"Content-Type: text/plain; " + b"a*0*=x;" * 4_000, b"Content-Type: text/html\r\n"),
    *(b"Content-Transfer-Encoding: x-uuencode", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable"),
    *(b"Content-Disposition: attachment; filename=../../etc/passwd", b"Content-Disposition: attachment; filename=a\x00b.txt"),
    *(b'Content-Disposition: attachment; filename="' + "\u202egpj.exe".encode() + b'"', b"Content-Disposition: attachment; filename=."),
    *(b"Content-Disposition: attachment; filename*=utf-8''%2e%2e%2fx", b"Content-Disposition: inline; filename=" + b"n" * 3_000),
    *(b"From: other@y.example", b"From: a@b.c, d@e.f", b"Sender: x@y.z", b"To: " + b"a@b.c, " * 9_000, b"To: " + b"(" * 60_000),
    *(b"To: " + b'"' * 60_000, b"Cc: " + b"@a:" * 20_000, b"To: " + b"<" * 60_000, b": no name", b"no colon at all", b" folded first"),
    *(b"X: " + b"\r\n y" * 900, b"X: " + b"\r\n y" * 1_100, b"X: " + b"y" * 65_000, b"X: " + b"y" * 66_000, b"X: " + b"y" * 2**20),
    *(b"\r\n".join(b"X-%d: y" % number for number in range(980)), b"\r\n".join(b"X-%d: y" % number for number in range(1_100))),
    b"\r\n".join(b"X: " + b"y" * 60_000 for _ in range(20)),
)  # fmt: skip
VERDICTS = (
    b"Authentication-Results: localhost; dmarc=pass",
    b"Authentication-Results: LOCALHOST.; dmarc=pass",
    b"authentication-results: (we) localhost (us) 1; dmarc=pass",
    b'Authentication-Results: "localhost"; dmarc=pass',
    b"Authentication-Results:\r\n localhost;\r\n dmarc=pass",
    b"Authentication-Results : localhost; dmarc=pass",
    b"Authentication-Results: ; dmarc=pass",
    b"ARC-Authentication-Results: i=1; localhost; dmarc=pass",
)
BODIES = (
    *(b"", b"\r\n" * 1_000, b".\r\n..\r\n", b"no end", b"\x00" * 1_000, b"\xff" * 1_000, b"\n" * 1_000, b"\r" * 1_000),
    *(
        b"bare\nline\nfeeds",
        b"=" * 9_000,
        b"a" * 100_000,
        b"=FF=ZZ=\r\n=",
        b"====",
        b"begin 644 x\r\n#86)C\r\n`\r\nend",
    ),
)


def corpus() -> Iterator[tuple[str, bytes]]:
    """All but those that are large."""
    for charset in CHARSETS:
        said = charset.encode()
        yield (
            f"charset {charset[:20]}",
            FROM + b"Content-Type: text/plain; charset=" + said + b"\r\n\r\n\xfcber +AOQ- \x1b$B =E4\r\n",
        )
        yield f"word {charset[:20]}", FROM + b"Subject: =?" + said + b"?q?=FCber=00=D8=00?=\r\n" + HI
    for number, address in enumerate(ADDRESSES):
        yield f"from {number}", b"From: " + address + b"\r\n" + HI
    for number, header in enumerate((*HEADERS, *VERDICTS)):
        yield f"header {number}", FROM + header + b"\r\n" + HI
    for number, body in enumerate(BODIES):
        yield f"body {number}", FROM + b"\r\n" + body
        coded = b"Content-Transfer-Encoding: " + (b"base64" if number % 2 else b"quoted-printable")
        yield f"coded body {number}", FROM + coded + b"\r\n\r\n" + body
        yield f"page {number}", FROM + b"Content-Type: text/html\r\n\r\n<p" + body
    yield from _parts()


def _parts() -> Iterator[tuple[str, bytes]]:
    mixed = FROM + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    yield "only the first border", mixed + b"--x\r\n"
    yield "no border", mixed + b"hi"
    yield "no last border", mixed + b"--x\r\n\r\none\r\n--x\r\n\r\ntwo"
    yield "borders in a row", mixed + b"--x\r\n" * 50 + b"--x--\r\n"
    yield "a border within a line", mixed + b"--x\r\n\r\na --x\r\nb --x--\r\n--x--\r\n"
    yield (
        "the same border inside",
        mixed + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n--x--",
    )
    yield "a border that begins another", mixed + b"--xy\r\n\r\nhi\r\n--x\r\n\r\nyes\r\n--x--"
    yield "bare line feeds", mixed.replace(b"\r\n", b"\n") + b"--x\n\none\n--x\n\ntwo\n--x--\n"
    yield "199 parts", mixed + b"--x\r\n\r\nhi\r\n" * 199 + b"--x--"
    yield "10,000 parts", mixed + b"--x\r\n\r\nhi\r\n" * 10_000 + b"--x--"
    yield "50 attachments", mixed + b"--x\r\nContent-Type: a/b\r\n\r\nhi\r\n" * 50 + b"--x--"
    yield "51 attachments", mixed + b"--x\r\nContent-Type: a/b\r\n\r\nhi\r\n" * 51 + b"--x--"
    yield "a digest", mixed.replace(b"mixed", b"digest") + b"--x\r\n\r\nFrom: a@b\r\n\r\nhi\r\n--x--"
    yield "a mail in a mail", mixed + b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + mixed + b"--x--"
    for depth in (9, 11, 64, 2_000):
        head = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (one, one) for one in range(depth)
        )
        yield f"depth {depth}", FROM + head + HI
    yield "an invitation", mixed + b"--x\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n--x--"
    yield "an inline image", mixed + b"--x\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n\r\n\x89PNG\r\n--x--"
    yield "tags without end", FROM + b"Content-Type: text/html\r\n\r\n" + b"<a" * 400_000
    yield "comments without end", FROM + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 200_000
    yield "tags in a row", FROM + b"Content-Type: text/html\r\n\r\n" + b"<p>" * 300_000
    yield "references in a row", FROM + b"Content-Type: text/html\r\n\r\n" + b"&#x41;" * 150_000
    yield "a head alone", FROM[:-2]
    yield "nothing", b""


def large() -> Iterator[tuple[str, bytes]]:
    """Up to what a server takes, and beyond."""
    pieces = base64.encodebytes(bytes(range(256)) * 4 * 9_000).replace(b"\n", b"\r\n")
    part = b"--x\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    mixed = FROM + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    yield "two attachments of 9 MB", mixed + part + pieces + part + pieces + b"--x--"
    yield "an attachment of 12 MB", mixed + part + pieces + pieces[: len(pieces) // 3] + b"--x--"
    yield "25 MB of borders", mixed + b"--x\r" * (6 * 2**20) + b"--x--"
    yield "25 MB of text", FROM + b"\r\n" + b"x" * (25 * 2**20 - 100)
    yield "25 MB of lines", FROM + b"\r\n" + b"x\r\n" * (8 * 2**20)
    yield "25 MB of head", FROM + b"X: y\r\n" * (4 * 2**20)
    yield (
        "25 MB of quoted printable",
        FROM + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=3D" * (8 * 2**20),
    )
    yield "25 MB that is no base64", FROM + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"\x00" * (24 * 2**20)
