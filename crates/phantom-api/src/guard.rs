//! What stands before every handler: host check, identity, CSRF, roles, audit, time limit, headers.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use phantom_core::Timestamp;
use phantom_store::{AuditRow, Role};

use crate::ApiState;
use crate::access::{Identity, hash_token};
use crate::problem::Problem;
use crate::state::{Counts, Peer};

/// The session cookie.
pub(crate) const COOKIE: &str = "phantomnet_session";
/// A header no page of another site can set without asking first.
pub(crate) const CSRF: HeaderName = HeaderName::from_static("x-phantomnet-csrf");

/// For all paths.
pub(crate) async fn outer(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    Counts::add(&state.counts().requests, 1);
    let api = is_api(request.uri().path());
    let mut response = match check_host(&state, request.headers(), request.uri()) {
        Err(problem) => problem.into_response(),
        Ok(()) => match tokio::time::timeout(state.settings().timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::unavailable("the answer took too long").into_response(),
        },
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        Counts::add(&state.counts().problems, 1);
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if api {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Recharts and React set style attributes through the object model, which this policy allows; inline scripts
/// and style elements it does not.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(crate) fn is_api(path: &str) -> bool {
    path == "/metrics" || path == "/api" || path.starts_with("/api/")
}

fn check_host(state: &ApiState, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let mut given = headers.get_all(header::HOST).iter();
    let host = match (given.next(), given.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, None) => uri.authority().map(|authority| authority.as_str()),
        _ => None,
    };
    let name = host
        .and_then(|host| host.parse::<axum::http::uri::Authority>().ok())
        .map(|authority| authority.host().trim_end_matches('.').to_ascii_lowercase())
        .ok_or_else(|| Problem::misdirected("there is not exactly one Host header with a host name"))?;
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    // A page can point a name of its own at our address, but cannot make a browser send an address as Host.
    let known = bare.parse::<std::net::IpAddr>().is_ok()
        || name == "localhost"
        || state.settings().hosts.iter().any(|known| known.eq_ignore_ascii_case(&name));
    if known {
        Ok(())
    } else {
        Err(Problem::misdirected("add the name to the API's hosts in the settings if it is the node's own"))
    }
}

/// For all paths but the open ones: whoever comes further is at least a viewer.
pub(crate) async fn inner(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let identity = identify(&state, request.headers())
        .await?
        .ok_or_else(|| Problem::unauthorised("no session cookie and no bearer token"))?;
    let unsafe_method = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if identity.browser && unsafe_method {
        check_csrf(request.headers())?;
        if !request.headers().contains_key(CSRF) {
            return Err(Problem::csrf(format!("the header {CSRF} is missing")));
        }
    }
    let audit = unsafe_method.then(|| AuditRow {
        time: Timestamp::now(),
        actor: identity.name.clone(),
        action: format!("{} {}", request.method(), route_of(&request)),
        target: shorten(request.uri().path()),
        detail: request.extensions().get::<Peer>().map(|peer| format!("from {}", peer.0)).unwrap_or_default(),
    });
    request.extensions_mut().insert(identity);
    let response = next.run(request).await;
    if let Some(mut row) = audit {
        row.detail = format!("{}, status {}", row.detail, response.status().as_u16());
        // What was asked for has been done, and its answer must say so even while the database is away; the
        // journal and this line still tell of it.
        let said = format!("{} {} by {}", row.action, row.target, row.actor);
        if state.store(move |store| store.add_audit(&row)).await.is_err() {
            tracing::error!(request = said, "a request is missing from the audit trail");
        }
    }
    Ok(response)
}

fn route_of(request: &Request) -> String {
    match request.extensions().get::<axum::extract::MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "unknown path".to_owned(),
    }
}

/// Audit rows are not a place to store megabytes in.
pub(crate) fn shorten(text: &str) -> String {
    phantom_core::Untrusted::capped(text.as_bytes(), 200).to_string()
}

/// Browsers send `Origin` with every unsafe request and no page can change it; other clients send none.
pub(crate) fn check_csrf(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let from = origin.as_bytes();
    let authority = from.strip_prefix(b"https://").or_else(|| from.strip_prefix(b"http://"));
    if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
        Ok(())
    } else {
        Err(Problem::csrf("the Origin header names another site"))
    }
}

/// Who is asking: a bearer token goes before a cookie. `None` when neither is there.
pub(crate) async fn identify(state: &ApiState, headers: &HeaderMap) -> Result<Option<Identity>, Problem> {
    let bearer = match headers.get(header::AUTHORIZATION) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim())
                .ok_or_else(|| {
                    Problem::unauthorised("the Authorization header is not of the form Bearer TOKEN")
                })?,
        ),
    };
    let browser = bearer.is_none();
    let Some(secret) = bearer.or_else(|| cookie(headers)) else { return Ok(None) };
    let hash = hash_token(secret);
    recall(state, hash, browser)
        .await?
        .map(Some)
        .ok_or_else(|| Problem::unauthorised("the token or session is unknown or has expired"))
}

/// The identity a token stands for now.
pub(crate) async fn recall(
    state: &ApiState,
    hash: [u8; 32],
    browser: bool,
) -> Result<Option<Identity>, Problem> {
    let now = Timestamp::now();
    let token = state.store(move |store| store.token(&hash, now)).await?;
    // A stolen bearer token must not work as a cookie, nor a cookie as a bearer token that needs no CSRF check.
    Ok(token.filter(|token| token.browser == browser).map(|token| Identity {
        name: match (&token.user, token.browser) {
            (Some(user), true) => user.clone(),
            _ => format!("token:{}", token.name),
        },
        user: token.user,
        role: token.role,
        token: token.id,
        browser,
        hash,
    }))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::unauthorised("nobody is logged in"))
    }
}

/// An identity that is at least an analyst.
pub(crate) struct Analyst(pub(crate) Identity);
/// An identity that is an administrator.
pub(crate) struct Admin;

impl<S: Send + Sync> FromRequestParts<S> for Analyst {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        at_least(Role::Analyst, Identity::from_request_parts(parts, state).await?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        at_least(Role::Admin, Identity::from_request_parts(parts, state).await?).map(|_| Self)
    }
}

fn at_least(role: Role, identity: Identity) -> Result<Identity, Problem> {
    if identity.role >= role {
        Ok(identity)
    } else {
        Err(Problem::forbidden(format!(
            "this needs the role {}, and {} has {}",
            role.as_str(),
            shorten(&identity.name),
            identity.role.as_str()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_the_own_origin_passes() {
        let same = headers(&[("host", "localhost:8000"), ("origin", "http://localhost:8000")]);
        assert!(check_csrf(&same).is_ok());
        for origin in
            ["http://localhost:8001", "null", "http://evil.example", "http://localhost:8000.evil.example"]
        {
            assert!(
                check_csrf(&headers(&[("host", "localhost:8000"), ("origin", origin)])).is_err(),
                "{origin}"
            );
        }
        assert!(check_csrf(&headers(&[("host", "localhost:8000")])).is_ok());
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        assert_eq!(cookie(&headers(&[("cookie", "a=b; phantomnet_session=x=y; c=d")])), Some("x=y"));
        assert_eq!(cookie(&headers(&[("cookie", "phantomnet_sessionx=1; xphantomnet_session=2")])), None);
    }
}
