//! Specific Character Set (DICOM PS3.3 C.12.1.1.2, PS3.5 6.1): bytes → text, with ISO 2022 code extensions.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

const ESCAPE: u8 = 0x1B;

/// The character sets that an object names, the first being the one that each value starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CharacterSet {
    initial: Script,
    extended: bool,
}

/// One repertoire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Script {
    /// ISO 646; bytes above 127 are wrong and read as UTF-8 or Latin 1, whichever they can be.
    #[default]
    Ascii,
    /// A set that the DICOM library knows, by its defined term.
    Known(&'static str),
    Latin5,
    Latin9,
    /// JIS X 0201: half-width katakana above 127.
    Katakana,
    /// JIS X 0208 and JIS X 0212 in their seven-bit form, by the escape that announces them.
    Kanji(&'static [u8]),
}

impl CharacterSet {
    /// From the value of Specific Character Set (0008,0005).
    pub fn named(value: &[u8]) -> Self {
        let names = String::from_utf8_lossy(value);
        let names: Vec<&str> = names.split('\\').map(|name| name.trim_matches(['\0', ' '])).collect();
        let extended = names.len() > 1 || names.iter().any(|name| name.starts_with("ISO 2022"));
        Self { initial: script(names.first().copied().unwrap_or_default()), extended }
    }

    /// The text; bytes that the set does not have become replacement characters.
    pub fn decode(&self, bytes: &[u8]) -> String {
        if self.extended || bytes.contains(&ESCAPE) { self.decode_extended(bytes) } else { self.initial.decode(bytes) }
    }

    fn decode_extended(&self, bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut script = self.initial;
        let mut run = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte == ESCAPE {
                text.push_str(&script.decode(&bytes[run..at]));
                let (next, length) = escape(&bytes[at..], self.initial);
                script = next;
                at += length;
                run = at;
            } else if ends_extension(byte) && !matches!(script, Script::Kanji(_)) {
                // The value, component or line ends, and with it what an escape has set (PS3.5 6.1.2.5.3).
                text.push_str(&script.decode(&bytes[run..=at]));
                script = self.initial;
                at += 1;
                run = at;
            } else {
                at += 1;
            }
        }
        text.push_str(&script.decode(&bytes[run..]));
        text
    }
}

fn ends_extension(byte: u8) -> bool {
    matches!(byte, b'^' | b'=' | b'\\' | b'\n' | b'\r' | b'\t' | 0x0C)
}

/// The script that an escape sequence announces, and the length of the sequence.
fn escape(bytes: &[u8], initial: Script) -> (Script, usize) {
    match bytes.get(1..).unwrap_or_default() {
        [b'$', b'(', b'D', ..] => (Script::Kanji(b"\x1B$(D"), 4),
        [b'$', b')', b'C', ..] => (Script::Known("ISO_IR 149"), 4),
        [b'$', b')', b'A', ..] => (Script::Known("GBK"), 4),
        [b'$', b'B' | b'@', ..] => (Script::Kanji(b"\x1B$B"), 3),
        [b')', b'I', ..] | [b'(', b'J', ..] => (Script::Katakana, 3),
        // Back to ASCII in the lower half; the upper half stays as the object starts it.
        [b'(', b'B', ..] => (initial, 3),
        [b'-', set, ..] => (latin(*set), 3),
        [] => (initial, 1),
        _ => (initial, 2.min(bytes.len())),
    }
}

fn latin(set: u8) -> Script {
    match set {
        b'A' => Script::Known("ISO_IR 100"),
        b'B' => Script::Known("ISO_IR 101"),
        b'C' => Script::Known("ISO_IR 109"),
        b'D' => Script::Known("ISO_IR 110"),
        b'F' => Script::Known("ISO_IR 126"),
        b'G' => Script::Known("ISO_IR 127"),
        b'H' => Script::Known("ISO_IR 138"),
        b'L' => Script::Known("ISO_IR 144"),
        b'M' => Script::Latin5,
        b'T' => Script::Known("ISO_IR 166"),
        b'b' => Script::Latin9,
        _ => Script::Ascii,
    }
}

/// The script of a defined term, also in the misspellings that are about ("ISO-IR 100", "IR 100").
fn script(name: &str) -> Script {
    let digits: String = name.chars().rev().take_while(char::is_ascii_digit).collect();
    let number: String = digits.chars().rev().collect();
    let upper = name.to_ascii_uppercase();
    if upper.starts_with("GB18030") {
        return Script::Known("GB18030");
    }
    if upper.starts_with("GBK") || upper.starts_with("GB2312") {
        return Script::Known("GBK");
    }
    match number.as_str() {
        "13" => Script::Katakana,
        // ISO 2022 IR 87 and 159 need an escape; without one the text is ASCII.
        "100" => Script::Known("ISO_IR 100"),
        "101" => Script::Known("ISO_IR 101"),
        "109" => Script::Known("ISO_IR 109"),
        "110" => Script::Known("ISO_IR 110"),
        "126" => Script::Known("ISO_IR 126"),
        "127" => Script::Known("ISO_IR 127"),
        "138" => Script::Known("ISO_IR 138"),
        "144" => Script::Known("ISO_IR 144"),
        "148" => Script::Latin5,
        "149" => Script::Known("ISO_IR 149"),
        "166" => Script::Known("ISO_IR 166"),
        "192" => Script::Known("ISO_IR 192"),
        "203" => Script::Latin9,
        _ => Script::Ascii,
    }
}

