"""Every mail as its readers see it, stored for review.

    python -m tests.gateways.golden     rewrites them: read the difference before you commit it

There is a text and an HTML page for each sample and language. The pages are stored without their style, which is the
same for all of them and hides the text.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from domain.notifications.mail_types import Recipient
from gateways.mail.samples import samples
from localization.languages import languages
from tests.gateways.mails import renderer

FOLDER = Path(__file__).with_name("golden")
REVIEWED = ("de", "en")


def rendered() -> Iterator[tuple[Path, str]]:
    """Yields every stored file as it would be written today."""
    for code in REVIEWED:
        reader = Recipient("ada@example.com", "Ada Lovelace", languages()[code].tag, "Europe/Berlin")
        for sample in samples():
            mail = renderer().render(sample.occasion, sample.facts, reader)
            file = FOLDER / code / sample.name
            yield file.with_suffix(".txt"), f"Subject: {mail.subject}\n\n{mail.text}"
            yield file.with_suffix(".html"), without_style(mail.html)


def without_style(html: str) -> str:
    """Returns a page without its styling."""
    plain = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    plain = re.sub(r' style="[^"]*"', "", plain)
    return re.sub(r"\n\s*\n+", "\n", plain).strip() + "\n"


def kept() -> set[Path]:
    return {file for file in FOLDER.rglob("*") if file.is_file()}


def renew() -> None:
    now = dict(rendered())
    for file in kept() - set(now):
        file.unlink()
    for file, words in now.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words, encoding="utf-8")


if __name__ == "__main__":
    renew()
