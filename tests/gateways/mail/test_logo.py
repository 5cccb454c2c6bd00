"""The logo is part of the mail: opening one loads nothing."""

from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from domain.notifications.mail_types import InlineImage, Occasion
from gateways.mail.logo import LOGO_ADDRESS, LOGO_CONTENT_ID, logo_of
from gateways.mail.message import build_message
from gateways.mail.renderer import MailRenderer
from tests.gateways.mail.test_message import MAIL
from tests.gateways.mails import ADA, BRAND, PLAN, Reader

LOGO = InlineImage(b"\x89PNG\r\n--part", "png", LOGO_CONTENT_ID)


def test_a_mail_shows_the_logo_that_it_carries_in_place_of_the_name() -> None:
    html = MailRenderer(BRAND, LOGO_ADDRESS).render(Occasion.CANCELED, PLAN, ADA).html
    reader = Reader()
    reader.feed(html)

    assert [address for address in reader.addresses if not address.startswith(("https:", "mailto:"))] == [LOGO_ADDRESS]
    assert 'alt="Northwind"' in html


def test_the_image_stands_beside_the_page_and_the_text_before_both() -> None:
    with_logo = replace(MAIL, image=LOGO)
    wire = build_message(with_logo)
    read = BytesParser(EmailMessage, policy=policy.default).parsebytes(wire)

    text, related = read.iter_parts()
    page, image = related.iter_parts()
    assert [part.get_content_type() for part in (text, related, page, image)] == [
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    assert image["Content-ID"] == f"<{LOGO_CONTENT_ID}>"
    assert image.get_content_disposition() == "inline"
    assert image.get_content() == LOGO.content
    assert build_message(with_logo) == wire, "the same to the last byte"


@pytest.mark.parametrize(("name", "subtype"), [("logo.PNG", "png"), ("logo.jpg", "jpeg"), ("logo.jpeg", "jpeg")])
def test_an_image_that_all_mail_clients_show_is_the_logo_of_mails(tmp_path: Path, name: str, subtype: str) -> None:
    (tmp_path / name).write_bytes(b"image")
    assert logo_of(tmp_path / name) == InlineImage(b"image", subtype, LOGO_CONTENT_ID)


@pytest.mark.parametrize("name", ["logo.svg", "logo.webp"])
def test_one_that_some_do_not_show_is_left_to_pages(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"image")
    assert logo_of(tmp_path / name) is None
    assert logo_of(None) is None
