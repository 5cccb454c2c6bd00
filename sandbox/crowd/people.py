"""The people of a crowd: names, addresses, zones and languages, the same for the same seed. None of them exists."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from domain.subscription.sign_up import SignUpContact


@dataclass(frozen=True)
class _Country:
    weight: int
    locale: str
    zones: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]


_COUNTRIES = (
    _Country(
        30,
        "en-US",
        ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
        ("Olivia", "Noah", "Maya", "Ethan", "Grace", "Liam", "Chloe", "Marcus", "Hannah", "Dylan"),
        ("Carter", "Nguyen", "Brooks", "Ramirez", "Hayes", "Coleman", "Foster", "Patel", "Reed", "Walsh"),
    ),
    _Country(
        25,
        "de",
        ("Europe/Berlin", "Europe/Vienna", "Europe/Zurich"),
        ("Lena", "Jonas", "Miriam", "Felix", "Katharina", "Stefan", "Anke", "Tobias", "Jörg", "Yasemin"),
        ("Hoffmann", "Schäfer", "Brandt", "Vogel", "Krüger", "Aydın", "Lorenz", "Seidel", "Weiß", "Kowalski"),
    ),
    _Country(
        15,
        "en-GB",
        ("Europe/London",),
        ("Amelia", "Harry", "Isla", "Callum", "Priya", "Rhys", "Freya", "Owen"),
        ("Thompson", "Ashworth", "Khan", "Gallagher", "Davies", "Okafor", "Whitfield", "Sharma"),
    ),
    _Country(
        10,
        "fr",
        ("Europe/Paris",),
        ("Camille", "Hugo", "Élodie", "Mathieu", "Inès", "Thomas"),
        ("Laurent", "Moreau", "Girard", "Fontaine", "Benali", "Lefèvre"),
    ),
    _Country(
        8,
        "es",
        ("Europe/Madrid", "America/Mexico_City"),
        ("Lucía", "Diego", "Carmen", "Álvaro", "Sofía", "Javier"),
        ("Ortega", "Navarro", "Castillo", "Muñoz", "Herrera", "Vidal"),
    ),
    _Country(
        6,
        "ja",
        ("Asia/Tokyo",),
        ("Haruka", "Kenji", "Yui", "Daichi"),
        ("Tanaka", "Mori", "Ishikawa", "Nakamura"),
    ),
    _Country(
        6,
        "en-AU",
        ("Australia/Sydney", "Pacific/Auckland"),
        ("Matilda", "Jack", "Ruby", "Aroha"),
        ("Campbell", "Ngata", "Sullivan", "Murphy"),
    ),
)
_COMPANIES = (
    ("Northwind", "Bluebird", "Alder", "Harbor", "Kestrel", "Lantern", "Copper", "Juniper", "Meridian", "Saffron"),
    ("Studio", "Works", "Labs", "Digital", "Kollektiv", "Partners", "Media", "Supply", "Foundry", "Atelier"),
)


def people(number: int, dice: Random, name: str) -> Iterator[SignUpContact]:
    """Returns this many people, each with an address of their own under a domain that is only for examples.

    *name* and a number are their external ids.
    """
    for place in range(1, number + 1):
        country = dice.choices(_COUNTRIES, [each.weight for each in _COUNTRIES])[0]
        first, last = dice.choice(country.first_names), dice.choice(country.last_names)
        company = f"{dice.choice(_COMPANIES[0])} {dice.choice(_COMPANIES[1])}"
        yield SignUpContact(
            external_id=f"{name}-{place:04}",
            email=f"{_plain(first)}.{_plain(last)}{place}@{_plain(company)}.example",
            name=f"{first} {last}",
            timezone=dice.choice(country.zones),
            locale=country.locale,
            metadata={"company": company},
        )


def _plain(name: str) -> str:
    """A name as it may stand in an address."""
    spelled = name.replace("ß", "ss").replace("ı", "i").replace(" ", "-")
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().lower()
