//! Which kind of weight file some bytes are.

use super::{Contents, safetensors, torch};

/// Reads a weight file of any kind. The error says what is wrong and what to do.
pub fn contents(bytes: &[u8]) -> Result<Contents, String> {
    let mut contents = if bytes.starts_with(b"PK") {
        torch::read_zip(bytes)?
    } else if torch::is_legacy(bytes) {
        torch::read_legacy(bytes)?
    } else if safetensors::is_safetensors(bytes) {
        safetensors::read(bytes)?
    } else {
        return Err(unknown(bytes));
    };
    strip_prefixes(&mut contents);
    let odd = contents.tensors.iter().find(|(_, (_, values))| values.iter().any(|value| !value.is_finite()));
    if let Some((name, _)) = odd {
        return Err(format!("{name} has values that are not finite; the training that made it diverged"));
    }
    Ok(contents)
}

/// Names the kinds of file that people take for weights.
fn unknown(bytes: &[u8]) -> String {
    let kind = if bytes.is_empty() {
        "the file is empty"
    } else if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        "this is an HDF5 file; for a Keras model the card says `architecture = \"keras\"`"
    } else if bytes.get(257..262) == Some(b"ustar") {
        "this is a tar archive (torch before 0.2), which is not read"
    } else if bytes.starts_with(b"\x1f\x8b") {
        "this is a gzip archive; unpack it first"
    } else if bytes.starts_with(b"version https://git-lfs") {
        "this is a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`"
    } else if bytes.starts_with(&[0x80]) {
        "this is a pickle, but not of torch.save"
    } else {
        "this is neither a .safetensors file nor one of torch.save"
    };
    format!("{kind}; expected .safetensors, or a state dict saved with torch.save")
}

/// What wrappers put before every name, and which they are; the architectures' names have none.
const PREFIXES: [(&str, &str); 4] = [
    ("module.", "DataParallel"),
    ("_orig_mod.", "torch.compile"),
    ("model.", "a module that holds the network"),
    ("net.", "a module that holds the network"),
];

/// Removes prefixes that all names have, also one after the other.
fn strip_prefixes(contents: &mut Contents) {
    let common = |contents: &Contents| {
        let has = |prefix: &str| contents.tensors.keys().all(|name| name.starts_with(prefix));
        PREFIXES.into_iter().find(|(prefix, _)| !contents.tensors.is_empty() && has(prefix))
    };
    while let Some((prefix, origin)) = common(contents) {
        let tensors = std::mem::take(&mut contents.tensors);
        let rest = |name: String| name.strip_prefix(prefix).map_or_else(|| name.clone(), str::to_owned);
        contents.tensors = tensors.into_iter().map(|(name, tensor)| (rest(name), tensor)).collect();
        contents.notes.push(format!("The names' prefix `{prefix}` (of {origin}) was removed."));
    }
}
