"""What else sends mail, for `bench.send`: fetched when first needed, run as its makers mean it to be run.

Nothing of it is part of the project: Postfix's tools come out of Debian's package, nodemailer from npm,
django-post-office from PyPI into an environment of its own, all into the folder that is given. Where
something cannot be fetched, the benchmark goes on without it and says so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from carillon.clock import Stopwatch

CONNECTIONS = 10
WORDS = "Your yearly review is a good moment to look at what you have and what you need. "
TEXT = "Hello {{ first_name }},\n\n" + (WORDS + "\n") * 18
HTML = "<p>Hello {{ first_name }},</p>" + f"<p>{WORDS}</p>" * 24
NODE = """
const mailer = require('nodemailer').createTransport({host: '127.0.0.1', port: +process.argv[2], pool: true,
  maxConnections: %d, maxMessages: Infinity, ignoreTLS: true});
const [text, html, n] = [process.argv[3], process.argv[4], +process.argv[5]];
const began = process.hrtime.bigint();
Promise.all(Array.from({length: n}, (_, i) => mailer.sendMail({from: 'ann@agency.example',
  to: `person${i}@example.com`, subject: 'Hello', text, html}))).then(() => {
  console.log(Number(process.hrtime.bigint() - began) / 1e9); mailer.close(); });
"""
DJANGO = """
import sys, time, django
from django.conf import settings
port, folder, n, connections, text, html = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"], USE_TZ=True, SECRET_KEY="bench",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder + "/office.db",
                           "OPTIONS": {"timeout": 60}}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", EMAIL_BACKEND="post_office.EmailBackend",
    EMAIL_HOST="127.0.0.1", EMAIL_PORT=int(port),
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    POST_OFFICE={"BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
                 "THREADS_PER_PROCESS": int(connections), "BATCH_SIZE": 1000})
django.setup()
from django.core.management import call_command
from post_office import mail
from post_office.models import Email
call_command("migrate", verbosity=0)
mail.send_many([dict(recipients=[f"person{i}@example.com"], sender="ann@agency.example", subject="Hello",
                     message=text, html_message=html) for i in range(int(n))])
began = time.perf_counter()
call_command("send_queued_mail", processes=1, log_level=0, verbosity=0)
seconds = time.perf_counter() - began
assert Email.objects.filter(status=0).count() == int(n)
print(seconds)
"""


def fetched(folder: Path, what: str) -> Path | None:
    """Where `postfix`, `nodemailer` or `office` is, fetched if it is not there; None where it cannot be."""
    home = folder / what
    done = home / "done"
    if done.exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        for order in _orders(home)[what]:
            subprocess.run(order, cwd=home, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"{what} cannot be fetched: {said.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    done.touch()
    return home


def _orders(home: Path) -> dict[str, list[list[str]]]:
    pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    return {
        "postfix": [["apt-get", "download", "postfix"], ["sh", "-c", "dpkg -x postfix_*.deb ."]],
        "nodemailer": [["npm", "install", "--silent", "--no-fund", "--no-audit", "nodemailer"]],
        "office": [[sys.executable, "-m", "venv", "."], [*pip, "django-post-office"]],
    }


def postfix_environment(postfix: Path) -> dict[str, str]:
    return dict(os.environ) | {"LD_LIBRARY_PATH": str(postfix / "usr/lib/postfix")}


def smtp_source(postfix: Path, port: int, emails: int) -> float:
    """Emails a second of Postfix's own generator, which makes no message: it repeats one."""
    order = [str(postfix / "usr/sbin/smtp-source"), "-s", str(CONNECTIONS), "-m", str(emails), "-l", "5000"]
    order += ["-f", "ann@agency.example", "-t", "person@example.com", f"127.0.0.1:{port}"]
    watch = Stopwatch()
    subprocess.run(order, env=postfix_environment(postfix), check=True, capture_output=True)
    return emails / watch.seconds()


def nodemailer(home: Path, port: int, emails: int) -> float:
    """Emails a second of nodemailer with a pool of connections."""
    order = ["node", "-e", NODE % CONNECTIONS, "-", str(port), TEXT, HTML, str(emails)]
    environ = dict(os.environ) | {"NODE_PATH": str(home / "node_modules")}
    done = subprocess.run(order, env=environ, capture_output=True, text=True, check=True)
    return emails / float(done.stdout)


def post_office(home: Path, base: Path, port: int, emails: int) -> float:
    """Emails a second of django-post-office's `send_queued_mail`, from its queue in SQLite to recorded."""
    order = [str(home / "bin" / "python"), "-c", DJANGO, str(port), str(base), str(emails), str(CONNECTIONS)]
    done = subprocess.run([*order, TEXT, HTML], capture_output=True, text=True, check=True)
    return emails / float(done.stdout.split()[-1])


async def plain_loop(port: int, emails: int) -> float:
    """Emails a second of what one writes first: build each with `EmailMessage`, send with aiosmtplib."""
    left = iter(range(emails))

    async def one() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
        await client.connect()
        for number in left:
            message = EmailMessage()
            message["From"], message["To"] = "ann@agency.example", f"person{number}@example.com"
            message["Subject"] = f"Hello {number}"
            message.set_content(TEXT)
            message.add_alternative(HTML, subtype="html")
            await client.send_message(message)
        await client.quit()

    watch = Stopwatch()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return emails / watch.seconds()
