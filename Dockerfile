# Tenure's production image: `tenure migrate`, `tenure worker` and `tenure api`, without the sandbox's servers.

FROM python:3.13-slim AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# What runs: locked by version and hash, wheels only, in a virtual environment of its own.
COPY requirements/production.txt requirements/build.txt requirements/
RUN python -m venv /opt/tenure \
    && /opt/tenure/bin/python -m pip install --only-binary :all: --require-hashes -r requirements/production.txt

# What builds: the build backend and what it needs, locked too. It stays in this stage.
RUN python -m pip install --require-hashes -r requirements/build.txt

COPY . .
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/tenure/bin/python -m pip install --no-deps --no-index dist/tenure-*.whl \
    && /opt/tenure/bin/python -m pip uninstall --yes pip


FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tenure
COPY --from=build /opt/tenure /opt/tenure
WORKDIR /srv/tenure
# Catalogs and policies that come with it; mount your own over them.
COPY catalogs/*.yaml catalogs/*.json catalogs/
ENV PATH=/opt/tenure/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
# Of the API. A worker answers at TENURE_HEALTH_ADDRESS: give it a check of its own where it runs, and the migration none.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('TENURE_API_PORT', '8000') + '/healthz', timeout=4)"]
ENTRYPOINT ["tenure"]
CMD ["--help"]
