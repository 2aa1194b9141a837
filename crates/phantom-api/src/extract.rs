//! Extractors that answer with problem documents, and the parameters that lists share.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use phantom_core::{Timestamp, duration};
use phantom_store::{MAX_LIMIT, Paging};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::problem::Problem;

/// Query parameters; types derive `Deserialize` with `deny_unknown_fields`, so a misspelt filter is refused
/// rather than ignored.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|error| Problem::invalid(reason(&error)))
    }
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(json) => Ok(Self(json.0)),
            Err(error) => Err(Problem::of_status(
                error.status(),
                match &error {
                    JsonRejection::JsonDataError(e) => reason(e),
                    JsonRejection::JsonSyntaxError(e) => reason(e),
                    other => other.body_text(),
                },
            )),
        }
    }
}

/// A segment of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| Problem::invalid(error.body_text()))
    }
}

/// The innermost cause, which names the parameter and what is wrong with it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// An instant: RFC 3339, or a span before now such as `24h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        if let Ok(at) = text.parse() {
            return Ok(Self(at));
        }
        duration::parse(&text)
            .ok()
            .and_then(|span| jiff_span(span).and_then(|span| Timestamp::now().checked_sub(span).ok()))
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is neither an RFC 3339 instant such as 2026-01-31T12:00:00Z nor a span before now such as 24h"
                ))
            })
    }
}

fn jiff_span(span: std::time::Duration) -> Option<std::time::Duration> {
    // A thousand years: further back than any evidence, and within what a timestamp holds.
    (span.as_secs() < 1_000 * 31_557_600).then_some(span)
}

/// A number that must be given in `1..=MAX_LIMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) usize);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        match text.parse() {
            Ok(n) if (1..=MAX_LIMIT).contains(&n) => Ok(Self(n)),
            _ => Err(D::Error::custom(format!("limit {text:?} is not a number from 1 to {MAX_LIMIT}"))),
        }
    }
}

/// The page asked for.
pub(crate) fn paging(
    since: Option<When>,
    until: Option<When>,
    limit: Option<Limit>,
    cursor: Option<String>,
) -> Result<Paging, Problem> {
    if let (Some(since), Some(until)) = (since, until)
        && since.0 > until.0
    {
        return Err(Problem::invalid("since is after until"));
    }
    let mut page = Paging {
        since: since.map(|when| when.0),
        until: until.map(|when| when.0),
        cursor,
        ..Paging::default()
    };
    if let Some(Limit(limit)) = limit {
        page.limit = limit;
    }
    Ok(page)
}

/// A window for charts: the last 24 hours unless told otherwise.
pub(crate) fn window(since: Option<When>, until: Option<When>) -> Result<(Timestamp, Timestamp), Problem> {
    let until = until.map_or_else(Timestamp::now, |when| when.0);
    let since = match since {
        Some(when) => when.0,
        None => until.checked_sub(std::time::Duration::from_secs(24 * 3600)).unwrap_or(Timestamp::MIN),
    };
    if since >= until {
        return Err(Problem::invalid("since is not before until"));
    }
    Ok((since, until))
}
