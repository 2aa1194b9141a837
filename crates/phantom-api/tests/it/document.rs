//! The OpenAPI document and what it must say.

use std::path::Path;

/// `PHANTOMNET_CODEGEN=1` writes the file that this test otherwise compares with.
#[test]
fn openapi_document_is_in_step() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let now = format!("{}\n", serde_json::to_string_pretty(&phantom_api::openapi()).unwrap());
    if std::env::var_os("PHANTOMNET_CODEGEN").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == now, "docs/openapi.json is stale: run cargo xtask codegen");
}

#[test]
fn every_operation_is_described_and_may_fail_with_a_problem() {
    let document = phantom_api::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{what}: id twice");
            assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()), "{what}: no summary");
            let fails = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
            assert_eq!(fails["$ref"], "#/components/schemas/Problem", "{what}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert!(parameter["description"].is_string(), "{what}: parameter {name} is not described");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(object) => {
                if let Some(serde_json::Value::String(to)) = object.get("$ref") {
                    found.push(to.clone());
                }
                object.values().for_each(|value| walk(value, found));
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = phantom_api::openapi();
    let mut found = Vec::new();
    walk(&document, &mut found);
    assert!(!found.is_empty());
    for to in found {
        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to} leads nowhere");
    }
}
