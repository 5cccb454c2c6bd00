"""The least that an endpoint for webhooks can do: verify the signature and insert one row. What ours is measured by."""

import asyncio
import os
from typing import Any

import stripe
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.engine import create_engine_from_url

EVENTS = Table(
    "bare_events", MetaData(), Column("event_id", Text, primary_key=True), Column("body", LargeBinary, nullable=False)
)


def bare_app(engine: AsyncEngine, secret: str) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.post("/webhooks/stripe")
    async def receive(request: Request) -> Response:
        body = await request.body()
        event: Any = stripe.Webhook.construct_event(body, request.headers["Stripe-Signature"], secret)
        async with engine.begin() as connection:
            await connection.execute(insert(EVENTS).values(event_id=event["id"], body=body).on_conflict_do_nothing())
        return Response(b'{"received":true}', media_type="application/json")

    return app


async def _serve(port: int) -> None:
    engine = create_engine_from_url(os.environ["TENURE_DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.run_sync(EVENTS.metadata.create_all)
    app = bare_app(engine, os.environ["TENURE_STRIPE_WEBHOOK_SECRETS"])
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(int(os.environ["BARE_PORT"])))
