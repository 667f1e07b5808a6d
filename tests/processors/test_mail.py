"""What is shown of messages and mailboxes, and what of them is never shown as it is."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest

from tests.processors.compounds import outlook_message, outlook_tree
from uploads.processors.hypertext import harmless, text_of


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ada Lovelace <ada@example.org>"
    mail["To"] = "bob@example.org, Zoë <zoe@example.org>"
    mail["Subject"] = "Grüße aus London"
    mail["Date"] = "Wed, 01 May 2024 12:00:00 +0200"
    mail["Message-ID"] = "<1@example.org>"
    mail["Authentication-Results"] = "mx; spf=pass x; dkim=fail y; dmarc=none"
    mail["Received"] = "from a by b"
    mail.set_content("Hello,\nthis is the text.\n")
    mail.add_alternative(
        '<p onclick="x()">Hello</p><img src="https://tracker.example/p.gif"><script>alert(1)</script>'
        '<a href="https://example.org/a">a</a><a href="javascript:alert(2)">b</a>'
        "<style>p{}</style>",
        subtype="html",
    )
    mail.add_attachment(
        b"a,b\n1,2\n", maintype="text", subtype="csv", filename="Tabelle für dich.csv"
    )
    mail.add_attachment(
        b"%PDF-1.4", maintype="application", subtype="pdf", filename="../../evil.pdf"
    )
    return mail


def test_headers_text_and_attachments(take):
    taken = take(bytes(message()), "x.eml")
    found = taken["mail"]
    assert (found["format"], found["subject"]) == ("eml", "Grüße aus London")
    assert found["from"] == [{"name": "Ada Lovelace", "address": "ada@example.org"}]
    assert found["to"][1] == {"name": "Zoë", "address": "zoe@example.org"}
    assert found["date"] == "2024-05-01T12:00:00+02:00"
    assert found["authentication"] == {"spf": "pass", "dkim": "fail", "dmarc": "none"}
    assert (found["received"], found["message_id"]) == (1, "<1@example.org>")
    assert found["head"] == "Hello,\nthis is the text."
    assert found["attachments"] == [
        {
            "name": "Tabelle für dich.csv",
            "media_type": "text/csv",
            "size": 8,
            "artifact": "attachment-1.csv",
        },
        {
            "name": "../../evil.pdf",
            "media_type": "application/pdf",
            "size": 8,
            "artifact": "attachment-2.pdf",
        },
    ]
    assert taken.artifact("mail", "attachment-1.csv") == b"a,b\n1,2\n"
    assert dict(taken.artifacts["mail"])["attachment-1.csv"] == "application/octet-stream"
    assert taken.artifact("mail", "text.txt").startswith(b"Hello,")


def test_the_body_acts_no_more_and_calls_nobody(take):
    taken = take(bytes(message()), "x.eml")
    page = taken.artifact("mail", "body.html").decode()
    assert "Hello" in page
    for word in ("script", "onclick", "tracker", "javascript", "style", "alert"):
        assert word not in page
    assert taken["mail"]["blocked"] == 1
    assert taken["mail"]["links"] == ["example.org"]
    assert 'rel="noopener noreferrer nofollow"' in page


@pytest.mark.parametrize(
    "html",
    [
        '<svg onload="alert(1)"><a xlink:href="javascript:alert(1)">x</a></svg>',
        '<iframe src="https://x.example"></iframe><form action="https://x.example"><input></form>',
        '<img src=x onerror=alert(1)><img srcset="https://x.example/a 2x">',
        '<div style="background:url(https://x.example/b)">x</div><link href=//x.example>',
        '<meta http-equiv="refresh" content="0;url=https://x.example"><base href="https://x.example">',
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    ],
)
def test_html_from_strangers_is_made_harmless(html):
    safe = harmless(html).html
    for word in (
        "alert",
        "x.example",
        "onerror",
        "onload",
        "<iframe",
        "<form",
        "<meta",
        "<base",
        "url(",
    ):
        assert word not in safe


def test_a_message_with_html_only_still_has_text(take):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "x"
    mail.set_content("<p>One</p><p>Two <b>three</b></p><script>no()</script>", subtype="html")
    found = take(bytes(mail), "x.eml")["mail"]
    assert found["head"].split() == ["One", "Two", "three"]


def test_broken_headers_are_shown_as_they_are(take):
    content = (
        b"From: =?x-unknown?Q?abc?= <a@example.org>\nTo: undisclosed-recipients:;\n"
        b"Subject: =?utf-8?B?%%%?=\nDate: not a date\nContent-Type: text/plain; charset=x-unknown\n"
        b"\nbody \xff\n"
    )
    found = take(content, "x.eml")["mail"]
    assert found["date"] is None
    assert found["subject"]
    assert found["head"].startswith("body")


def test_a_message_nested_without_end_is_a_bad_file(take):
    content = b"From: a@example.org\nTo: b@example.org\nSubject: x\n"
    part = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    nested = content + b"".join(part % (number, number) for number in range(2000))
    assert "boundaries" in take(nested, "x.eml").broken["mail"]
    bearable = take(content + b"".join(part % (number, number) for number in range(50)), "x.eml")
    assert bearable["mail"]["attachments"] == []


def forwarding(*attached: EmailMessage) -> EmailMessage:
    """A mail that has others attached."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Fwd"
    mail.set_content("See what they write.\n")
    for one in attached:
        mail.add_attachment(one)
    return mail


