//! The dashboard, embedded from `web/dist` in every build: a jailed core may not be able to read the checkout.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::guard::is_api;
use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dashboard;

/// Everything that is no route: a file of the dashboard, its one page for its own paths, or a problem.
pub(crate) async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if is_api(uri.path()) {
        return Problem::not_found("there is no such path; /api/docs lists those there are").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::method("the dashboard's files can only be read").into_response();
    }
    if let Some(file) = Dashboard::get(path).filter(|_| !path.is_empty()) {
        return answer(path, &file, &headers);
    }
    // A missing script must not be answered with a page: the browser would show nothing and say nothing.
    if path.starts_with("assets/") {
        return Problem::not_found("the dashboard has no such file").into_response();
    }
    match Dashboard::get("index.html") {
        Some(file) => answer("index.html", &file, &headers),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This build holds no dashboard: run `npm run build` in web/ and build again. The API is documented at /api/docs.\n",
        )
            .into_response(),
    }
}

fn answer(path: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = file.metadata.sha256_hash().iter().take(16).fold(String::new(), |t, b| format!("{t}{b:02x}"));
    let tag = format!("\"{tag}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag);
    // Names under assets/ hold a hash of the content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.to_vec().into_response() };
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        head.insert(header::ETAG, tag);
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
