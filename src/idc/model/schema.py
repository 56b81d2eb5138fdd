"""JSON Schemas of the files of a declaration, for editors and other tools. Generated from the models, never by hand.

python -m idc.model.schema        writes docs/reference/schemas/*.schema.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from idc import paths
from idc.model.profiles import ProfileSpec
from idc.model.types import CentreSpec, PeopleSpec, TenantSpec, WaiversSpec

#: Schema name -> the model, and the files it is for.
MODELS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "centre": (CentreSpec, "centre.yaml"),
    "tenant": (TenantSpec, "tenants/<id>.yaml"),
    "people": (PeopleSpec, "people.yaml"),
    "waivers": (WaiversSpec, "waivers.yaml"),
    "profile": (ProfileSpec, "profiles/<name>.yaml"),
}


def generate() -> dict[str, dict[str, Any]]:
    """The schemas by name: ``centre``, ``tenant``, ``people``, ``waivers``, ``profile``."""
    return {name: _schema(model, file) for name, (model, file) in MODELS.items()}


def _schema(model: type[BaseModel], file: str) -> dict[str, Any]:
    found = model.model_json_schema(by_alias=True)
    for name, used in _models(model).items():
        properties = (found if used is model else found["$defs"][name])["properties"]
        optional = {key for key, field in used.model_fields.items() if not field.is_required()}
        defaults = used.model_construct().model_dump(mode="json", include=optional)  # as people write them
        for key, field in used.model_fields.items():
            shown = properties[field.alias or key]
            shown.pop("title", None)  # made of the field's name: it says nothing that the name does not
            if key in defaults:
                shown["default"] = defaults[key]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": file}
    return {**head, **{key: value for key, value in found.items() if key != "title"}}


def _models(model: Any) -> dict[str, type[BaseModel]]:
    """A model and all that its fields are made of, by class name."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        inner = [_models(field.annotation) for field in model.model_fields.values()]
        return {model.__name__: model} | {name: used for found in inner for name, used in found.items()}
    return {name: used for argument in get_args(model) for name, used in _models(argument).items()}


def render(schema: dict[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def folder() -> Path:
    """Where the schemas lie."""
    return paths.resources() / "docs" / "reference" / "schemas"


def write(target: Path) -> list[Path]:
    """Write all schemas into a folder; gives the files."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in generate().items():
        file = target / f"{name}.schema.json"
        file.write_text(render(schema), encoding="utf-8")
        written.append(file)
    return written


if __name__ == "__main__":
    write(folder())
