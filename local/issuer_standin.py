"""A stand-in for an OAuth issuer. It publishes its keys, and signs a token for everybody who asks.

    python -m local.issuer_standin --port 8093 --audience http://127.0.0.1:8080

    GET  /                                        a page with a form for tokens
    GET  /.well-known/openid-configuration        the metadata; also at /.well-known/oauth-authorization-server
    GET  /jwks                                    the public keys: `rsa` for RS256 and PS256, `ec` for ES256
    POST /token                                   sign a token (JSON or form fields): `user`, `account`, `scope`,
                                                  and, if wanted, `alg` (RS256) and `seconds` (3600)
    POST /_standin/faults                         `mode`: `ok` or `down`. While it is `down`, requests for the metadata
                                                  and the keys get 503

In a test: `with IssuerStandIn(audience) as issuer: … issuer.url … issuer.token(user, account, "billing:read")`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from local import html
from local.loopback import Handler, Server

_KEY_OF = {"RS256": "rsa", "PS256": "rsa", "ES256": "ec"}
_METADATA = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
MODES = ("ok", "down")
SCOPES = "billing:read account:read tasks:read"


@cache
def signing_keys() -> Mapping[str, RSAKey | ECKey]:
    """The keys by id. They are new in each process."""
    return {
        "rsa": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
        "ec": ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"}),
    }


class IssuerStandIn:
    """The issuer on 127.0.0.1, as a context manager. Port 0 picks a free port. `now` is in seconds."""

    def __init__(self, audience: str, *, port: int = 0, now: Callable[[], float] = time.time) -> None:
        self.audience = audience
        self.mode = "ok"
        self.requests: list[str] = []  # the requested paths
        self._now = now
        self._server = Server(_Handler, self, port)

    @property
    def url(self) -> str:
        """The address, which is also the issuer's identifier."""
        return self._server.url

    def __enter__(self) -> IssuerStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def serve_forever(self) -> None:
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()

    def metadata(self) -> dict[str, Any]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", "scopes_supported": SCOPES.split()}

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in signing_keys().values()]}

    def claims(self, user: str, account: str, scope: str = SCOPES, seconds: int = 3600) -> dict[str, Any]:
        now = int(self._now())
        return {
            "iss": self.url,
            "aud": self.audience,
            "sub": user,
            "account_id": account,
            "scope": scope,
            "iat": now,
            "exp": now + seconds,
        }

    def token(
        self, user: str, account: str, scope: str = SCOPES, *, alg: str = "RS256", seconds: int = 3600
    ) -> str:
        """Raises ValueError for an unknown `alg`."""
        if alg not in _KEY_OF:
            raise ValueError(f"alg is one of {', '.join(_KEY_OF)}")
        key = signing_keys()[_KEY_OF[alg]]
        header = {"alg": alg, "kid": _KEY_OF[alg], "typ": "at+jwt"}
        return jwt.encode(header, self.claims(user, account, scope, seconds), key, algorithms=[alg])


class _Handler(Handler):
    server_version = "issuer-standin"

    @property
    def issuer(self) -> IssuerStandIn:
        found: IssuerStandIn = self.server.served
        return found

    def get(self) -> None:
        path = urlsplit(self.path).path
        self.issuer.requests.append(path)
        if path == "/":
            self.answer(200, _page(self.issuer).encode(), html.CONTENT_TYPE)
        elif path not in (*_METADATA, "/jwks"):
            self.answer_json(404, {"error": "there is nothing here"})
        elif self.issuer.mode == "down":
            self.answer_json(503, {"error": "the issuer is down"})
        else:
            self.answer_json(200, self.issuer.jwks() if path == "/jwks" else self.issuer.metadata())

    def post(self) -> None:
        body = self.read_body()
        fields = None if body is None else self.read_fields(body)
        if fields is None:
            return
        path = urlsplit(self.path).path
        try:
            if path == "/token":
                self.answer_json(200, self._token(fields))
            elif path == "/_standin/faults":
                self._set_mode(str(fields["mode"]))
                self.answer_control(200, {})
            else:
                self.answer_json(404, {"error": "there is nothing here"})
        except (KeyError, ValueError) as problem:
            refused = {"error": f"not understood: {problem}"}
            # Tokens are requested with curl, so a refusal is JSON, not a page.
            self.answer_json(400, refused) if path == "/token" else self.answer_control(400, refused)

    def _token(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        seconds = int(fields.get("seconds") or 3600)
        scope = str(fields.get("scope") or SCOPES)
        token = self.issuer.token(
            str(fields["user"]),
            str(fields["account"]),
            scope,
            alg=str(fields.get("alg") or "RS256"),
            seconds=seconds,
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope}

    def _set_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        self.issuer.mode = mode


def _page(issuer: IssuerStandIn) -> str:
    return html.page(
        "OAuth issuer",
        html.markup("<h1>OAuth issuer</h1>"),
        html.paragraph(html.text(f"Issuer {issuer.url}, audience {issuer.audience}.")),
        html.section(
            "Sign a token",
            html.form(
                "/token",
                "sign",
                html.field("user", "User", "usr_ready"),
                html.field("account", "Account", "acc_ready"),
                html.field("scope", "Scopes", SCOPES),
            ),
        ),
        html.section(
            "The keys",
            html.paragraph(html.text(f"Mode: {issuer.mode}. "), html.link("/jwks", "the keys as JSON")),
            *(html.button("/_standin/faults", mode, mode=mode) for mode in MODES),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m local.issuer_standin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1; 0 picks a free one")
    parser.add_argument("--audience", required=True, help="the `aud` of the tokens")
    options = parser.parse_args()

    issuer = IssuerStandIn(options.audience, port=options.port)
    print(f"OAuth issuer stand-in: {issuer.url}", flush=True)
    try:
        issuer.serve_forever()
    except KeyboardInterrupt:
        print("OAuth issuer stand-in: stopped", flush=True)


if __name__ == "__main__":
    main()
