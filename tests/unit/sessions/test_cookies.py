from heliostat_sessions.domain.cookies import BrowserSession, Cookies, LoginState


def test_a_cookie_is_read_only_with_its_secret_and_in_its_place() -> None:
    cookies, session = Cookies(secret="one"), BrowserSession(token="t0p-secret", id="x")
    text = cookies.write(session)
    assert "t0p-secret" not in text
    assert cookies.read_session(text) == session
    assert cookies.read_state(text) is None
    assert Cookies(secret="two").read_session(text) is None
    assert cookies.read_session(text[:-2]) is None
    state = LoginState(state="s", verifier="v", next="/services/binder/")
    assert cookies.read_session(cookies.write(state)) is None


def test_a_csrf_token_belongs_to_one_browser() -> None:
    cookies = Cookies(secret="one")
    one, other = BrowserSession(token="t", id="1"), BrowserSession(token="t", id="2")
    assert cookies.is_csrf_token(one, cookies.build_csrf_token(one))
    assert not cookies.is_csrf_token(other, cookies.build_csrf_token(one))
    assert not cookies.is_csrf_token(one, None)
    assert not cookies.is_csrf_token(one, "tökén")
