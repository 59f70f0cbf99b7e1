//! A list of images that many keys hold at once.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::study::Source;

/// An ordered list of images, shared and unchangeable. A key that names it is looked up in every frame, so its hash is
/// computed once, when the list is made, and two handles of one list are equal at a glance.
#[derive(Clone)]
pub struct SourceList(Arc<Listed>);

struct Listed {
    digest: u64,
    sources: Box<[Source]>,
    /// The same for looking up; made when it is first asked for.
    members: OnceLock<HashSet<Source>>,
}

impl SourceList {
    fn new(sources: Box<[Source]>) -> Self {
        let mut hasher = DefaultHasher::new();
        sources.hash(&mut hasher);
        Self(Arc::new(Listed { digest: hasher.finish(), sources, members: OnceLock::new() }))
    }

    /// Whether an image is in the list, without going through it.
    #[must_use]
    pub fn contains(&self, source: &Source) -> bool {
        self.0.members.get_or_init(|| self.0.sources.iter().cloned().collect()).contains(source)
    }
}

impl Deref for SourceList {
    type Target = [Source];

    fn deref(&self) -> &[Source] {
        &self.0.sources
    }
}

impl PartialEq for SourceList {
    /// Lists that differ nearly always differ in their digests; equal digests alone prove nothing.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.digest == other.0.digest && self.0.sources == other.0.sources)
    }
}

impl Eq for SourceList {}

impl Hash for SourceList {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl std::fmt::Debug for SourceList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Default for SourceList {
    /// The empty list; all of them are one.
    fn default() -> Self {
        static EMPTY: OnceLock<SourceList> = OnceLock::new();
        EMPTY.get_or_init(|| Self::new(Box::default())).clone()
    }
}

impl From<Vec<Source>> for SourceList {
    fn from(sources: Vec<Source>) -> Self {
        if sources.is_empty() { Self::default() } else { Self::new(sources.into()) }
    }
}

impl From<&[Source]> for SourceList {
    fn from(sources: &[Source]) -> Self {
        sources.to_vec().into()
    }
}

impl FromIterator<Source> for SourceList {
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        sources.into_iter().collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> SourceList {
        names.iter().map(|name| Source { path: (*name).into(), frame: 0 }).collect()
    }

    #[test]
    fn lists_are_equal_by_what_they_name_and_in_which_order() {
        let first = list(&["a", "b", "c"]);
        assert_eq!(first, first.clone());
        assert_eq!(first, list(&["a", "b", "c"]), "made apart");
        assert_ne!(first, list(&["a", "c", "b"]));
        assert_ne!(first, list(&["a", "b"]));
        assert_eq!(SourceList::default(), list(&[]));
        assert_eq!(first[1].path.to_str(), Some("b"));
        assert!(first.contains(&first[2]) && !list(&["a", "b"]).contains(&first[2]));
    }

    #[test]
    fn equal_lists_are_found_again() {
        let known = HashSet::from([list(&["a", "b"]), list(&[])]);
        assert!(known.contains(&list(&["a", "b"])) && known.contains(&SourceList::default()));
        assert!(!known.contains(&list(&["b", "a"])));
    }
}
