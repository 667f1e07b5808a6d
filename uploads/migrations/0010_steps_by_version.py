"""Steps know the space whose files they stand for, so that old results are found by an index."""

import django.db.models.deletion
from django.db import migrations, models

# those of the attempt that counts; the others stay without
SPACES = """
UPDATE uploads_step SET space_id = (
    SELECT space_id FROM uploads_uploadedfile
    WHERE uploads_uploadedfile.id = uploads_step.file_id
    AND uploads_uploadedfile.attempt = uploads_step.attempt
)
"""


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0009_mail'),
    ]

    operations = [
        migrations.AddField(
            model_name='step',
            name='space',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='uploads.space'),
        ),
        migrations.AddIndex(
            model_name='step',
            index=models.Index(condition=models.Q(('space__isnull', False)), fields=['space', 'name', 'version', 'file'], name='steps_by_version'),
        ),
        migrations.RunSQL(SPACES, migrations.RunSQL.noop),
    ]
