"""Indexes for every order of the list, and the index behind the search."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db import migrations, models

import uploads.models

# One posting list for each word, no positions (`detail=none`): the list is what a search reads, newest
# first. The table of the words is the content, so the index can be corrected when they change or go.
SQLITE = (
    """
    CREATE VIRTUAL TABLE uploads_search USING fts5(
        words, content='uploads_searchentry', content_rowid='id',
        detail=none, columnsize=0, tokenize='ascii'
    )
    """,
    """
    CREATE TRIGGER uploads_search_insert AFTER INSERT ON uploads_searchentry BEGIN
        INSERT INTO uploads_search (rowid, words) VALUES (new.id, new.words);
    END
    """,
    """
    CREATE TRIGGER uploads_search_delete AFTER DELETE ON uploads_searchentry BEGIN
        INSERT INTO uploads_search (uploads_search, rowid, words)
        VALUES ('delete', old.id, old.words);
    END
    """,
    """
    CREATE TRIGGER uploads_search_update AFTER UPDATE ON uploads_searchentry BEGIN
        INSERT INTO uploads_search (uploads_search, rowid, words)
        VALUES ('delete', old.id, old.words);
        INSERT INTO uploads_search (rowid, words) VALUES (new.id, new.words);
    END
    """,
)
SQLITE_BACK = (
    "DROP TRIGGER uploads_search_insert",
    "DROP TRIGGER uploads_search_delete",
    "DROP TRIGGER uploads_search_update",
    "DROP TABLE uploads_search",
)
POSTGRES = (
    """
    ALTER TABLE uploads_searchentry ADD COLUMN vector tsvector
        GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
    """,
    "CREATE INDEX uploads_search ON uploads_searchentry USING gin (vector)",
)
POSTGRES_BACK = (
    "DROP INDEX uploads_search",
    "ALTER TABLE uploads_searchentry DROP COLUMN vector",
)


def make_index(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The index over the words, in the database's own way."""
    statements = POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE
    for statement in statements:
        schema_editor.execute(statement)


def drop_index(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back."""
    statements = POSTGRES_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK
    for statement in statements:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("uploads", "0002_parts"),
    ]

    operations = [
        migrations.AlterModelOptions(name="batch", options={"verbose_name_plural": "batches"}),
        migrations.RemoveIndex(
            model_name="uploadedfile",
            name="files_by_batch",
        ),
        migrations.AlterField(
            model_name="uploadedfile",
            name="space",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="files",
                to="uploads.space",
            ),
        ),
        migrations.AddIndex(
            model_name="uploadedfile",
            index=models.Index(
                condition=models.Q(("batch__isnull", False)),
                fields=["space", "batch", "-created_at", "-id"],
                name="files_by_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="uploadedfile",
            index=models.Index(
                models.F("space"),
                django.db.models.functions.text.Lower("name"),
                models.F("id"),
                name="files_by_name",
            ),
        ),
        migrations.AddIndex(
            model_name="uploadedfile",
            index=models.Index(fields=["space", "size", "id"], name="files_by_size"),
        ),
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                ("id", uploads.models.RowId(primary_key=True, serialize=False)),
                ("words", models.TextField()),
                (
                    "file",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_entry",
                        to="uploads.uploadedfile",
                    ),
                ),
            ],
        ),
        migrations.RunPython(make_index, drop_index),
    ]
