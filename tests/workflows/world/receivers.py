"""Deliveries and receivers of events in memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

from domain.errors import GatewayBusy, Haste
from domain.events.deliveries import (
    Answer,
    Attempt,
    DeliveryState,
    DeliveryToSend,
    QueuedDelivery,
    verdict_on,
)
from domain.events.ports import Recorded
from domain.events.signatures import new_secret
from tests.harness.patience import until


class InMemoryDeliveries:
    """Implements `domain.events.ports.EventDeliveries`."""

    def __init__(self) -> None:
        self.secret = new_secret()
        self.states: dict[QueuedDelivery, DeliveryState] = {}
        self.claims: dict[QueuedDelivery, str] = {}
        self.attempts: dict[QueuedDelivery, list[Attempt]] = defaultdict(list)

    async def claim(self, delivery: QueuedDelivery, claimant: str) -> DeliveryToSend | None:
        if self.states.setdefault(delivery, DeliveryState.PENDING) is not DeliveryState.PENDING:
            return None
        if self.claims.setdefault(delivery, claimant) != claimant:
            raise GatewayBusy("another sends it", haste=Haste.LOCK, code="being_sent")
        body = f'{{"id":"{delivery.event}"}}'.encode()
        return DeliveryToSend(delivery, delivery.endpoint, body, (self.secret,), attempts=len(self.attempts[delivery]))

    async def record(self, sent: DeliveryToSend, attempt: Attempt) -> Recorded:
        self.attempts[sent.delivery].append(attempt)
        verdict = verdict_on(len(self.attempts[sent.delivery]), attempt.answer)
        self.states[sent.delivery] = verdict.state
        return Recorded(verdict)


class InMemoryReceivers:
    """Implements `domain.events.ports.EventSender`; each endpoint's address is its id."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = defaultdict(lambda: Answer(200))
        self.hanging: set[str] = set()
        self.before: dict[str, Callable[[], object]] = {}
        """What happens at an endpoint before it answers."""
        self.taken: dict[str, list[tuple[Mapping[str, str], bytes]]] = defaultdict(list)
        self.in_progress: Counter[str] = Counter()
        self.most_in_progress: Counter[str] = Counter()

    async def check(self, url: str) -> None:
        """Every address is fit."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.in_progress[url] += 1
        self.most_in_progress[url] = max(self.most_in_progress[url], self.in_progress[url])
        try:
            await until(lambda: url not in self.hanging)
            self.before.get(url, lambda: None)()
            answer = self.answers[url]
            if answer.is_success:
                self.taken[url].append((headers, body))
            return answer
        finally:
            self.in_progress[url] -= 1
