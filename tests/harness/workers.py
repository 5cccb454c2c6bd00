"""Workers of a machine that has much else to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from temporalio.worker import _workflow

from tests.harness.patience import PATIENT

LIMIT = "_deadlock_timeout_seconds"


@contextmanager
def patient_workers() -> Iterator[None]:
    """Workers that are built in here let a workflow task take its time.

    The SDK takes one for a deadlock that has not ended within 2 seconds, and breaks into it with an error wherever it
    is; one that had to wait for the processor, or for the garbage collector, is none. There is no public setting.
    """
    worker = _workflow._WorkflowWorker
    build = worker.__init__

    def patient(self: _workflow._WorkflowWorker, *some: Any, **named: Any) -> None:
        build(self, *some, **named)
        assert hasattr(self, LIMIT), "the SDK keeps the time it allows a workflow task elsewhere now"
        setattr(self, LIMIT, PATIENT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "__init__", patient)
        yield
