#!/usr/bin/python3
"""The messages of a Maildir as JSON, read by Python's email package.

    mails.py MAILDIR

Oldest first: {"headers": {name: [decoded value...]}, "raw": {name: [...]},
"text": "...", "defects": [...]}.
"""
import email
import email.policy
import json
import os
import sys

found = []
for folder in ('new', 'cur'):
    path = os.path.join(sys.argv[1], folder)
    for name in os.listdir(path) if os.path.isdir(path) else []:
        file = os.path.join(path, name)
        found.append((os.stat(file).st_mtime_ns, file))
messages = []
for _, file in sorted(found):
    with open(file, 'rb') as bytes_:
        content = bytes_.read()
    message = email.message_from_bytes(content, policy=email.policy.default)
    headers, raw = {}, {}
    for header, text in message.items():
        headers.setdefault(header.lower(), []).append(str(text))
    for header, text in email.message_from_bytes(content).items():
        raw.setdefault(header.lower(), []).append(str(text))
    defects = [repr(d) for part in message.walk() for d in part.defects]
    defects += [repr(d) for _, text in message.items() for d in text.defects]
    messages.append({'headers': headers, 'raw': raw, 'defects': defects,
        'type': message.get_content_type(), 'parts': len(list(message.walk())),
        'from': [[a.display_name, a.addr_spec] for a in message['from'].addresses],
        'to': [[a.display_name, a.addr_spec] for a in message['to'].addresses],
        'text': (message.get_body(('plain',)) or message).get_content().replace('\r\n', '\n'),
        'kinds': [part.get_content_type() for part in message.walk()],
        'files': {part.get_filename(): part.get_content() for part in message.walk() if part.get_filename()},
        'longest': max(len(line) for line in content.split(b'\n')),
        'is_ascii': all(byte < 128 for byte in content)})
json.dump(messages, sys.stdout)
