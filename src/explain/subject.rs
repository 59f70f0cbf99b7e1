//! What a map is about, where a network has random weights: the class, how steady its map is, or what makes the network
//! unsure.

/// What a map is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Subject {
    /// The class, in the plain network (with the means of random weights, without dropout).
    #[default]
    Class,
    /// The mean of the class's map over draws of the random weights.
    Mean {
        /// How many draws.
        passes: usize,
    },
    /// The standard deviation of the class's map over draws of the random weights, place by place.
    Deviation {
        /// How many draws.
        passes: usize,
    },
    /// What the draws disagree about: the mutual information of prediction and weights in the place of the class's
    /// logit (Depeweg et al. 2018).
    Unsureness {
        /// How many draws.
        passes: usize,
    },
}

impl Subject {
    /// How many draws it takes; `None` for the plain network.
    #[must_use]
    pub const fn passes(self) -> Option<usize> {
        match self {
            Self::Class => None,
            Self::Mean { passes } | Self::Deviation { passes } | Self::Unsureness { passes } => Some(passes),
        }
    }

    /// The name on the command line and in exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Mean { .. } => "mean",
            Self::Deviation { .. } => "deviation",
            Self::Unsureness { .. } => "unsureness",
        }
    }

    /// The subject of this name over so many draws.
    #[must_use]
    pub fn of_name(name: &str, passes: usize) -> Option<Self> {
        match name {
            "class" => Some(Self::Class),
            "mean" => Some(Self::Mean { passes }),
            "deviation" => Some(Self::Deviation { passes }),
            "unsureness" => Some(Self::Unsureness { passes }),
            _ => None,
        }
    }

    /// The other of mean and deviation, which one computation gives together.
    #[must_use]
    pub const fn sibling(self) -> Option<Self> {
        match self {
            Self::Mean { passes } => Some(Self::Deviation { passes }),
            Self::Deviation { passes } => Some(Self::Mean { passes }),
            Self::Class | Self::Unsureness { .. } => None,
        }
    }
}
