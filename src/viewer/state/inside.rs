//! How a look inside the network is arranged: which channel is followed, what the grid is sorted by, which images are
//! looked at, how they are laid out in a plane.

use crate::inside::Projection;
use crate::study::Source;

/// What the channels of the grid are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// As the layer has them.
    Index,
    /// The largest mean first.
    Mean,
    /// The largest value first.
    Maximum,
    /// What adds most to the logit of the explained class first.
    Contribution,
}

impl ChannelOrder {
    /// All, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Index, Self::Mean, Self::Maximum, Self::Contribution];

    /// The name people see.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Index => "Index",
            Self::Mean => "Mean",
            Self::Maximum => "Maximum",
            Self::Contribution => "Contribution",
        }
    }
}

/// Which images are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The slices of the series in view.
    Series,
    /// Every image that is open.
    Everything,
}

impl Scope {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Series, Self::Everything];

    /// The name people see.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Series => "This series",
            Self::Everything => "Everything open",
        }
    }

    /// What it means, in a sentence.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Series => "The slices of the series in view",
            Self::Everything => "Every image that is open",
        }
    }
}

/// What the points of an embedding are coloured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColourBy {
    /// The folder of a picture, or the description of its series.
    Label,
    /// The class with the greatest probability.
    Prediction,
    /// That probability.
    Confidence,
}

impl ColourBy {
    /// All, in the order of the list.
    pub const ALL: [Self; 3] = [Self::Label, Self::Prediction, Self::Confidence];

    /// The name people see.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Label => "Label",
            Self::Prediction => "Prediction",
            Self::Confidence => "Confidence",
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
    /// Which images are looked at for the strongest ones, for the embedding and for the check; `None` = see
    /// [`State::scope`](super::State::scope).
    pub scope: Option<Scope>,
    /// How many of the strongest images are shown.
    pub strongest: usize,
    /// What a unit sees of an image that was gone to from the strongest ones: `x0, y0, x1, y1` in slice pixels.
    pub patch: Option<(Source, [f32; 4])>,
    /// How codes are brought into the plane.
    pub projection: Projection,
    /// Roughly how many neighbours each image has in t-SNE; as many as the number of images allows at most.
    pub perplexity: u32,
    /// What the points are coloured by.
    pub colour_by: ColourBy,
}

impl Default for Inside {
    fn default() -> Self {
        Self {
            channel: None,
            order: ChannelOrder::Index,
            filter: String::new(),
            scope: None,
            strongest: 9,
            patch: None,
            projection: Projection::Tsne { perplexity: 30 },
            perplexity: 30,
            colour_by: ColourBy::Label,
        }
    }
}

impl Inside {
    /// Follows another channel, or none.
    pub fn follow(&mut self, channel: Option<usize>) {
        if self.channel != channel {
            self.patch = None;
        }
        self.channel = channel;
    }

    /// Lets go of what belongs to one layer.
    pub fn leave_layer(&mut self) {
        self.channel = None;
        self.patch = None;
        self.filter.clear();
    }
}
