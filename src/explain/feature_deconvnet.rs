//! Deconvnet of one feature map, as a method.

use super::{
    About, Ask, Attribution, ExplainError, Fact, Group, Method,
    feature_maps::{feature_map, keeps_of_feature_maps, strongest_channel},
    parameters::{Kind, Parameter},
};
use crate::graph::{Graph, Keep, NodeId};

/// The value of [`CHANNEL`] for the strongest.
const STRONGEST: i64 = -1;

/// Which channel.
const CHANNEL: Parameter = Parameter {
    name: "channel",
    label: "Channel",
    sentence: "The layer's channel, counted from 0; −1 is the one with the strongest unit.",
    kind: Kind::Integer { min: STRONGEST, max: 65_535, default: STRONGEST },
};

/// How much of it.
const PART: Parameter = Parameter {
    name: "unit",
    label: "Sent back",
    sentence: "What of the channel is sent back; all other activations of the layer are 0.",
    kind: Kind::Choice {
        options: &[("strongest", "Its strongest unit"), ("map", "The whole channel")],
        default: "strongest",
    },
};

/// Zeiler and Fergus 2014: see [`feature_map`].
pub(super) struct FeatureDeconvnet;

impl Method for FeatureDeconvnet {
    fn name(&self) -> &'static str {
        "featuremap"
    }

    fn label(&self) -> &'static str {
        "Deconvnet of a feature map"
    }

    fn group(&self) -> Group {
        Group::Deconvnet
    }

    fn about(&self) -> About {
        About {
            shows: "What in the picture excites one channel of the layer most.",
            cannot: "Anything about a class: what the network makes of the channel is another question.",
            costs: "One forward pass and one backward pass from the layer.",
            paper: "Zeiler and Fergus 2014",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[CHANNEL, PART]
    }

    fn depends_on_target(&self) -> bool {
        false
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        keeps_of_feature_maps(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let channel = match ask.settings.integer(&CHANNEL) {
            STRONGEST => strongest_channel(ask)?,
            channel => usize::try_from(channel).unwrap_or(0),
        };
        let found = feature_map(ask, channel, ask.settings.choice(&PART) == "map")?;
        let mut map = found.picture;
        map.facts = vec![
            Fact { name: "channel", label: "Channel", value: channel as f64 },
            Fact { name: "unit_row", label: "Row of its strongest unit", value: found.unit.0 as f64 },
            Fact { name: "unit_column", label: "Column of its strongest unit", value: found.unit.1 as f64 },
            Fact { name: "activation", label: "Activation of that unit", value: f64::from(found.activation) },
        ];
        Ok(map)
    }
}
