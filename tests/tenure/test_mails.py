"""Looking at the mails before customers do."""

import pytest

from gateways.mail.samples import samples
from localization.languages import languages
from tests.tenure.conftest import Terminal


async def test_a_preview_holds_every_mail_in_every_language(terminal: Terminal) -> None:
    said = await terminal.run("mails", "preview", "seen")

    assert (said.status, said.err) == (0, "")
    assert said.out == f"{len(samples()) * len(languages())} mails: seen/index.html\n"
    index = (terminal.folder / "seen" / "index.html").read_text(encoding="utf-8")
    for language in languages():
        for sample in samples():
            assert f'href="{language}/{sample.name}.html"' in index
            assert (terminal.folder / "seen" / language / f"{sample.name}.html").exists()
            assert (terminal.folder / "seen" / language / f"{sample.name}.txt").exists()


async def test_a_preview_can_be_of_one_language_and_one_locale_under_ones_own_brand(terminal: Terminal) -> None:
    words = "mails preview . --language en --locale de-AT --currency eur --product Müller&Co --customer Alan"
    said = await terminal.run(*words.split())

    assert said.status == 0, said.err
    assert {file.name for file in terminal.folder.iterdir()} == {"en", "de-AT", "index.html"}
    austrian = (terminal.folder / "de-AT" / "receipt.txt").read_text(encoding="utf-8")
    assert "Subject: Ihr Beleg von Müller&Co: € 199,00, Rechnung NW-0003" in austrian
    assert "Guten Tag, Alan!" in austrian


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--language", "tlh"], "there are no mails in 'tlh', only in en, de"),
        (["--locale", "../de"], "'../de' is not a locale"),
        (["--colour", "red"], "'red' is not a colour"),
    ],
)
async def test_a_preview_of_what_there_is_not_is_refused(terminal: Terminal, words: list[str], why: str) -> None:
    said = await terminal.run("mails", "preview", "seen", *words)

    assert said.status == 1
    assert why in said.err
    assert not (terminal.folder / "seen").exists()
