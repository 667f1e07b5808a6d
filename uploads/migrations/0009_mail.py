"""Whether users want mail, and which drops were told of."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0008_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='batch',
            name='told_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='wants_mail',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name='batch',
            index=models.Index(condition=models.Q(('ended_at__isnull', False), ('told_at__isnull', True)), fields=['ended_at'], name='batches_untold'),
        ),
    ]
