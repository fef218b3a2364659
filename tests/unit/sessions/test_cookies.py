from heliostat_sessions.domain.cookies import BrowserSession, Cookies, LoginState


def test_a_cookie_is_read_only_with_its_secret_and_in_its_place() -> None:
    cookies, session = Cookies(secret="one"), BrowserSession(token="t0p-secret", user="ada")
    text = cookies.write(session)
    assert "t0p-secret" not in text
    assert cookies.read_session(text) == session
    assert cookies.read_state(text) is None
    assert Cookies(secret="two").read_session(text) is None
    assert cookies.read_session(text[:-2]) is None
    state = LoginState(state="s", verifier="v", next="/services/binder/")
    assert cookies.read_session(cookies.write(state)) is None


def test_a_csrf_token_belongs_to_one_user_in_every_tab() -> None:
    cookies = Cookies(secret="one")
    one, other = BrowserSession(token="t", user="ada"), BrowserSession(token="t", user="bob")
    assert cookies.is_csrf_token(one, cookies.build_csrf_token(one))
    signed_in_again = BrowserSession(token="another", user="ada")
    assert cookies.is_csrf_token(signed_in_again, cookies.build_csrf_token(one))
    assert not Cookies(secret="two").is_csrf_token(one, cookies.build_csrf_token(one))
    assert not cookies.is_csrf_token(other, cookies.build_csrf_token(one))
    assert not cookies.is_csrf_token(one, None)
    assert not cookies.is_csrf_token(one, "tökén")
