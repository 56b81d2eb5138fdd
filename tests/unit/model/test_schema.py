"""The committed JSON Schemas are what the models say, and they take the committed declarations."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from idc.model import profiles, schema
from idc.model.reading import read

SCHEMAS = schema.generate()


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_current(name: str, root: Path) -> None:
    committed = (root / "docs" / "reference" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert committed == schema.render(SCHEMAS[name]), "run: python -m idc.model.schema"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema_and_describes_every_key(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    objects = [SCHEMAS[name], *(part for part in SCHEMAS[name].get("$defs", {}).values() if part["type"] == "object")]
    for part in objects:
        assert part["additionalProperties"] is False
        assert [key for key, shown in part["properties"].items() if not shown.get("description")] == []


def declared(root: Path) -> list[tuple[str, Path]]:
    centres = [path for folder in ("centres", "tests/bad_input/base") for path in (root / folder).rglob("*.yaml")]
    kinds = {"centre.yaml": "centre", "people.yaml": "people"}
    return [(kinds.get(path.name, "tenant"), path) for path in sorted(centres) if "locks" not in path.parts]


def test_the_schemas_take_all_declarations_of_the_tree(root: Path) -> None:
    files = declared(root) + [("profile", path) for path in sorted(profiles.folder().glob("*.yaml"))]
    assert len(files) > 12
    for kind, path in files:
        data = read(path.read_text(encoding="utf-8")).data
        errors = [e.message for e in jsonschema.Draft202012Validator(SCHEMAS[kind]).iter_errors(data)]
        assert errors == [], path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tenant",), "Tax"),
        (("quota", "memory"), "2GB"),
        (("sites", 0, "names", 0), "Tax.city.example"),
        (("sites", 0, "kind"), "dynamic"),
        (("egress", 0, "port"), "443"),
        (("protection_level",), 5),
        (("contacts",), []),
        (("unknown",), 1),
    ],
)
def test_the_schema_refuses_what_the_model_refuses(path: tuple[Any, ...], value: object, root: Path) -> None:
    data: Any = read((root / "tests/bad_input/base/tenants/tax.yaml").read_text(encoding="utf-8")).data
    data = copy.deepcopy(data)
    here = data
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    assert not jsonschema.Draft202012Validator(SCHEMAS["tenant"]).is_valid(data)


def test_defaults_read_as_people_write_them() -> None:
    quota = SCHEMAS["tenant"]["$defs"]["Quota"]["properties"]
    assert {key: shown["default"] for key, shown in quota.items()} == {
        "cpus": 1.0,
        "memory": "512MiB",
        "disk": "5GiB",
        "bandwidth": "20Mbit/s",
    }
