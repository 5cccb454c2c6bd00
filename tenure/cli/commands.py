"""Every command of `tenure`: where its function is, and its summary in the lists of `--help`.

A command's module takes seconds to import: it needs Temporal's client, SQLAlchemy or FastAPI. The lists need none of
them, so each summary is repeated here from the first line of the command's docstring.
"""

from typing import Final, NamedTuple


class Command(NamedTuple):
    module: str
    """Below `tenure.cli`."""
    function: str
    summary: str


GROUPS: Final[dict[str, str]] = {
    "catalog": "Check, compare and publish plan catalogs.",
    "policy": "Check and publish a policy, or move running subscriptions to it.",
    "mails": "Preview the mails.",
    "keys": "Create, list, rotate and revoke API keys.",
    "operators": "Add, list and disable operators: the people who may sign in to the console.",
    "tenants": "Add and list tenants.",
    "webhooks": "List webhooks from the payment provider, and deliver them again.",
    "deployment": "Show the versions of the workers, and decide which gets the work.",
    "usage": "Roll up and show usage, and report overage.",
    "metrics": "Show the figures of the business, and check that revenue adds up.",
    "payload-keys": "List the keys under which Temporal stores payloads, and forget one.",
    "customers": "Put back a customer whom a restored backup lacks.",
    "erasures": "List erased customers, and erase them from a restored backup.",
}
ALONE: Final[dict[str, str]] = {"metrics": "overview"}
"""The command that is meant by a group alone."""
COMMANDS: Final[dict[str, Command]] = {
    "catalog check": Command(
        "catalogs", "check", "Check a plan catalog and print what it sells, or every error with its line."
    ),
    "catalog schema": Command("catalogs", "schema", "Print the JSON Schema of catalogs, for editors."),
    "catalog diff": Command(
        "catalogs",
        "diff",
        "Show how two catalog files differ, or how a file differs from the published catalog, and whom that affects.",
    ),
    "catalog push": Command(
        "catalogs", "push", "Create a catalog's products and prices at Stripe, and publish it; safe to repeat."
    ),
    "policy check": Command(
        "files", "check_one_policy", "Check a policy and print what it does, or every error with its line."
    ),
    "policy push": Command(
        "policies", "push", "Publish a policy, so that no process offers another one under its version; safe to repeat."
    ),
    "policy migrate": Command(
        "policies",
        "migrate",
        "Move running subscriptions to the policy in a file; a recovery in progress keeps its steps.",
    ),
    "import": Command(
        "importing",
        "import_",
        "Adopt the subscriptions that a product already has at Stripe; safe to interrupt and to repeat.",
    ),
    "mails preview": Command(
        "mails",
        "preview",
        "Write every mail with sample data to a folder, as .html and .txt, with an index.html; needs no settings.",
    ),
    "migrate": Command(
        "production",
        "migrate",
        "Migrate the database and register search attributes with Temporal; safe to repeat.",
    ),
    "worker": Command(
        "production", "worker", "Run workflows and activities until SIGTERM; work in progress is finished first."
    ),
    "api": Command("serving", "api", "Serve the HTTP API until SIGTERM; requests in progress are answered first."),
    "doctor": Command(
        "production",
        "doctor",
        "Check settings and every connection, and say what to fix; status 1 if there is anything.",
    ),
    "codec-server": Command(
        "codec_server",
        "codec_server",
        "Decrypt payloads for the Temporal UI until SIGTERM; callers need an API key of role admin or operator.",
    ),
    "payload-keys list": Command(
        "payload_keys", "list_", "List the keys that have encrypted, and how many running subscriptions need each."
    ),
    "payload-keys forget": Command(
        "payload_keys", "forget", "Forget a payload key that no running subscription needs any more."
    ),
    "keys create": Command("keys", "create", "Create an API key and print it; it cannot be shown again."),
    "keys list": Command("keys", "list_", "List the API keys of a tenant, newest first, with when each was last used."),
    "keys rotate": Command(
        "keys", "rotate", "Create a key of the same name and role and print it; the old one stays valid for a while."
    ),
    "keys revoke": Command("keys", "revoke", "End an API key within seconds; it cannot be brought back."),
    "operators add": Command(
        "operators", "add", "Add an operator, or change the role of one; one who was disabled may sign in again."
    ),
    "operators list": Command("operators", "list_", "List the operators of a tenant."),
    "operators link": Command("operators", "link", "Print a link that signs an operator in to the console once."),
    "operators disable": Command(
        "operators", "disable", "End an operator's access and sessions; the last admin stays."
    ),
    "tenants add": Command(
        "tenants", "add", "Add a tenant: a region, a reseller or an environment of the product; safe to repeat."
    ),
    "tenants list": Command("tenants", "list_", "List the tenants."),
    "reconcile": Command(
        "reconcile",
        "reconcile",
        "Compare the payment provider, the database and the workflows in full, and list the differences.",
    ),
    "deployment status": Command(
        "deployments", "status", "List the versions of the workers, newest first, with what work each gets."
    ),
    "deployment set-current": Command(
        "deployments",
        "set_current",
        "Give new workflows and all subscriptions to a version; its workers have a minute to start. Safe to repeat.",
    ),
    "deployment ramp": Command(
        "deployments",
        "ramp",
        "Give a share of new workflows and of subscriptions to a version, before it is made current.",
    ),
    "usage rollup": Command(
        "usage", "rollup", "Roll usage up now: send late notices, sample gauges, take statistics, delete old data."
    ),
    "usage stats": Command(
        "usage",
        "stats",
        "Show the latest statistics: usage by plan and feature, and how many customers are near their limit.",
    ),
    "usage report": Command(
        "usage_report",
        "report",
        "Report overage to the payment provider, and list what could not be reported.",
    ),
    "restored": Command(
        "restored",
        "restored",
        "After a restore: mark waiting overage as possibly reported, and restart the feed of events.",
    ),
    "customers put-back": Command(
        "restored",
        "put_back",
        "After a restore: put back the customer of a subscription that was begun after the backup.",
    ),
    "metrics overview": Command(
        "metrics_reports",
        "overview",
        "Show what there is now: revenue, customers, growth, ARPU and LTV, by plan, billing interval and status.",
    ),
    "metrics mrr": Command("metrics_reports", "mrr", "Show monthly recurring revenue at the end of each period."),
    "metrics movements": Command(
        "metrics_reports", "movements", "Show what moved monthly recurring revenue in each period."
    ),
    "metrics customers": Command(
        "metrics_reports", "customers", "Show paying customers in each period: at the start, gained, lost, at the end."
    ),
    "metrics churn": Command("metrics_reports", "churn", "Show churn and retention in each period."),
    "metrics cohorts": Command(
        "metrics_reports",
        "cohorts",
        "Show the retention of customers and revenue by monthly cohort.",
    ),
    "metrics check": Command(
        "metrics",
        "check",
        "Check that revenue adds up: by subscription, by month, and what is counted by day; status 1 if it does not.",
    ),
    "metrics trials": Command(
        "outcome_figures", "trials", "Show trials and their conversion, by the period in which they ended."
    ),
    "metrics recovery": Command(
        "outcome_figures", "recovery", "Show the recovery of failed payments, by the period of the first failure."
    ),
    "metrics cancellations": Command(
        "outcome_figures",
        "cancellations",
        "Show cancellations by reason and outcome, by the period of the request.",
    ),
    "metrics usage": Command(
        "outcome_figures", "usage", "Show how plans use features, by the last statistics of each period."
    ),
    "erasures export": Command(
        "erasures",
        "export",
        "List every erased customer, a line of JSON each, for keeping with a backup; names nobody.",
    ),
    "erasures apply": Command(
        "erasures",
        "apply",
        "Erase the customers of a list from a restored backup, before anything else runs on it; safe to repeat.",
    ),
    "webhooks list": Command("webhooks", "show", "List the newest webhooks and the outcome of each."),
    "webhooks replay": Command(
        "webhooks",
        "replay",
        "Deliver stored webhooks again, oldest first; safe to repeat, as a webhook is only a hint.",
    ),
    "webhooks backfill": Command(
        "webhooks",
        "backfill",
        "Fetch undelivered webhooks from Stripe and deliver them, oldest first; those already stored are skipped.",
    ),
}
SANDBOX_COMMANDS: Final[dict[str, Command]] = {
    "up": Command(
        "embedded", "up", "Run everything on embedded servers, with its data in a folder, until Ctrl-C or SIGTERM."
    ),
    "demo": Command("embedded", "demo", "Play the story on embedded servers, then keep them running until Ctrl-C."),
    "travel": Command("embedded", "travel", "Advance the clock of one subscription in a running sandbox."),
    "simulate": Command(
        "simulate",
        "simulate",
        "Simulate a subscription's coming months in seconds, on embedded servers, and print what happens.",
    ),
}
"""A production install has none of them: it lacks the sandbox's servers."""
