//! All paths.

mod analytics;
mod auth;
mod evidence;
mod node;
mod people;
mod response;
mod stream;
mod verdicts;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Problem;
use crate::{ApiState, assets, docs, guard};

/// Most bytes of a request's body.
const BODY: usize = 64 * 1024;

pub(crate) fn router(state: ApiState) -> Router {
    let document = document();
    let guarded = guarded().route_layer(from_fn_with_state(state.clone(), guard::inner));
    let (router, _) = open().merge(guarded).split_for_parts();
    router
        .merge(docs::router(&document))
        .fallback(assets::fallback)
        .method_not_allowed_fallback(async || {
            Problem::method("the Allow header lists those it has").into_response()
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn(refuse_head_of_stream))
        .layer(from_fn_with_state(state.clone(), guard::outer))
        .with_state(state)
}

/// The paths alone, as OpenAPI describes them.
pub(crate) fn document() -> OpenApi {
    let (_, mut document) = open().merge(guarded()).split_for_parts();
    docs::describe(&mut document);
    document
}

fn open() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(node::health)).routes(routes!(auth::login))
}

fn guarded() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(node::metrics))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(people::users, people::add_user))
        .routes(routes!(people::remove_user))
        .routes(routes!(people::set_password))
        .routes(routes!(people::tokens, people::add_token))
        .routes(routes!(people::revoke_token))
        .routes(routes!(people::audit))
        .routes(routes!(analytics::summary))
        .routes(routes!(analytics::timeline))
        .routes(routes!(analytics::credentials))
        .routes(routes!(analytics::protocols))
        .routes(routes!(evidence::events))
        .routes(routes!(evidence::sessions))
        .routes(routes!(evidence::session))
        .routes(routes!(evidence::recording))
        .routes(routes!(evidence::packets))
        .routes(routes!(evidence::flows))
        .routes(routes!(verdicts::sources))
        .routes(routes!(verdicts::source))
        .routes(routes!(verdicts::alerts))
        .routes(routes!(verdicts::alert, verdicts::triage))
        .routes(routes!(node::honeypots))
        .routes(routes!(response::blocks, response::block))
        .routes(routes!(response::unblock))
        .routes(routes!(response::actions))
        .routes(routes!(response::policy))
        .routes(routes!(stream::stream))
}

/// A HEAD request to the live stream would otherwise open it and never end.
async fn refuse_head_of_stream(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    let stream = request.method() == axum::http::Method::HEAD && request.uri().path() == "/api/v1/stream";
    if stream {
        Problem::method("the live stream can only be read with GET").into_response()
    } else {
        next.run(request).await
    }
}
