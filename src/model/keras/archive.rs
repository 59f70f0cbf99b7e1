//! The two kinds of file that Keras writes: HDF5, and since version 3 of the format a zip archive with the network's
//! description in `config.json` and its weights in `model.weights.h5`.

use std::io::{Cursor, Read};

use serde_json::Value;
use zip::ZipArchive;

use super::h5::Hdf5;

/// The most bytes of a description; that of `EfficientNetB7` has 0.8 MB.
const LONGEST_CONFIG: usize = 64 << 20;

/// What a file holds.
pub(super) struct Contents {
    /// The description of the network, which a file of weights alone lacks.
    pub config: Option<Value>,
    /// The weights.
    pub weights: Hdf5,
}

/// Reads a file of either kind. The error says what is wrong and what to do.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, String> {
    if bytes.starts_with(b"PK") {
        read_zip(bytes)
    } else if Hdf5::is_hdf5(bytes) {
        let weights = Hdf5::open(bytes.to_vec())?;
        let config = weights.text("", "model_config")?.map(|text| parse(&text, "model_config")).transpose()?;
        Ok(Contents { config, weights })
    } else {
        Err("this is neither an HDF5 file nor a .keras archive; save the model with `model.save(\"model.keras\")`"
            .to_owned())
    }
}

/// A description of a network as JSON; `name` is where it stands.
pub(super) fn parse(text: &str, name: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{name} is not valid JSON ({error})"))
}

fn read_zip(bytes: &[u8]) -> Result<Contents, String> {
    let damaged = |error| format!("the zip archive is damaged ({error}); copy the file again");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let config = entry(&mut archive, "config.json", LONGEST_CONFIG)?;
    let config = String::from_utf8(config).map_err(|_| "config.json in the archive is not UTF-8".to_owned())?;
    let limit = bytes.len().saturating_mul(16).saturating_add(64 << 20);
    let weights = entry(&mut archive, "model.weights.h5", limit)?;
    Ok(Contents { config: Some(parse(&config, "config.json")?), weights: Hdf5::open(weights)? })
}

/// One file of the archive, of at most `limit` bytes. Memory is taken as the bytes arrive.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: usize) -> Result<Vec<u8>, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{name} in the archive cannot be read ({error})");
    let file = archive.by_name(name).map_err(|error| problem(&error))?;
    let mut content = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut content).map_err(|error| problem(&error))?;
    if read > limit {
        return Err(format!("{name} in the archive unpacks to far more than the archive's own size"));
    }
    Ok(content)
}
