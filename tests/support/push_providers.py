"""Look-alikes of the push providers: they check what the real ones check, by the providers' documents and not by our code."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from .http2_server import Http2Server
from .push_server import Answer, Received

__all__ = ["AcrobitsServer", "ApnsServer", "FcmServer", "WebPushServer"]


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _said(status: int, body: Any) -> Answer:
    return Answer(status, json.dumps(body).encode())


def _pem(key) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


class FcmServer(Http2Server):
    """Google: gives access tokens for a service account's signature, and takes pushes with them."""

    project = "phone-project"
    email = "pbx@phone-project.iam.gserviceaccount.com"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.lifetime = 3600
        self.given: list[str] = []
        "Access tokens, in the order in which they were given."
        self.valid: set[str] = set()
        self.sign_in_delay = 0.0
        self.gone: set[str] = set()
        "Device tokens that are not registered any more."

    def credentials(self, **changes: str) -> str:
        """A service account's JSON, as Google's console gives it."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": self.project,
                "private_key_id": "key-1",
                "private_key": _pem(self._key),
                "client_email": self.email,
                "token_uri": f"{self.url}/token",
                **changes,
            }
        )

    @property
    def pushes(self) -> list[Received]:
        return [request for request in self.received if self.is_push(request)]

    def is_push(self, request: Received) -> bool:
        return request.path != "/token"

    def respond(self, request: Received) -> Answer:
        if request.path == "/token":
            return self._sign_in(request)
        if request.path != f"/v1/projects/{self.project}/messages:send":
            return Answer(404, b"<html>Not Found</html>")
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return self.error(401, "UNAUTHENTICATED", message="Request had invalid authentication credentials.")
        return self._judge(request.body)

    @staticmethod
    def error(status: int, name: str, code: str = "", message: str = "no", **detail: Any) -> Answer:
        """An error as Google words it; `code` is Firebase's own."""
        details = [detail] if detail else []
        if code:
            details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
        error = {"code": status, "message": message, "status": name, "details": details}
        return _said(status, {"error": error})

    def _judge(self, body: dict[str, Any]) -> Answer:
        message = body["message"]
        if body.get("validate_only"):
            return _said(200, {"name": f"projects/{self.project}/messages/fake_message_id"})
        if message["token"] in self.gone:
            return self.error(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
        if not all(isinstance(value, str) for value in message["data"].values()):
            return self.error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "data must be strings")
        return _said(200, {"name": f"projects/{self.project}/messages/0:1"})

    def _sign_in(self, request: Received) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        head, claims, signature = form["assertion"].split(".")
        try:
            signed = f"{head}.{claims}".encode()
            self._key.public_key().verify(_decoded(signature), signed, padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return _said(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        said, now = json.loads(_decoded(claims)), time.time()
        right = (
            form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            and json.loads(_decoded(head)) == {"alg": "RS256", "kid": "key-1", "typ": "JWT"}
            and (said["iss"], said["aud"]) == (self.email, f"{self.url}/token")
            and said["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
            and abs(said["iat"] - now) < 60
            and 0 < said["exp"] - said["iat"] <= 3600
        )
        if not right:
            return _said(400, {"error": "invalid_grant", "error_description": "Invalid claims."})
        token = f"access-{len(self.given) + 1}"
        self.given.append(token)
        self.valid.add(token)
        answer = _said(200, {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})
        return Answer(200, answer.body, delay=self.sign_in_delay)


class ApnsServer(Http2Server):
    """Apple: checks the signed token, the topic, the kind of push and its size, in the order in which Apple does."""

    key_id, team_id, bundle = "KEY1234567", "TEAM123456", "org.example.phone"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.key_pem = _pem(self._key)
        self.devices: dict[str, str] = {}
        "Device token -> the topic that it was made for."
        self.gone: dict[str, int] = {}
        "Device token -> since when it is dead, in milliseconds."
        self.oldest = 3600.0
        "Seconds of age from which a provider token has expired."
        self.tokens: set[str] = set()
        "Provider tokens seen."

    def respond(self, request: Received) -> Answer:
        headers, device = request.headers, request.path.removeprefix("/3/device/")
        bearer = headers.get("authorization", "").removeprefix("bearer ")
        self.tokens.add(bearer)
        if wrong := self._wrong_token(bearer):
            return _said(403, {"reason": wrong})
        topic, kind = headers.get("apns-topic", ""), headers.get("apns-push-type", "")
        if topic.removesuffix(".voip") != self.bundle:
            return _said(400, {"reason": "TopicDisallowed" if topic else "MissingTopic"})
        if kind not in ("alert", "background", "voip") or (kind == "voip") != topic.endswith(".voip"):
            return _said(400, {"reason": "InvalidPushType"})
        if headers.get("apns-priority") not in {"background": ("5",)}.get(kind, ("5", "10")):
            return _said(400, {"reason": "BadPriority"})
        if len(request.raw) > (5120 if kind == "voip" else 4096):
            return _said(413, {"reason": "PayloadTooLarge"})
        if device in self.gone:
            return _said(410, {"reason": "Unregistered", "timestamp": self.gone[device]})
        if device not in self.devices:
            return _said(400, {"reason": "BadDeviceToken"})
        if self.devices[device] != topic:
            return _said(400, {"reason": "DeviceTokenNotForTopic"})
        return Answer(200, b"", {"apns-id": headers.get("apns-id", "")})

    def _wrong_token(self, bearer: str) -> str:
        if bearer.count(".") != 2:
            return "MissingProviderToken"
        head, claims, signature = bearer.split(".")
        if not _is_es256(self._key.public_key(), f"{head}.{claims}", signature):
            return "InvalidProviderToken"
        said = json.loads(_decoded(claims))
        header = json.loads(_decoded(head))
        if (header["alg"], header["kid"], said["iss"]) != ("ES256", self.key_id, self.team_id):
            return "InvalidProviderToken"
        if not isinstance(said["iat"], int):
            return "InvalidProviderToken"
        return "ExpiredProviderToken" if time.time() - said["iat"] >= self.oldest else ""


class WebPushServer(Http2Server):
    """A browser and its push service: checks VAPID by the key that the browser subscribed with, and decrypts the payload."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._server_key = ec.generate_private_key(ec.SECP256R1())
        self.key_pem = _pem(self._server_key)
        self._browser_key = ec.generate_private_key(ec.SECP256R1())
        self._auth = bytes(range(16))
        self.gone = False

    @property
    def endpoint(self) -> str:
        """The address of the browser's subscription."""
        return f"https://localhost:{self.port}/wpush/v2/gAAAA-capability"

    @property
    def keys(self) -> dict[str, str]:
        """What the browser's subscription says of its keys."""
        return {"p256dh": _encoded(_point(self._browser_key.public_key())), "auth": _encoded(self._auth)}

    def respond(self, request: Received) -> Answer:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        given = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        head, claims, signature = given.get("t", "..").split(".")
        said = json.loads(_decoded(claims) or b"{}")
        right = (
            scheme == "vapid"
            and _decoded(given.get("k", "")) == _point(self._server_key.public_key())
            and _is_es256(self._server_key.public_key(), f"{head}.{claims}", signature)
            and said["aud"] == f"https://localhost:{self.port}"
            and 0 < said["exp"] - time.time() <= 24 * 3600
            and said["sub"].startswith(("mailto:", "https:"))
        )
        if not right:
            return _said(403, {"message": "VAPID public key mismatch"})
        if "ttl" not in request.headers:
            return _said(400, {"message": "Missing TTL"})
        return _said(410, {"message": "gone"}) if self.gone else Answer(201, b"")

    def decrypted(self, request: Received) -> dict[str, Any]:
        """The payload as the browser reads it (RFC 8188, RFC 8291)."""
        raw = request.raw
        salt, point, record = raw[:16], raw[21 : 21 + raw[20]], raw[21 + raw[20] :]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = self._browser_key.exchange(ec.ECDH(), theirs)
        info = b"WebPush: info\0" + _point(self._browser_key.public_key()) + point
        material = _hkdf(self._auth, shared, info, 32)
        key = _hkdf(salt, material, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _hkdf(salt, material, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, record, None)
        return json.loads(plain.rstrip(b"\0").removesuffix(b"\2"))


class AcrobitsServer(Http2Server):
    """The gateway of Acrobits: wants its three words, and knows some tokens."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.known: set[str] = set()

    def respond(self, request: Received) -> Answer:
        push = request.body
        if request.headers.get("content-type") != "application/json" or not push.get("verb"):
            return Answer(400, b"bad request")
        if not push.get("AppId") or not push.get("DeviceToken") or not push.get("Selector"):
            return _said(200, {"code": 400, "response": "Missing parameter"})
        if push["DeviceToken"] not in self.known:
            return _said(200, {"code": 404, "response": "Unknown token"})
        return _said(200, {"code": 200, "response": "OK"})


def _is_es256(key: ec.EllipticCurvePublicKey, signed: str, signature: str) -> bool:
    raw = _decoded(signature)
    if len(raw) != 64:
        return False
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        key.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 for one block, by hand: what checks must not be what is checked."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")[:length]


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
