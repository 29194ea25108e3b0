#!/usr/bin/python3
"""A real SMTP server (aiosmtpd) that keeps mail in a Maildir and can be told
to misbehave.

    smtpd.py PORT MAILDIR [--orders FILE] [--tls CERT KEY] [--login USER PASSWORD]

Listens on 127.0.0.1, PORT 0 for any free one, prints the port, and serves
until its standard input ends.  FILE is read anew for each mail; a line of it:

    refuse ADDRESS    550 to this recipient
    echo ADDRESS      550, and the answer names the address
    sender            550 to every sender
    later ADDRESS     451 to this recipient
    data CODE         the answer to each message
    die N             the next N messages: the connection ends after DATA,
                      nothing is kept
    swallow N         the same, but the message was kept
    slow SECONDS      before the answer to a message

In the Maildir each message begins with X-Sender and X-Recipient, what the
envelope said, X-Tls, whether it came encrypted, and X-Helo, who brought it.
"""
import argparse
import asyncio
import logging
import mailbox
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument('port', type=int)
parser.add_argument('maildir')
parser.add_argument('--orders')
parser.add_argument('--tls', nargs=2)
parser.add_argument('--login', nargs=2)
options = parser.parse_args()
logging.disable(logging.CRITICAL)
done = {}


def orders():
    try:
        with open(options.orders) as lines:
            return [line.split() for line in lines if line.strip()]
    except (OSError, TypeError):
        return []


def ordered(*words):
    return any(order[:len(words)] == list(words) for order in orders())


def times(word):
    """Is it one of the first N?"""
    for order in orders():
        if order[0] == word and done.get(word, 0) < int(order[1]):
            done[word] = done.get(word, 0) + 1
            return True
    return False


def value(word):
    return next((order[1] for order in orders() if order[0] == word), None)


class Handler:
    def __init__(self):
        self.box = mailbox.Maildir(options.maildir, create=True)

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        if ordered('sender'):
            return '550 5.7.1 this sender may not'
        envelope.mail_from = address
        return '250 OK'

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if ordered('refuse', address):
            return '550 5.1.1 no such user'
        if ordered('echo', address):
            return '550 5.1.1 <%s>: Recipient address rejected: %s unknown (was %s)' % (address, address, address.upper())
        if ordered('later', address):
            return '451 4.7.1 try again later'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    def keep(self, session, envelope):
        head = 'X-Sender: %s\r\nX-Recipient: %s\r\nX-Tls: %s\r\nX-Helo: %s\r\n' % (
            envelope.mail_from or '', ', '.join(envelope.rcpt_tos),
            'yes' if session.ssl else 'no', session.host_name)
        self.box.add(head.encode() + envelope.original_content)

    async def handle_DATA(self, server, session, envelope):
        if value('slow'):
            await asyncio.sleep(float(value('slow')))
        if times('die'):
            server.transport.abort()
            return '451 never seen'
        if value('data'):
            return value('data') + ' as ordered'
        self.keep(session, envelope)
        if times('swallow'):
            server.transport.abort()
            return '451 never seen'
        return '250 2.0.0 kept'


def check_login(server, session, envelope, mechanism, data):
    good = [data.login.decode(), data.password.decode()] == options.login
    return AuthResult(success=good, handled=False)


def session():
    extra = {}
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        extra = dict(tls_context=context, require_starttls=True)
    if options.login:
        extra.update(authenticator=check_login, auth_required=True,
            auth_require_tls=bool(options.tls))
    return SMTP(handler, hostname='127.0.0.1', enable_SMTPUTF8=True, **extra)


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, '127.0.0.1', options.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


handler = Handler()
asyncio.run(serve())
