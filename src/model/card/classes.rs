//! Files with the names of classes.

use serde_json::Value;

/// The classes' names in a `classes_file`. The error says what is wrong.
pub fn class_names(text: &str) -> Result<Vec<String>, String> {
    let name = |value: &Value| match value {
        Value::String(name) => Some(name.clone()),
        Value::Array(parts) => parts.last().and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let names: Option<Vec<String>> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list.iter().map(name).collect(),
        Ok(Value::Object(map)) => (0..map.len()).map(|index| name(map.get(&index.to_string())?)).collect(),
        Ok(_) => None,
        Err(_) if text.trim_start().starts_with(['{', '[']) => None,
        Err(_) => Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()),
    };
    match names {
        Some(names) if !names.is_empty() => Ok(names),
        _ => Err("a file with JSON {\"0\": [\"id\", \"name\"], …}, a JSON list, or a name a line".to_owned()),
    }
}
