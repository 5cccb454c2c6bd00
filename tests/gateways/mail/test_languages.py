"""The languages of the mails: complete, and harmless where they are not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.pofile import PoFileError

from domain.notifications.mail_types import Occasion
from gateways.mail.renderer import MailRenderer
from localization import languages as all_languages
from localization.languages import language_files, language_for, languages, read_language
from tests.gateways.mails import BRAND, CARD, FULL_FACTS, a_reader, assert_both_say, renderer
from tests.localization.languages import gaps, sentences

FILES = {file.name.removesuffix(".po"): file for file in language_files()}


@pytest.mark.parametrize("code", FILES)
def test_a_language_has_every_english_text(code: str) -> None:
    assert gaps(read_language(FILES[code])) == []


@pytest.mark.parametrize("code", FILES)
def test_a_language_has_no_text_that_english_lacks(code: str) -> None:
    known = {message.id for message in sentences()}
    assert [message.id for message in read_language(FILES[code]) if message.id not in known] == []


def test_every_occasion_has_words_to_translate() -> None:
    named = {Path(file).stem for message in sentences() for file, _line in message.locations}
    assert set(Occasion) <= named


def test_what_a_language_lacks_or_gets_wrong_is_found() -> None:
    catalog = read_language(FILES["de"])
    catalog.delete("Suspended")
    _message(catalog, "Card expires").string = ""
    _message(catalog, "Welcome back").flags.add("fuzzy")
    _message(catalog, "We gave you back %(amount)s").string = "Erstattet: %(betrag)s"
    _message(catalog, "%(percent)s used").string = "100% verbraucht"
    _message(catalog, "Trial ended").string = "<b>Zu Ende</b>"
    _message(catalog, "%(num)s day left").string = ("Noch %(num)s Tag",)

    assert sorted(gaps(catalog)) == [
        "asks for other facts: '%(percent)s used'",
        "asks for other facts: 'We gave you back %(amount)s'",
        "fuzzy: 'Welcome back'",
        "has markup: 'Trial ended'",
        "missing: 'Suspended'",
        "not translated: 'Card expires'",
        "not translated: ('%(num)s day left', '%(num)s days left')",
    ]


@pytest.mark.parametrize(
    ("locale", "code"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("DE-de", "de"),
        ("de-XX", "de"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("tlh", "en"),
        ("", "en"),
        ("../etc/passwd", "en"),
    ],
)
def test_a_customer_reads_their_own_language_or_english(locale: str, code: str) -> None:
    assert language_for(locale).code == code


def test_german_customers_read_german_throughout() -> None:
    mail = renderer().render(Occasion.TRIAL_ENDING, FULL_FACTS | CARD, a_reader("de-AT"))

    assert mail.subject == "Ihre Testphase von Professional endet in 3 Tagen"
    assert_both_say(
        mail,
        "Guten Tag, Ada Lovelace!",
        "endet am Samstag, 5. Dezember 2026, um 18:30 Uhr MEZ.",
        "Dann buchen wir $ 199,00 von Ihrer Visa-Karte (Endziffern 4242) ab",
        "Wie es weitergeht",
    )
    assert 'lang="de"' in mail.html


# --- a language is a file ---------------------------------------------------------------------------------

FRENCH = """
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Your %(plan)s subscription has ended"
msgstr "Votre abonnement %(plan)s est terminé"

msgid "Hello %(name)s,"
msgstr "Bonjour %(nom)s,"

msgid "What happens next"
msgstr ""

#, fuzzy
msgid "Ended"
msgstr "Peut-être"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(all_languages, "language_files", lambda: tmp_path.glob("*.po"))
    languages.cache_clear()
    yield tmp_path
    languages.cache_clear()


def test_a_third_language_is_one_more_file_and_falls_back_to_english(folder: Path) -> None:
    (folder / "fr.po").write_text(FRENCH, encoding="utf-8")
    mail = MailRenderer(BRAND).render(Occasion.CANCELED, FULL_FACTS, a_reader("fr-CA"))

    assert mail.subject == "Votre abonnement Professional est terminé"
    assert_both_say(mail, "Hello Ada Lovelace,", "What happens next", "lundi 18 janvier 2027")
    assert "Peut-être" not in mail.text
    assert 'lang="fr"' in mail.html


def test_a_right_to_left_language_sets_the_direction_of_the_page(folder: Path) -> None:
    (folder / "he.po").write_text(FRENCH.replace("fr", "he"), encoding="utf-8")
    html = MailRenderer(BRAND).render(Occasion.CANCELED, FULL_FACTS, a_reader("he-IL")).html

    assert 'dir="rtl"' in html
    assert "text-align: right" in html


def test_a_country_can_have_words_of_its_own(folder: Path) -> None:
    for code in ("pt", "pt_BR"):
        (folder / f"{code}.po").write_text(FRENCH.replace("fr", code), encoding="utf-8")

    assert [language_for(tag).tag for tag in ("pt-BR", "pt-PT", "pt")] == ["pt-BR", "pt", "pt"]


def test_a_file_that_cannot_be_read_stops_the_start(folder: Path) -> None:
    (folder / "fr.po").write_text('msgid "Ended"\nnonsense "x"\n', encoding="utf-8")
    with pytest.raises(PoFileError):
        MailRenderer(BRAND)


def _message(catalog: Catalog, text: str) -> Message:
    message = catalog.get(text)
    assert message is not None
    return message
