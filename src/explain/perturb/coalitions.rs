//! Sets of superpixels that stay visible.

/// Several sets of superpixels, each a row: what is in the set stays visible, the rest is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coalitions {
    superpixels: usize,
    visible: Vec<bool>,
}

impl Coalitions {
    /// No set yet, of this many superpixels.
    #[must_use]
    pub const fn new(superpixels: usize) -> Self {
        Self { superpixels, visible: Vec::new() }
    }

    /// Adds a set; one that is too long or too short is cut or filled with hidden superpixels.
    pub fn push(&mut self, visible: impl IntoIterator<Item = bool>) {
        let end = self.visible.len() + self.superpixels;
        self.visible.extend(visible.into_iter().take(self.superpixels));
        self.visible.resize(end, false);
    }

    /// How many superpixels there are.
    #[must_use]
    pub const fn superpixels(&self) -> usize {
        self.superpixels
    }

    /// How many sets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.visible.len().checked_div(self.superpixels).unwrap_or(0)
    }

    /// Whether there is no set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One set: whether each superpixel is visible.
    #[must_use]
    pub fn get(&self, index: usize) -> &[bool] {
        &self.visible[index * self.superpixels..][..self.superpixels]
    }

    /// The first sets.
    pub fn iter(&self) -> impl Iterator<Item = &[bool]> {
        self.visible.chunks_exact(self.superpixels.max(1))
    }
}
