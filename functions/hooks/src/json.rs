//! Access to JSON in which anything may be missing: absent fields are empty.

use serde_json::Value;

/// Returns the value at a path such as `issue.user.login`; numbers are list indices.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, step| match value {
        Value::Object(map) => map.get(step).unwrap_or(&Value::Null),
        Value::Array(list) => step
            .parse::<usize>()
            .ok()
            .and_then(|index| list.get(index))
            .unwrap_or(&Value::Null),
        _ => &Value::Null,
    })
}

/// Returns a text, empty if absent.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or("")
}

/// Returns the first non-empty text.
pub(crate) fn first<'a>(value: &'a Value, paths: &[&str]) -> &'a str {
    let texts = paths.iter().map(|path| text(value, path));
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or("")
}

/// Returns the elements of a list; none if there is no list.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// Returns a number, text or boolean as text, empty for anything else.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

/// Returns a scalar at a path.
pub(crate) fn scalar_at(value: &Value, path: &str) -> String {
    scalar(at(value, path))
}

/// Returns whether the value is `true`.
pub(crate) fn is_true(value: &Value, path: &str) -> bool {
    at(value, path) == &Value::Bool(true)
}
