"""`tenure codec-server`."""

from typing import Final

import structlog
import uvicorn

from api.codec_server import codec_app
from api.http.slow_clients import punctual_protocol
from configuration.loading import Process, load_settings
from services.payload_codec import EncryptedPayloads
from storage.access.api_keys import ApiKeys
from tenure.cli import logs
from tenure.cli.asgi_server import Server, run, serve_until_stopped
from tenure.cli.connections import database, payload_keys_of
from tenure.cli.signals import stoppable

MOST_CONNECTIONS: Final = 200

log = structlog.get_logger("tenure")


def codec_server() -> None:
    """Decrypt payloads for the Temporal UI until SIGTERM; callers need an API key of role admin or operator."""
    run(stoppable(_serve()))


async def _serve() -> None:
    settings = load_settings(Process.CODEC_SERVER)
    logs.configure(as_json=settings.log_format == "json", level=settings.log_level)
    pages = [] if settings.temporal_ui_url is None else [settings.temporal_ui_url]
    async with database(settings, for_callers=True, connections=2) as engine:
        app = codec_app(EncryptedPayloads(payload_keys_of(settings.payload_keys)), ApiKeys(engine).verify, pages)
        config = uvicorn.Config(
            app,
            http=punctual_protocol(),
            host=settings.codec_host,
            port=settings.codec_port,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
        )
        log.info("codec server starting", host=settings.codec_host, port=settings.codec_port)
        await serve_until_stopped(Server(config))
