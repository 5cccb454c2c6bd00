"""The least that an endpoint which counts can do: one UPDATE ... RETURNING by asyncpg. What ours is measured by.

A process of its own, by asyncio's loop and h11, as `pip install uvicorn` has it; `python -m bench.bare_counter fast`
serves by uvloop and httptools, as our API does.
"""

import asyncio
import os
import sys

import asyncpg
import uvicorn
from fastapi import FastAPI, Request, Response
from uvicorn.loops.auto import auto_loop_factory

TABLE = (
    "CREATE TABLE IF NOT EXISTS bare_counters (customer text PRIMARY KEY, used bigint NOT NULL) WITH (fillfactor = 70)"
)
FILL = "INSERT INTO bare_counters SELECT external_id, 0 FROM customers ON CONFLICT DO NOTHING"
COUNT = "UPDATE bare_counters SET used = used + $2 WHERE customer = $1 AND used + $2 <= 1000000000 RETURNING used"
CONNECTIONS = 8
"""As many as an API of our own has for its callers, of 10 in all."""


def bare_app(pool: asyncpg.Pool) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.post("/count")
    async def count(request: Request) -> Response:
        asked = await request.json()
        async with pool.acquire() as connection:
            used = await connection.fetchval(COUNT, asked["customer"], asked["quantity"])
        if used is None:
            return Response(status_code=429)
        return Response(b'{"used":%d}' % used, media_type="application/json")

    return app


async def _serve(port: int, *, fast: bool) -> None:
    url = os.environ["TENURE_DATABASE_URL"]
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(TABLE)
        await pool.execute(FILL)
        app = bare_app(pool)
        config = uvicorn.Config(
            app,
            http="auto" if fast else "h11",
            host="127.0.0.1",
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
        )
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    fast = sys.argv[1:] == ["fast"]
    with asyncio.Runner(loop_factory=auto_loop_factory() if fast else None) as runner:
        runner.run(_serve(int(os.environ["BARE_PORT"]), fast=fast))
