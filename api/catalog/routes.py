"""The catalog: plans and add-ons."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.catalog.views import CatalogView, PlanComparisonView, PlanView
from api.http.auth import Reader
from api.http.dependencies import WithDependencies
from api.http.openapi import READING
from domain.catalog.plans import Catalog, Plan
from domain.did_you_mean import near
from domain.errors import Rejected

router = APIRouter(prefix="/v1/plans", tags=["Plans"], responses=READING)


@router.get("", operation_id="listPlans", summary="List plans, add-ons and features")
async def list_plans(_caller: Reader, dependencies: WithDependencies) -> CatalogView:
    return CatalogView.of(dependencies.catalog, dependencies.policy.trial.days)


@router.get("/compare", operation_id="comparePlans", summary="Compare two plans")
async def compare_plans(
    _caller: Reader,
    dependencies: WithDependencies,
    before: Annotated[str, Query(alias="from", description="plan code", examples=["starter"])],
    after: Annotated[str, Query(alias="to", description="plan code", examples=["professional"])],
) -> PlanComparisonView:
    catalog = dependencies.catalog
    return PlanComparisonView.of(catalog, _plan(catalog, before), _plan(catalog, after))


@router.get("/{code}", operation_id="getPlan", summary="Get a plan")
async def get_plan(code: str, _caller: Reader, dependencies: WithDependencies) -> PlanView:
    return PlanView.of(_plan(dependencies.catalog, code), dependencies.catalog, dependencies.policy.trial.days)


def _plan(catalog: Catalog, code: str) -> Plan:
    plan = catalog.plans.get(code)
    if plan is None:
        meant = " or ".join(repr(one) for one in near(code[:64], catalog.plans))
        hint = f"did you mean {meant}? " if meant else ""
        known = ", ".join(catalog.plans)
        raise Rejected(f"there is no plan {code[:64]!r}: {hint}known plans: {known}", code="unknown_plan")
    return plan
