//! How a look inside the network is arranged: which channel is followed, what the grid is sorted by.

/// What the channels of the grid are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// As the layer has them.
    Index,
    /// The largest mean first.
    Mean,
    /// The largest value first.
    Maximum,
}

impl ChannelOrder {
    /// All, in the order of the list.
    pub const ALL: [Self; 3] = [Self::Index, Self::Mean, Self::Maximum];

    /// The name people see.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Index => "Index",
            Self::Mean => "Mean",
            Self::Maximum => "Maximum",
        }
    }
}

/// What the user has chosen of the inside of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Inside {
    /// The followed channel of the activation layer, from 0; it stays while slices go by.
    pub channel: Option<usize>,
    /// What the channels are sorted by.
    pub order: ChannelOrder,
    /// What has been typed to find channels; see [`filter`](crate::viewer::inside::filter).
    pub filter: String,
}

impl Default for Inside {
    fn default() -> Self {
        Self { channel: None, order: ChannelOrder::Index, filter: String::new() }
    }
}

impl Inside {
    /// Lets go of what belongs to one layer.
    pub fn leave_layer(&mut self) {
        self.channel = None;
        self.filter.clear();
    }
}
