"""Steps know who ran them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('uploads', '0010_steps_by_version'),
    ]

    operations = [
        migrations.AddField(
            model_name='step',
            name='worker',
            field=models.CharField(max_length=100, null=True),
        ),
    ]