def test_a_mail_that_is_attached_to_a_mail_is_an_attachment(take):
    short = EmailMessage()
    short["From"], short["Subject"] = "c@example.org", "in/out"
    short.set_content("the inner words\n")
    taken = take(bytes(forwarding(message(), short)), "x.eml")
    found = taken["mail"]
    assert found["head"] == "See what they write."
    assert [(one["name"], one["media_type"], one["artifact"]) for one in found["attachments"]] == [
        ("Grüße aus London.eml", "message/rfc822", "attachment-1.eml"),
        ("in-out.eml", "message/rfc822", "attachment-2.eml"),
    ]
    inner = take(taken.artifact("mail", "attachment-1.eml"), "attachment-1.eml")["mail"]
    assert inner["subject"] == "Grüße aus London"
    assert inner["head"] == "Hello,\nthis is the text."
    assert inner["attachments"][0]["name"] == "Tabelle für dich.csv"
    assert b"the inner words" in taken.artifact("mail", "attachment-2.eml")


def test_an_attached_mail_that_was_encoded_is_decoded(take):
    inner = b"Subject: secret\nFrom: c@example.org\nTo: a@example.org\n\nwords\n"
    content = (
        b"From: a@example.org\nTo: b@example.org\nSubject: x\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        b'Content-Type: message/rfc822; name="kept"\nContent-Transfer-Encoding: base64\n\n'
        + base64.encodebytes(inner)
        + b"--b--\n"
    )
    taken = take(content, "x.eml")
    (only,) = taken["mail"]["attachments"]
    assert (only["name"], only["size"]) == ("kept.eml", len(inner))
    assert taken.artifact("mail", "attachment-1.eml") == inner


def test_mails_in_mails_in_mails_are_taken_apart_one_at_a_time(take):
    deep = message()
    for _ in range(8):
        deep = forwarding(deep)
    found = take(bytes(deep), "x.eml")["mail"]
    assert (len(found["attachments"]), found["head"]) == (1, "See what they write.")
    head = b"From: a@example.org\nTo: b@example.org\nSubject: x\n"
    endless = take(head + b"Content-Type: message/rfc822\n\n" * 5000, "x.eml")
    assert "without end" in endless.broken["mail"]


def test_a_mail_of_ten_thousand_parts_shows_the_first(take):
    head = b"From: a@example.org\nTo: b@example.org\nContent-Type: multipart/mixed; boundary=b\n\n"
    part = b"--b\nContent-Type: text/csv; name=a.csv\n\n1,2\n"
    found = take(head + part * 10_000 + b"--b--\n", "x.eml")["mail"]
    assert (len(found["attachments"]), found["attachments"][0]["size"]) == (100, 3)


def test_a_mailbox_lists_its_messages(take):
    content = b""
    for _ in range(3):
        content += b"From ada@example.org Wed May  1 12:00:00 2024\n" + bytes(message()) + b"\n"
    content += b"From x\nFrom: b@example.org\nTo: a@example.org\nSubject: last\n\nFrom here on\n"
    taken = take(content, "x.mbox")
    found = taken["mail"]
    assert (found["format"], found["messages"]) == ("mbox", 4)
    assert found["senders"][0] == {"address": "ada@example.org", "count": 3}
    assert found["shown"][0]["subject"] == "Grüße aus London"
    assert (found["first"], found["shown"][3]["subject"]) == ("2024-05-01T12:00:00+02:00", "last")


def test_a_broken_mailbox_lists_what_it_has(take):
    found = take(b"From x Mon\n\xff\xfe=?\n\nFrom y\nSubject: =?x?q?\nDate: 99\n\n", "x.mbox")[
        "mail"
    ]
    assert (found["format"], found["messages"], found["first"]) == ("mbox", 2, None)
    assert [one["subject"] for one in found["shown"]] == [None, "=?x?q?"]


def test_an_outlook_message_is_read(take):
    data = outlook_message("Plans", "Hello Bob", "ada@example.org", ("a.txt", b"attached"))
    taken = take(data, "x.msg")
    assert taken.media_type == "application/vnd.ms-outlook"
    found = taken["mail"]
    assert (found["format"], found["subject"], found["head"]) == ("msg", "Plans", "Hello Bob")
    assert found["from"] == [{"name": "", "address": "ada@example.org"}]
    assert found["to"] == [{"name": "Bob", "address": "bob@example.org"}]
    assert taken.artifact("mail", "attachment-1.txt") == b"attached"


