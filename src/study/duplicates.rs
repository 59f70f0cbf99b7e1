//! Files that claim the same SOP Instance UID.
//!
//! Media and exports often hold a file twice. Equal bytes are shown once; another content under the same UID (a
//! compressed copy, a file edited by hand) is kept, apart from the first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Instance;
use super::storage::{Entry, Storage};

/// What is known of a file's UID.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The nth file (from 0) with this UID and a content of its own.
    Own(usize),
    /// Byte for byte the same as another file.
    SameAs(PathBuf),
}

/// The files by UID.
#[derive(Default)]
pub(super) struct Claims {
    files: HashMap<String, Vec<PathBuf>>,
}

impl Claims {
    /// Notes a file; those without a SOP Instance UID are always their own.
    pub fn claim(&mut self, storage: &dyn Storage, path: &Path, instances: &[Instance]) -> Claim {
        let Some(uid) = instances.first().and_then(|i| i.slice.sop_instance_uid.as_deref()).filter(|u| !u.is_empty())
        else {
            return Claim::Own(0);
        };
        let files = self.files.entry(uid.to_string()).or_default();
        if let Some(same) = files.iter().find(|other| same_bytes(storage, path, other)) {
            return Claim::SameAs(same.clone());
        }
        files.push(path.to_path_buf());
        Claim::Own(files.len() - 1)
    }
}

/// Whether both files hold the same bytes; no, where one can't be read.
fn same_bytes(storage: &dyn Storage, a: &Path, b: &Path) -> bool {
    let (Ok(Entry::File(length)), Ok(Entry::File(other))) = (storage.entry(a), storage.entry(b)) else { return false };
    length == other && matches!((storage.read(a), storage.read(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Memory;
    use crate::study::testing::{instance, plain_slice};

    #[test]
    fn equal_bytes_are_one_and_others_are_copies() {
        let mut memory = Memory::new();
        memory.insert("a", vec![1, 2]);
        memory.insert("b", vec![1, 2]);
        memory.insert("c", vec![1, 3]);
        let mut claims = Claims::default();
        let mut claim = |path: &str| {
            let mut slice = plain_slice(path, 2, 2);
            slice.sop_instance_uid = Some("1.5".into());
            claims.claim(&memory, Path::new(path), &[instance("1", slice)])
        };
        assert_eq!(claim("a"), Claim::Own(0));
        assert_eq!(claim("b"), Claim::SameAs("a".into()));
        assert_eq!(claim("c"), Claim::Own(1));
    }
}
