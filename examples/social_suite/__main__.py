"""`python -m examples.social_suite`: runs the product next to a `tenure up` in the same folder."""

import json
from pathlib import Path

import uvicorn

from examples.social_suite.app import create_app
from tenure.client import AsyncTenure

FOLDER = ".tenure-social"
"""A separate folder: other products have other catalogs."""
START = f"tenure up --catalog catalogs/social.yaml --data {FOLDER} --port 0"


def main() -> None:
    file = Path(FOLDER, "stack.json")
    if not file.exists():
        raise SystemExit(f"{file} not found: run `{START}` in this folder first")
    stack = json.loads(file.read_text())
    tenure = AsyncTenure(stack["api_url"], stack["admin_key"])
    uvicorn.run(create_app(tenure), port=8100)


if __name__ == "__main__":
    main()
