"""Whether a message is signed as Standard Webhooks says: `webhook.py SECRET ID TIMESTAMP SIGNATURES`,
with the body on standard input. Ends with 2 where it is not."""

import base64
import hashlib
import hmac
import sys
import time

secret, name, at, signatures = sys.argv[1:]
kind, _, key = secret.partition("_")
if kind != "whsec":
    sys.exit("that is no secret")
if abs(time.time() - int(at)) > 300:
    sys.exit("it was made at another time")
message = f"{name}.{at}.".encode() + sys.stdin.buffer.read()
made = hmac.new(base64.b64decode(key, validate=True), message, hashlib.sha256).digest()
wanted = "v1," + base64.b64encode(made).decode()
if not any(hmac.compare_digest(one, wanted) for one in signatures.split(" ")):
    sys.exit(2)
