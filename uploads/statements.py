"""The statements that run for every change of every file: one round trip each, without building a
query anew.

The ORM takes a millisecond for what the database does in thirty microseconds, several times a file.
Here the text of a statement is made once for each shape, and so is what a field does to its values,
so both databases get and give what the ORM would. All else uses the ORM.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import DateTimeField, Field, ForeignKey, JSONField, Model, UUIDField

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Plus:
    """Add to what the column holds."""

    amount: int


@dataclass(frozen=True)
class AtLeast:
    """Raise what the column holds to this, where it is null or less."""

    amount: int


_KINDS: dict[type, str] = {Plus: "adds", AtLeast: "raises"}


def update(model: type[M], changes: Mapping[str, Any], **where: Any) -> M | None:
    """Compare-and-set: change the one row that fits `where`; the row as it is now, None where none
    fits.

    Keys are columns' attribute names (`space_id`). A value of `changes` may be `Plus` or `AtLeast`;
    a tuple in `where` means any of these, None means null.
    """
    shape = tuple((name, _KINDS.get(type(value), "")) for name, value in changes.items())
    tests = tuple((name, _length(value)) for name, value in where.items())
    sql = _update_sql(connection.vendor, model, shape, tests)
    params = [_saved(model, name, value) for name, value in changes.items()]
    for name, value in where.items():
        if value is not None:
            params += [
                _saved(model, name, one)
                for one in (value if isinstance(value, tuple) else (value,))
            ]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    return None if row is None else _instance(model, row)


def insert(rows: Sequence[Model], *, replace_by: Iterable[str] = ()) -> None:
    """Add rows of one model. Where a unique constraint over `replace_by` is hit, the row there is
    replaced instead.

    Rows with a key that the database makes get it.
    """
    if not rows:
        return
    model = type(rows[0])
    values = [vars(row) for row in rows]
    keys = _inserted(model, values, replace_by=tuple(replace_by), keys=_makes_key(model))
    for row, (key,) in zip(rows, keys, strict=bool(keys)):
        row.pk = key
    for row in rows:
        row._state.adding = False


def insert_values(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """As `insert`, for rows that nobody needs as instances: making those takes longer than adding
    them. Each has every column, by its attribute's name, but a key that the database makes.
    """
    if rows:
        _inserted(model, rows)


def _inserted(
    model: type[Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    replace_by: tuple[str, ...] = (),
    keys: bool = False,
) -> list[Any]:
    """Add the rows; the keys that the database made, where they are asked for."""
    vendor = connection.vendor
    savers = [(field.attname, _saver(vendor, model, field.attname)) for field in _columns(model)]
    values = [[saver(row[name]) if saver else row[name] for name, saver in savers] for row in rows]
    with connection.cursor() as cursor:
        if vendor == "sqlite" and not keys:
            # one statement, prepared once: no round trip to save, and one of all rows would be
            # another for each number of them
            cursor.executemany(_insert_sql(vendor, model, 1, replace_by, keys=False), values)
            return []
        sql = _insert_sql(vendor, model, len(rows), replace_by, keys=keys)
        cursor.execute(sql, [value for row in values for value in row])
        return cursor.fetchall() if keys else []


def _length(value: Any) -> int | None:
    """How many values a test compares with; None for null."""
    if value is None:
        return None
    return len(value) if isinstance(value, tuple) else 1


def _saved(model: type[Model], name: str, value: Any) -> Any:
    if type(value) in _KINDS:
        return value.amount
    saver = _saver(connection.vendor, model, name)
    return saver(value) if saver else value


@cache
def _saver(vendor: str, model: type[Model], name: str) -> Callable[[Any], Any] | None:
    """What makes a field's value ready for the database; None where it is so already."""
    field = _fields(model)[name]
    plain = field.target_field if isinstance(field, ForeignKey) else field
    if isinstance(plain, JSONField):
        return lambda value: field.get_db_prep_save(value, connection)
    if vendor == "sqlite" and isinstance(plain, UUIDField):
        return lambda value: None if value is None else value.hex
    if vendor == "sqlite" and isinstance(plain, DateTimeField):
        return _without_zone
    return None


def _without_zone(value: datetime | None) -> str | None:
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))


@cache
def _fields(model: type[Model]) -> dict[str, "Field[Any, Any]"]:
    return {field.attname: field for field in model._meta.concrete_fields}


def _makes_key(model: type[Model]) -> bool:
    return model._meta.auto_field is not None


@cache
def _columns(model: type[Model]) -> list["Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]


def _column(model: type[Model], name: str) -> str:
    return connection.ops.quote_name(_fields(model)[name].column or name)


@cache
def _update_sql(
    vendor: str,
    model: type[Model],
    shape: tuple[tuple[str, str], ...],
    tests: tuple[tuple[str, int | None], ...],
) -> str:
    greatest = "GREATEST" if vendor == "postgresql" else "MAX"
    news = {"": "%s", "adds": "{0} + %s", "raises": f"{greatest}(COALESCE({{0}}, 0), %s)"}
    sets = []
    for name, kind in shape:
        column = _column(model, name)
        sets.append(f"{column} = {news[kind].format(column)}")
    where = []
    for name, count in tests:
        column = _column(model, name)
        if count is None:
            where.append(f"{column} IS NULL")
        else:
            where.append(f"{column} IN ({', '.join(['%s'] * count)})")
    table = connection.ops.quote_name(model._meta.db_table)
    back = ", ".join(_column(model, name) for name in _fields(model))
    text = f"SET {', '.join(sets)} WHERE {' AND '.join(where)} RETURNING {back}"
    return f"UPDATE {table} {text}"


@cache
def _insert_sql(
    _vendor: str, model: type[Model], count: int, replace_by: tuple[str, ...], *, keys: bool
) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    columns = [_column(model, field.attname) for field in _columns(model)]
    row = f"({', '.join(['%s'] * len(columns))})"
    rows = ", ".join([row] * count)
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows}"  # noqa: S608 - likewise
    if replace_by:
        kept = {_column(model, name) for name in replace_by}
        sets = ", ".join(
            f"{column} = excluded.{column}" for column in columns if column not in kept
        )
        sql += f" ON CONFLICT ({', '.join(sorted(kept))}) DO UPDATE SET {sets}"
    if keys:
        sql += f" RETURNING {connection.ops.quote_name(model._meta.pk.column or 'id')}"
    return sql


@cache
def _converters(_vendor: str, model: type[Model]) -> list[tuple[Any, list[Callable[..., Any]]]]:
    columns = [field.get_col(model._meta.db_table) for field in model._meta.concrete_fields]
    return [
        (column, connection.ops.get_db_converters(column) + column.get_db_converters(connection))
        for column in columns
    ]


def _instance(model: type[M], row: Sequence[Any]) -> M:
    values = list(row)
    for place, (column, converters) in enumerate(_converters(connection.vendor, model)):
        for convert in converters:
            values[place] = convert(values[place], column, connection)
    return model.from_db(
        connection.alias, [field.attname for field in model._meta.concrete_fields], values
    )
