//! A cache that is bounded in bytes and spares what is wanted right now.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Least recently used entries go first; entries that the caller protects stay.
#[derive(Debug)]
pub struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    limit_bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used_at: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// An empty cache that holds at most `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { entries: HashMap::new(), bytes: 0, limit_bytes, clock: 0 }
    }

    /// The value, marked as used now.
    pub fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used_at = self.clock;
        Some(entry.value.clone())
    }

    /// The value, without marking it as used.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Whether the value is here.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Bytes held, as the callers of [`Cache::insert`] gave them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most bytes it holds but for what is protected.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Whether something must be dropped before anything else goes in.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= self.limit_bytes
    }

    /// Whether there is room, or room can be made by dropping entries that are not in `protected`.
    #[must_use]
    pub fn has_room(&self, protected: &HashSet<K>) -> bool {
        !self.is_full() || self.entries.keys().any(|key| !protected.contains(key))
    }

    /// Puts a value in and drops the least recently used unprotected entries until the limit holds.
    /// A value larger than the whole cache is still put in: somebody asked for it and has to see it once.
    pub fn insert(&mut self, key: K, value: V, bytes: usize, protected: &HashSet<K>) {
        self.remove(&key);
        while self.bytes + bytes > self.limit_bytes {
            let oldest = self
                .entries
                .iter()
                .filter(|(candidate, _)| !protected.contains(*candidate))
                .min_by_key(|(_, entry)| entry.used_at)
                .map(|(candidate, _)| candidate.clone());
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += bytes;
        self.entries.insert(key, Entry { value, bytes, used_at: self.clock });
    }

    /// Drops the least recently used entries that are not to be kept until so many bytes have room; gives whether they
    /// have.
    pub fn make_room(&mut self, bytes: usize, keep: impl Fn(&K) -> bool) -> bool {
        if self.bytes + bytes <= self.limit_bytes {
            return true;
        }
        let mut oldest: Vec<(u64, K)> = self
            .entries
            .iter()
            .filter(|(key, _)| !keep(key))
            .map(|(key, entry)| (entry.used_at, key.clone()))
            .collect();
        oldest.sort_unstable_by_key(|(used_at, _)| *used_at);
        for (_, key) in oldest {
            if self.bytes + bytes <= self.limit_bytes {
                break;
            }
            self.remove(&key);
        }
        self.bytes + bytes <= self.limit_bytes
    }

    /// Drops one entry.
    pub fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Drops every entry whose key does not satisfy `keep`.
    pub fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|key, entry| {
            let kept = keep(key);
            if !kept {
                *bytes -= entry.bytes;
            }
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_goes_first() {
        let mut cache = Cache::new(20);
        let none = HashSet::new();
        cache.insert("a", 1, 10, &none);
        cache.insert("b", 2, 10, &none);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.insert("c", 3, 10, &none);
        assert!(cache.contains(&"a") && cache.contains(&"c") && !cache.contains(&"b"));
        assert_eq!(cache.bytes(), 20);
    }

    #[test]
    fn what_is_wanted_stays_even_when_it_is_oldest() {
        let mut cache = Cache::new(20);
        let protected = HashSet::from(["a"]);
        cache.insert("a", 1, 10, &protected);
        cache.insert("b", 2, 10, &protected);
        cache.insert("c", 3, 10, &protected);
        assert!(cache.contains(&"a") && !cache.contains(&"b"));
        assert!(cache.has_room(&protected));
        assert!(!cache.has_room(&HashSet::from(["a", "c"])));
    }

    #[test]
    fn room_is_made_of_what_need_not_be_kept() {
        let mut cache = Cache::new(30);
        for key in ["a", "b", "c"] {
            cache.insert(key, 0, 10, &HashSet::new());
        }
        assert!(cache.make_room(0, |_| true) && cache.bytes() == 30);
        assert!(cache.make_room(10, |key| *key == "a"));
        assert!(cache.contains(&"a") && !cache.contains(&"b") && cache.contains(&"c"), "the older one goes");
        assert!(!cache.make_room(30, |key| *key == "a"));
        assert!(cache.contains(&"a"));
    }

    #[test]
    fn replacing_a_value_counts_its_bytes_once() {
        let mut cache = Cache::new(100);
        let none = HashSet::new();
        cache.insert("a", 1, 60, &none);
        cache.insert("a", 2, 30, &none);
        assert_eq!((cache.bytes(), cache.get(&"a")), (30, Some(2)));
        cache.retain(|key| *key != "a");
        assert_eq!(cache.bytes(), 0);
    }
}
