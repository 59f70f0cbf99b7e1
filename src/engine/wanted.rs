//! What the viewer wants, in order, and quick to ask whether it wants a given thing.

use std::collections::HashSet;
use std::hash::Hash;

/// Wants, the most important first. The viewer asks about dozens of them in each frame, so membership is looked up
/// and not searched for.
#[derive(Debug)]
pub struct Wanted<T> {
    order: Vec<T>,
    members: HashSet<T>,
}

impl<T> Default for Wanted<T> {
    fn default() -> Self {
        Self { order: Vec::new(), members: HashSet::new() }
    }
}

impl<T: Hash + Eq + Clone> Wanted<T> {
    /// These wants, the most important first.
    pub fn new(order: Vec<T>) -> Self {
        let members = order.iter().cloned().collect();
        Self { order, members }
    }

    /// The wants in their order.
    pub fn order(&self) -> &[T] {
        &self.order
    }

    /// All wants, for caches that must spare them.
    pub fn members(&self) -> &HashSet<T> {
        &self.members
    }

    /// Whether this is wanted.
    pub fn contains(&self, wanted: &T) -> bool {
        self.members.contains(wanted)
    }

    /// Drops every want that does not satisfy `keep`.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.order.retain(&keep);
        self.members.retain(keep);
    }

    /// Drops all wants.
    pub fn clear(&mut self) {
        self.order.clear();
        self.members.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_members_agree() {
        let mut wanted = Wanted::new(vec![3, 1, 2]);
        assert_eq!(wanted.order(), [3, 1, 2]);
        wanted.retain(|number| *number != 1);
        assert!(wanted.order() == [3, 2] && !wanted.contains(&1) && wanted.contains(&2));
        wanted.clear();
        assert!(wanted.order().is_empty() && wanted.members().is_empty());
    }
}
