"""Build tokens as BinderHub has them: a page of ours vouches for the launch that its visitor asks for.

An HS256 JWT with ``aud`` (provider and spec as in the URL), ``exp`` and ``origin`` (host of the page), and, beyond
BinderHub's, ``sub``: the user the page was made for. Without it a stranger could fetch a page and lend its token to a
link that makes somebody else's browser launch.
"""

from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr

from ..errors import BuildTokenInvalidError

LIFETIME = timedelta(minutes=5)
"""BinderHub's; a page that stays open longer is reloaded for a new one."""

_ALGORITHM = "HS256"


class BuildTokens:
    """Makes and checks build tokens.

    Parameters
    ----------
    secret
        Secret of all replicas.
    """

    def __init__(self, *, secret: SecretStr) -> None:
        self._secret = secret

    def mint(self, *, audience: str, origin: str, user: str | None) -> str:
        """Make a token for one link.

        Parameters
        ----------
        audience
            `BinderLink.audience` of the link that will be built.
        origin
            Host (and port) of the page that carries the token.
        user
            Whom the page was made for; None for anybody, on an anonymous page.
        """
        claims = {"aud": audience, "exp": datetime.now(UTC) + LIFETIME, "origin": origin}
        return jwt.encode(
            claims if user is None else claims | {"sub": user}, self._secret.get_secret_value(), _ALGORITHM
        )

    def check(self, token: str, *, audience: str, origin: str, user: str | None) -> None:
        """Let a token of this link, page and user pass.

        Raises
        ------
        BuildTokenInvalidError
            It is forged, expired, or for another link, page or user.
        """
        try:
            claims = jwt.decode(
                token,
                self._secret.get_secret_value(),
                algorithms=[_ALGORITHM],
                audience=audience,
                options={"require": ["aud", "exp", "origin"]},
            )
        except (jwt.InvalidTokenError, UnicodeError) as error:
            raise BuildTokenInvalidError from error
        if claims["origin"] != origin or claims.get("sub") != user:
            raise BuildTokenInvalidError
