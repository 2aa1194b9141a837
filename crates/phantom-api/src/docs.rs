//! The OpenAPI document, and a page that shows it to people without fetching anything from elsewhere.

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, RefOr, ResponseBuilder, SecurityRequirement,
};

use crate::ApiState;
use crate::guard::COOKIE;
use crate::problem::Problem;

/// The OpenAPI 3.1 document of this version, as `/api/openapi.json` serves it.
pub fn openapi() -> serde_json::Value {
    serde_json::to_value(crate::routes::document()).unwrap_or_default()
}

/// Adds what all paths share.
pub(crate) fn describe(document: &mut OpenApi) {
    document.info = InfoBuilder::new()
        .title("PhantomNet")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What one node saw, thinks of it and did about it. Lists are pages: hand `next` back as `cursor`. \
             Every error is an RFC 9457 problem document. Strings that an attacker chose are marked; show them as \
             text, with control characters escaped.",
        ))
        .license(Some(utoipa::openapi::License::new("Apache-2.0 OR MIT")))
        .build();
    let components = document.components.get_or_insert_with(|| ComponentsBuilder::new().build());
    let mut schemas = Vec::new();
    <Problem as utoipa::ToSchema>::schemas(&mut schemas);
    schemas.push(("Problem".to_owned(), <Problem as utoipa::PartialSchema>::schema()));
    components.schemas.extend(schemas);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
    );
    components
        .add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))));
    document.security =
        Some(["bearer", "cookie"].map(|name| SecurityRequirement::new(name, Vec::<String>::new())).to_vec());
    let problem = ResponseBuilder::new()
        .description("A problem document")
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(RefOr::Ref(utoipa::openapi::Ref::from_schema_name("Problem"))))
                .build(),
        )
        .build();
    for path in document.paths.paths.values_mut() {
        let all = [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete];
        for operation in all.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
}

pub(crate) fn router(document: &OpenApi) -> Router<ApiState> {
    let json = document.to_pretty_json().unwrap_or_default();
    let file =
        |kind: &'static str, text: &'static str| get(async move || ([(header::CONTENT_TYPE, kind)], text));
    Router::new()
        .route("/api/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], json)))
        .route("/api/docs", file("text/html; charset=utf-8", include_str!("../assets/docs.html")))
        .route("/api/docs.js", file("text/javascript; charset=utf-8", include_str!("../assets/docs.js")))
        .route("/api/docs.css", file("text/css; charset=utf-8", include_str!("../assets/docs.css")))
}
