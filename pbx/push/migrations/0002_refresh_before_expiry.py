from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("push", "0001_initial"),
        ("subscribers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="pushdevice",
            name="refresh_at",
            field=models.DateTimeField(
                blank=True, help_text="When to wake it so that its registration does not expire.", null=True
            ),
        ),
        migrations.AddField(
            model_name="pushdevice",
            name="registered_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="registered until"),
        ),
        migrations.AddIndex(
            model_name="pushdevice",
            index=models.Index(
                condition=models.Q(("refresh_at__isnull", False)), fields=["refresh_at"], name="devices_to_refresh"
            ),
        ),
    ]
