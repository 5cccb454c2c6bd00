"""How a stack runs."""

from dataclasses import dataclass
from pathlib import Path

from services.payload_codec import PayloadKey
from tracing.spans import Spans


@dataclass(frozen=True)
class Options:
    """Options of a stack."""

    folder: Path
    catalog: Path
    policy: Path
    port: int = 0
    durable: bool = True
    ui: bool = True
    payments_a_second: float | None = None
    """None: no limit, as the simulator has none."""
    standalone_activities: bool = False
    """Deliveries run as activities by themselves, without a workflow each."""
    spans: Spans | None = None
    """None: nothing is traced."""
    payload_keys: tuple[PayloadKey, ...] = ()
    """Empty: what Temporal stores is not encrypted."""
