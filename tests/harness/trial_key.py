"""The trial key of tests that write to a database without a stack."""

from storage.subscriptions.trials import TrialKey

TRIAL_KEY = TrialKey("the trial key of the tests")
