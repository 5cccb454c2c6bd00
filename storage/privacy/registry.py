"""Every column that can hold text, and what an erasure does to it. A test fails for a column that is in no list."""

from typing import Final

from storage.privacy.rules import Redaction, Rule
from storage.privacy.whose import (
    about,
    answered,
    attempted,
    by_customer,
    by_external_id,
    by_subscription,
    delivered,
    entries_about,
    found,
    of_session,
    of_tenant,
    pending,
    purchased,
    received,
)
from storage.schema.access_tables import (
    api_keys,
    idempotency_keys,
    operator_mails,
    operators,
    saved_views,
    web_links,
    web_sessions,
)
from storage.schema.audit_tables import audit, audit_details
from storage.schema.bulk_tables import bulk_rows, bulk_runs
from storage.schema.customer_tables import customer_changes
from storage.schema.event_tables import (
    delivery_attempts,
    event_deliveries,
    events,
    webhook_endpoints,
    webhook_secrets,
)
from storage.schema.privacy_tables import erasures
from storage.schema.purchase_tables import purchases
from storage.schema.reconciliation_tables import discrepancies, reconciliation_runs
from storage.schema.revenue_tables import (
    cancellations,
    mrr_cohorts,
    mrr_daily,
    mrr_movements,
    mrr_movers,
    mrr_roll_up,
    mrr_standing,
    outcome_changes,
    outcome_daily,
    recoveries,
    subscription_outcomes,
)
from storage.schema.tables import (
    customers,
    installation,
    invoices,
    journal,
    mails,
    pay_pages,
    provider_sightings,
    reversals,
    sign_up_contacts,
    subscriptions,
    trials,
)
from storage.schema.tenant_tables import tenants
from storage.schema.usage_tables import (
    catalog_versions,
    plan_limits,
    policy_versions,
    usage,
    usage_border_keys,
    usage_events,
    usage_log,
    usage_notices,
    usage_samples,
    usage_statistics,
    usage_statistics_pages,
)
from storage.schema.webhook_tables import webhook_inbox

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        customers,
        kept=frozenset({"tenant", "customer_ref", "former_refs"}),
        redacted={"external_id": Redaction.REPLACED, "email": Redaction.REPLACED},
        emptied={"name": None, "metadata": {}, "timezone": "UTC", "locale": "en"},
        whose=by_customer(customers, "id"),
    ),
    Rule(
        customer_changes,
        kept=frozenset({"tenant"}),
        deleted=frozenset({"fields", "email", "name", "locale", "cause_kind", "cause_ref", "cause_actor", "trouble"}),
        whose=by_customer(customer_changes),
    ),
    Rule(
        sign_up_contacts,
        kept=frozenset({"tenant"}),
        deleted=frozenset({"external_id", "email", "name", "timezone", "locale", "metadata", "customer_ref"}),
        whose=of_tenant(sign_up_contacts, pending),
    ),
    Rule(
        subscriptions,
        kept=frozenset(
            {
                "tenant",
                "plan",
                "plan_name",
                "interval",
                "add_ons",
                "currency",
                "status",
                "access",
                "agreement_ref",
                "catalog",
                "by_use",
            }
        ),
        redacted={
            "state": Redaction.PURGED,
            "status_reason": Redaction.PURGED,
            "next_actions": Redaction.PURGED,
        },
        whose=by_customer(subscriptions),
    ),
    Rule(
        journal,
        kept=frozenset({"tenant", "kind", "cause_kind", "cause_actor"}),
        redacted={"summary": Redaction.PURGED, "details": Redaction.PURGED, "cause_ref": Redaction.PURGED},
        whose=by_subscription(journal),
    ),
    Rule(
        mails,
        kept=frozenset({"tenant", "key", "occasion", "status", "message_id", "claimed_by"}),
        emptied={"facts": {}, "why_not": None},
        whose=by_subscription(mails),
    ),
    Rule(
        invoices,
        kept=frozenset({"tenant", "ref", "number", "status", "currency"}),
        # Pages at the provider, open to anyone who has the address, that show name and address.
        emptied={"url": "", "pdf": ""},
        whose=by_subscription(invoices),
    ),
    Rule(pay_pages, kept=frozenset({"tenant"}), emptied={"url": ""}, whose=by_subscription(pay_pages)),
    Rule(trials, kept=frozenset({"tenant", "kind", "digest"}), whose=by_subscription(trials)),
    Rule(
        reversals,
        kept=frozenset({"tenant", "ref", "kind", "invoice", "currency", "status", "reason"}),
        whose=by_subscription(reversals),
    ),
    Rule(
        webhook_inbox,
        kept=frozenset(
            {
                "event_id",
                "tenant",
                "type",
                "news",
                "object_id",
                "customer_ref",
                "charge_ref",
                "agreement_ref",
                "disposition",
                "outcome",
            }
        ),
        emptied={"body": b""},
        whose=received,
    ),
    Rule(
        discrepancies,
        kept=frozenset({"tenant", "run", "kind", "agreement_ref", "outcome", "bill_ref"}),
        emptied={"details": "", "why_not": ""},
        whose=of_tenant(discrepancies, found),
    ),
    Rule(
        audit,
        kept=frozenset(
            {
                "tenant",
                "actor_kind",
                "actor",
                "actor_role",
                "action",
                "target_kind",
                "target",
                "request_id",
                "key",
                "outcome",
                "code",
            }
        ),
        whose=of_tenant(audit, about),
    ),
    Rule(
        audit_details,
        kept=frozenset({"tenant"}),
        redacted=dict.fromkeys(("reason", "address", "before", "after"), Redaction.PURGED),
        whose=of_tenant(audit_details, lambda subject: audit_details.c.audit_id.in_(entries_about(subject))),
    ),
    Rule(
        web_links,
        kept=frozenset({"tenant", "kind"}),
        deleted=frozenset({"token_hash", "flow", "return_url", "locale"}),
        whose=of_session(web_links),
    ),
    Rule(
        web_sessions,
        kept=frozenset({"tenant", "kind", "role"}),
        deleted=frozenset({"id_hash", "return_url", "locale"}),
        whose=of_session(web_sessions),
    ),
    Rule(
        idempotency_keys,
        kept=frozenset({"tenant"}),
        deleted=frozenset({"key", "fingerprint", "body", "location"}),
        whose=of_tenant(idempotency_keys, answered),
    ),
    Rule(
        purchases,
        kept=frozenset({"tenant", "page_ref", "customer_ref", "state", "code"}),
        redacted={"sign_up": Redaction.PURGED},
        emptied={"url": "", "success_url": ""},
        whose=of_tenant(purchases, purchased),
    ),
    Rule(
        usage,
        kept=frozenset({"tenant", "feature"}),
        redacted={"customer": Redaction.REPLACED},
        whose=by_external_id(usage),
    ),
    Rule(
        usage_log,
        kept=frozenset({"tenant", "meter", "action", "catalog", "actor", "features", "given_back"}),
        redacted={"customer": Redaction.REPLACED, "key": Redaction.REPLACED},
        emptied={"reason": ""},
        whose=by_external_id(usage_log),
    ),
    # Digests of keys, deleted after a day.
    Rule(usage_border_keys, kept=frozenset({"tenant", "digest"})),
    Rule(
        usage_events,
        kept=frozenset(
            {"tenant", "meter", "action", "catalog", "overage_of", "actor", "report_trouble", "features", "given_back"}
        ),
        redacted={"customer": Redaction.REPLACED, "key": Redaction.REPLACED},
        emptied={"reason": "", "report_why": ""},
        whose=by_external_id(usage_events),
    ),
    Rule(
        usage_notices,
        kept=frozenset({"tenant", "feature", "plan", "catalog"}),
        redacted={"customer": Redaction.REPLACED},
        whose=by_external_id(usage_notices),
    ),
    Rule(
        usage_samples,
        kept=frozenset({"tenant", "feature"}),
        redacted={"customer": Redaction.REPLACED},
        whose=by_external_id(usage_samples),
    ),
    Rule(
        mrr_movements,
        kept=frozenset(
            {
                "tenant",
                "kind",
                "currency",
                "plan",
                "interval",
                "add_ons",
                "catalog",
                "from_plan",
                "from_interval",
                "status_before",
                "status_after",
                "end_kind",
                "reason_code",
            }
        ),
        whose=by_customer(mrr_movements),
    ),
    Rule(
        subscription_outcomes,
        kept=frozenset({"tenant", "trial_outcome", "trial_plan", "reason_code", "retained_by", "end_kind"}),
        emptied={"comment": ""},
        whose=by_customer(subscription_outcomes),
    ),
    Rule(
        cancellations,
        kept=frozenset({"tenant", "by", "plan", "status", "reason_code", "retained_by"}),
        emptied={"comment": ""},
        whose=by_subscription(cancellations),
    ),
    Rule(
        recoveries,
        kept=frozenset({"tenant", "invoice", "currency", "decline_code", "outcome", "by", "plan"}),
        whose=by_subscription(recoveries),
    ),
    Rule(bulk_rows, kept=frozenset({"tenant", "status", "outcome", "code"}), whose=by_subscription(bulk_rows)),
    Rule(events, kept=frozenset({"tenant", "type", "payload"}), whose=by_customer(events)),
    Rule(
        event_deliveries,
        kept=frozenset({"tenant", "state", "last_error", "claimed_by"}),
        whose=of_tenant(event_deliveries, delivered),
    ),
    # A product that is notified of its customer may answer with their name.
    Rule(
        delivery_attempts,
        kept=frozenset({"tenant", "error"}),
        emptied={"answer": ""},
        whose=of_tenant(delivery_attempts, attempted),
    ),
    Rule(erasures, kept=frozenset({"tenant", "mark"}), whose=by_customer(erasures)),
    # Of nobody in particular: of the installation, of those who run it, or summed over all customers.
    Rule(reconciliation_runs, kept=frozenset({"tenant", "run", "report"})),
    Rule(installation, kept=frozenset({"name", "value"})),
    Rule(
        bulk_runs,
        kept=frozenset(
            {"tenant", "action", "parameters", "filter", "actor_kind", "actor", "actor_role", "reference", "state"}
        ),
    ),
    Rule(
        webhook_endpoints,
        kept=frozenset({"tenant", "url", "description", "types", "state", "disabled_reason", "created_by"}),
    ),
    Rule(webhook_secrets, kept=frozenset({"tenant", "ciphertext", "key_id"})),
    Rule(tenants, kept=frozenset({"id", "name"})),
    Rule(api_keys, kept=frozenset({"tenant", "name", "role", "key_hash", "hint", "created_by"})),
    Rule(
        operator_mails,
        kept=frozenset({"tenant", "occasion", "facts", "status", "message_id", "why_not", "claimed_by"}),
    ),
    # An operator may have kept a search for somebody's address: the search finds nothing once they are erased.
    Rule(saved_views, kept=frozenset({"tenant", "page", "name", "query"})),
    Rule(operators, kept=frozenset({"tenant", "email", "name", "role"})),
    Rule(catalog_versions, kept=frozenset({"name", "content"})),
    Rule(policy_versions, kept=frozenset({"version", "content"})),
    Rule(plan_limits, kept=frozenset({"catalog", "plan", "meter", "feature", "per", "adds", "overage_price"})),
    Rule(usage_statistics, kept=frozenset({"tenant", "plan", "feature"})),
    Rule(usage_statistics_pages, kept=frozenset({"tenant", "plan", "feature"})),
    Rule(
        mrr_daily,
        kept=frozenset({"tenant", "currency", "kind", "end_kind", "plan", "interval", "from_plan", "from_interval"}),
    ),
    Rule(provider_sightings, kept=frozenset({"tenant"}), whose=by_subscription(provider_sightings)),
    Rule(mrr_movers, kept=frozenset({"tenant", "currency", "plan", "interval", "kind", "end_kind", "length"})),
    Rule(mrr_cohorts, kept=frozenset({"tenant", "currency", "plan", "interval"})),
    Rule(mrr_standing, kept=frozenset({"tenant", "currency", "plan", "interval", "status"})),
    Rule(outcome_changes, kept=frozenset({"tenant", "fact", "currency", "plan", "parts"})),
    Rule(outcome_daily, kept=frozenset({"tenant", "fact", "currency", "plan", "parts"})),
    Rule(mrr_roll_up, kept=frozenset({"timezone"})),
)
