//! DICOMDIR (DICOM PS3.3 annex F, PS3.10 chapter 8): the files that a directory lists.

use std::path::PathBuf;

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;

/// Whether the record is in use (0004,1410); 0 marks a deleted one.
const RECORD_IN_USE: Tag = Tag(0x0004, 0x1410);

/// The referenced files in the order of their records, each once.
///
/// The offsets that link records are not needed: all records stand in one sequence, so a directory with wrong or
/// without offsets lists the same files.
pub(super) fn references(data: &DataSet<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for record in data.items(tags::DIRECTORY_RECORD_SEQUENCE) {
        if record.integer(RECORD_IN_USE) == Some(0) {
            continue;
        }
        let components = record.texts(tags::REFERENCED_FILE_ID);
        // A path that leaves the folder of the directory is none of its files.
        let plain = |part: &String| !part.is_empty() && part != ".." && part != "." && !part.contains(['/', '\0', ':']);
        if components.is_empty() || !components.iter().all(plain) {
            continue;
        }
        let path: PathBuf = components.iter().collect();
        if seen.insert(path.clone()) {
            found.push(path);
        }
    }
    found
}
