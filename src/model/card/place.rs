//! Which key of a card a place in its text belongs to: the parser says where an error is, people look for the key.

/// Why a text can't be read as a card, with line and key, for people.
pub(in crate::model) fn reason(text: &str, error: &toml::de::Error) -> String {
    let message = in_plain_words(&error.message().trim().replace('\n', ", "));
    let place = error.span().map(|span| {
        let line = text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1;
        // What is missing has no place of its own, and its message names it.
        let key = if message.contains("missing field") { None } else { key_at(text, span.start) };
        key.map_or_else(|| format!(" (line {line})"), |key| format!(" (line {line}, `{key}`)"))
    });
    format!("{message}{}", place.unwrap_or_default())
}

/// The dotted key (`input.window`) whose value or name holds the byte at `offset`; `None` where no key can be told.
/// Understands what cards are made of: `[table]` and `[[table]]` headers, bare keys, values over one line or several.
fn key_at(text: &str, offset: usize) -> Option<String> {
    let line_end = text.get(offset..)?.find('\n').map_or(text.len(), |end| offset + end);
    let (mut table, mut key) = ("", None);
    for line in text[..line_end].lines().map(str::trim) {
        let inner = line.strip_prefix("[[").or_else(|| line.strip_prefix('['));
        let header = inner.and_then(|rest| rest.split_once(']')).map(|(name, _)| name.trim());
        let named = line.split_once('=').map(|(name, _)| name.trim());
        if let Some(name) = header.filter(|name| is_bare(name)) {
            (table, key) = (name, None);
        } else if let Some(name) = named.filter(|name| is_bare(name)) {
            key = Some(name);
        }
    }
    let key = key?;
    Some(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") })
}

/// The parser's message with words for the types that it names as the program does.
fn in_plain_words(message: &str) -> String {
    let whole = ["usize", "u64", "u32", "i64"].iter().fold(message.to_owned(), |message, name| {
        message.replace(&format!("expected {name}"), "expected a whole number")
    });
    whole.replace("expected f64", "expected a number")
}

/// Whether this can be a key without quotes, and is no number in a list.
fn is_bare(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    name.bytes().all(allowed) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_the_key_before_it() {
        let text = "a = 1 # b = 2\n[input]\n# c = 3\nsize = [\n  [8],\n  \"x\",\n]\nfit = \"y = z\"\n[output]\n";
        let key = |what: &str| key_at(text, text.find(what).unwrap());
        assert_eq!(key("1").as_deref(), Some("a"));
        assert_eq!(key("\"x\"").as_deref(), Some("input.size"));
        assert_eq!(key("\"y").as_deref(), Some("input.fit"));
        assert_eq!(key("[output]"), None);
        assert_eq!(key_at(text, text.len() + 1), None);
        let list = "[[task]]\nname = \"a\"\n[[model]]\nplane = \"b\"\n";
        assert_eq!(key_at(list, list.find("\"b").unwrap()).as_deref(), Some("model.plane"));
    }
}