def test_a_header_in_an_impossible_charset_is_shown_as_it_stands(take):
    raw = b"From: a@example.org\nSubject: =?u\xddf-8?q?caf=C3=A9?=\nTo: b@example.org\n\nHi\n"
    taken = take(raw, "a.eml")
    assert taken.broken == {}
    assert "caf=C3=A9" in taken["mail"]["subject"]


def test_an_outlook_message_that_lacks_a_stream_is_a_bad_file(take):
    whole = outlook_message("Plans", "Hello", "a@example.org", ("a.txt", b"x"))
    lacks = whole.replace("_001A".encode("utf-16-le"), "_001B".encode("utf-16-le"))
    assert lacks != whole
    assert "damaged" in take(lacks, "a.msg").broken["mail"]


def test_a_broken_outlook_message_is_a_bad_file(take):
    data = bytearray(outlook_message("Plans", "Hello", "a@example.org", ("a.txt", b"x")))
    data[1700:] = b"\xee" * (len(data) - 1700)
    broken = take(bytes(data), "x.msg").broken
    assert "damaged" in (broken.get("mail") or broken["office"])


def test_html_that_would_take_parsers_for_ever_is_shown_as_words():
    for tangled in ("<div>" * 300_000 + "two", f"<p {'a ' * 300_000}>two"):
        safe = harmless(f"<b>one</b>{tangled}")
        assert safe.html == "<p>one two</p>"
        assert text_of(tangled) == "two"
    fine = "<p>x" * 5000 + "<div>" * 500 + "<br>" * 5000
    assert harmless(fine).html.count("<div>") == 500


def test_an_outlook_attachment_that_is_no_bytes_is_named_and_not_made_up(take):
    taken = take(outlook_message("Fwd", "See", "ada@example.org", ("Plans", {})), "x.msg")
    assert taken["mail"]["attachments"] == [
        {"name": "Plans", "media_type": "application/octet-stream", "size": 0, "artifact": None}
    ]
    assert dict(taken.artifacts["mail"]).keys() == {"text.txt"}


def test_an_outlook_message_in_another_one_is_a_mail_of_its_own(take):
    """Down to the file that is attached to the message inside of the message inside."""
    inmost = outlook_tree("Zahlen ä/ö", "Siehe Anhang", "eve@example.org", ("n.csv", b"a,b\n1,2\n"))
    inner = outlook_tree("Fwd: Zahlen", "see\r\nbelow", "ada@example.org", ("", inmost))
    whole = take(outlook_message("Fwd: Fwd", "Look", "bob@example.org", ("", inner)), "x.msg")
    (attached,) = whole["mail"]["attachments"]
    assert attached["name"] == "Fwd: Zahlen.eml"
    assert (attached["media_type"], attached["artifact"]) == ("message/rfc822", "attachment-1.eml")
    first = take(whole.artifact("mail", "attachment-1.eml"), attached["name"])
    assert first.media_type == "message/rfc822"
    found = first["mail"]
    assert (found["subject"], found["head"]) == ("Fwd: Zahlen", "see\nbelow")
    assert found["from"] == [{"name": "", "address": "ada@example.org"}]
    assert found["to"] == [{"name": "Bob", "address": "bob@example.org"}]
    assert found["attachments"][0]["name"] == "Zahlen ä-ö.eml"
    second = take(first.artifact("mail", "attachment-1.eml"), "y.eml")["mail"]
    assert (second["subject"], second["head"]) == ("Zahlen ä/ö", "Siehe Anhang")
    assert [(one["name"], one["size"]) for one in second["attachments"]] == [("n.csv", 8)]


def test_a_damaged_message_inside_an_outlook_message_is_left_out_by_itself(take):
    inner = outlook_tree("Inner", "text", "ada@example.org", ("a.txt", b"x"))
    del inner["__substg1.0_1000001F"]
    found = take(outlook_message("Outer", "Look", "bob@example.org", ("Inner", inner)), "x.msg")
    assert found["mail"]["subject"] == "Outer"
    assert found["mail"]["attachments"][0] == {
        "name": "Inner", "media_type": "application/octet-stream", "size": 0, "artifact": None
    }  # fmt: skip


def test_outlook_messages_nested_without_end_are_cut_off(take):
    inner = outlook_tree("Deep", "at the end", "ada@example.org", ("a.txt", b"x"))
    for _ in range(12):
        inner = outlook_tree("Deep", "text", "ada@example.org", ("", inner))
    whole = take(outlook_message("Outer", "Look", "bob@example.org", ("", inner)), "x.msg")
    mail = whole.artifact("mail", "attachment-1.eml")
    assert mail.count(b"message/rfc822") == 7
