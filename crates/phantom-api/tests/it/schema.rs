//! Holds answers against the OpenAPI document.

use serde_json::Value;

/// Panics where `value` is not of the schema that `document` gives for a success of `method path`.
pub(crate) fn hold(document: &Value, method: &str, path: &str, status: u16, value: &Value) {
    let responses = &document["paths"][path][method]["responses"];
    let schema = &responses[status.to_string()]["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} documents no JSON for {status}");
    fits(document, schema, value, &format!("{method} {path}"));
}

fn fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    if schema.as_object().is_some_and(serde_json::Map::is_empty) {
        return;
    }
    if let Some(to) = schema["$ref"].as_str() {
        return fits(document, document.pointer(to.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        if value.is_null() && choices.iter().any(|choice| choice["type"] == "null") {
            return;
        }
        let choice = choices.iter().find(|choice| choice["type"] != "null").unwrap();
        return fits(document, choice, value, at);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = |name: &Value| name == kind || (name == "number" && kind == "integer");
    let typed = &schema["type"];
    let fine =
        typed.is_null() || allowed(typed) || typed.as_array().is_some_and(|all| all.iter().any(allowed));
    assert!(fine, "{at}: {value} is not {typed}");
    if let Some(names) = schema["enum"].as_array() {
        assert!(names.contains(value), "{at}: {value} is none of {names:?}");
    }
    if let Value::Array(items) = value {
        items.iter().for_each(|item| fits(document, &schema["items"], item, &format!("{at}[]")));
    }
    let Value::Object(fields) = value else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
    }
    for (name, field) in fields {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Null) => panic!("{at}: {name} is not documented"),
            (Value::Null, other) => fits(document, other, field, &format!("{at}.{name}")),
            (known, _) => fits(document, known, field, &format!("{at}.{name}")),
        }
    }
}
