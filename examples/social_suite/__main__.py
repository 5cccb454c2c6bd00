"""`python -m examples.social_suite`: the product beside a `tenure up` in the same folder."""

import json
from pathlib import Path

import uvicorn

from examples.social_suite.app import create_app
from tenure.client import AsyncTenure

STACK = Path(".tenure/stack.json")


def main() -> None:
    if not STACK.exists():
        raise SystemExit(f"there is no {STACK}: start `tenure up --catalog catalogs/social.yaml` in this folder first")
    stack = json.loads(STACK.read_text())
    tenure = AsyncTenure(stack["api_url"], stack["admin_key"])
    uvicorn.run(create_app(tenure), port=8100)


if __name__ == "__main__":
    main()
