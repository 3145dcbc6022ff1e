"""The section of the schema."""

from dataclasses import dataclass

from efakit.spec.sections import Section, register, schema_file


@dataclass(frozen=True)
class Notice:
    """The section."""

    owner: str


_SCHEMA = schema_file(__name__)

register("notice", Section(_SCHEMA["$defs"], _SCHEMA["needs"], lambda data: Notice(**data)))
