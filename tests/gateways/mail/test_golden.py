"""Every mail matches its golden file (`python -m tests.gateways.golden` rewrites them)."""

from domain.notifications.mail_types import Occasion
from gateways.mail.samples import samples
from tests.gateways.golden import FOLDER, kept, rendered


def test_every_mail_matches_its_golden_file() -> None:
    now = dict(rendered())
    changed = [
        str(file.relative_to(FOLDER))
        for file, words in now.items()
        if not file.exists() or file.read_text(encoding="utf-8") != words
    ]

    assert changed == [], "renew with `python -m tests.gateways.golden` and read the difference"
    assert kept() == set(now)


def test_there_is_a_sample_of_every_occasion() -> None:
    assert {sample.occasion for sample in samples()} == set(Occasion)
    assert len({sample.name for sample in samples()}) == len(samples())