impl Script {
    fn decode(self, bytes: &[u8]) -> String {
        if bytes.is_ascii() && !matches!(self, Self::Kanji(_)) {
            return bytes.iter().copied().map(char::from).collect();
        }
        match self {
            Self::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => bytes.iter().copied().map(char::from).collect(),
            },
            Self::Known(name) => decode_known(name, bytes),
            Self::Latin5 => bytes.iter().map(|&byte| latin5(byte)).collect(),
            Self::Latin9 => bytes.iter().map(|&byte| latin9(byte)).collect(),
            Self::Katakana => bytes.iter().map(|&byte| katakana(byte)).collect(),
            Self::Kanji(announcement) => {
                let announced = [announcement, bytes].concat();
                decode_known("ISO_IR 87", &announced)
            }
        }
    }
}

fn decode_known(name: &str, bytes: &[u8]) -> String {
    SpecificCharacterSet::from_code(name)
        .and_then(|set| set.decode(bytes).ok())
        .unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

fn katakana(byte: u8) -> char {
    match byte {
        0xA1..=0xDF => char::from_u32(0xFF61 + u32::from(byte - 0xA1)).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x80.. => char::REPLACEMENT_CHARACTER,
        ascii => char::from(ascii),
    }
}

fn latin5(byte: u8) -> char {
    match byte {
        0xD0 => 'Ğ',
        0xDD => 'İ',
        0xDE => 'Ş',
        0xF0 => 'ğ',
        0xFD => 'ı',
        0xFE => 'ş',
        other => char::from(other),
    }
}

fn latin9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => char::from(other),
    }
}

/// A person's name as a reader writes it: family name first, then a comma; the ideographic and phonetic forms
/// follow in parentheses (PS3.5 6.2.1).
pub(super) fn person_name(value: &str) -> String {
    let first = value.split('\\').next().unwrap_or_default();
    let mut groups = first.split('=').map(group_name).filter(|group| !group.is_empty());
    let Some(alphabetic) = groups.next() else { return String::new() };
    let others: Vec<String> = groups.collect();
    if others.is_empty() { alphabetic } else { format!("{alphabetic} ({})", others.join(", ")) }
}

fn group_name(group: &str) -> String {
    let mut parts = group.split('^').map(str::trim);
    let [family, given, middle, prefix, suffix] = [(); 5].map(|()| parts.next().unwrap_or_default());
    let others: Vec<&str> = [prefix, given, middle].into_iter().filter(|part| !part.is_empty()).collect();
    let others = others.join(" ");
    let name = match (family.is_empty(), others.is_empty()) {
        (_, true) => family.to_owned(),
        (true, false) => others,
        // Ideographic and kana names are written without a comma.
        (false, false) if family.is_ascii() || !is_east_asian(family) => format!("{family}, {others}"),
        (false, false) => format!("{family} {others}"),
    };
    if suffix.is_empty() { name } else { format!("{name}, {suffix}") }
}

fn is_east_asian(text: &str) -> bool {
    text.chars().any(|c| matches!(u32::from(c), 0x1100..=0x11FF | 0x2E80..=0xD7FF | 0xF900..=0xFAFF | 0xFF61..=0xFF9F))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of PS3.5 annexes H, I and J.
    #[test]
    fn names_of_the_standard() {
        let japanese = CharacterSet::named(b"\\ISO 2022 IR 87");
        let name = b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B";
        assert_eq!(japanese.decode(name), "Yamada^Tarou=山田^太郎=やまだ^たろう");
        assert_eq!(person_name(&japanese.decode(name)), "Yamada, Tarou (山田 太郎, やまだ たろう)");

        let half_width = CharacterSet::named(b"ISO 2022 IR 13\\ISO 2022 IR 87");
        let name = b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J";
        assert_eq!(half_width.decode(name), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎");

        let korean = CharacterSet::named(b"\\ISO 2022 IR 149");
        let name = b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF";
        assert_eq!(korean.decode(name), "Hong^Gildong=洪^吉洞=홍^길동");

        let chinese = CharacterSet::named(b"GB18030");
        assert_eq!(chinese.decode(b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"), "Wang^XiaoDong=王^小东");
        assert_eq!(CharacterSet::named(b"ISO_IR 148").decode(b"\xD0\xFD"), "Ğı");
    }

    #[test]
    fn names_without_groups() {
        assert_eq!(person_name("CompressedSamples^CT1"), "CompressedSamples, CT1");
        assert_eq!(
            person_name("Adams^John Robert Quincy^^Rev.^B.A. M.Div."),
            "Adams, Rev. John Robert Quincy, B.A. M.Div."
        );
        assert_eq!(person_name("Anonymous"), "Anonymous");
        assert_eq!(person_name("^^^^"), "");
    }
}
