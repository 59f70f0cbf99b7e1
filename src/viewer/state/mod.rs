//! What is open and how it is shown. Changes only through [`State::apply`].

mod apply;
mod apply_exam;
mod cover;
mod density;
mod exam;
mod explain;
mod inside;
mod layout;
mod navigate;
mod slot;

pub use apply::{Effect, Surroundings};
pub use cover::{CoverBox, Covering};
pub use density::{DensityView, Pinned, likeliest_first, name_of};
pub use exam::{Assigned, ExamChoice};
pub use explain::{Aim, Explain, Scale, Superpixels};
pub use inside::{ChannelOrder, ColourBy, Inside, Scope};
pub use layout::{Content, Layout, Tile, Which};
#[cfg(test)]
pub(crate) use slot::tests as tests_of_slots;
pub use slot::{SeriesHandle, Slot};

use crate::engine::ModelPath;
use crate::viewer::command::Tool;
use crate::viewer::layer_tree::LayerTree;
use crate::viewer::region::Drawing;

/// The slots of the three-plane layout: axial, coronal, sagittal.
pub const PLANE_SLOTS: std::ops::RangeInclusive<usize> = 1..=3;

/// Automatic play through the stack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cine {
    /// Whether it runs.
    pub playing: bool,
    /// Slices a second.
    pub frames_per_second: f32,
}

/// A sentence at the bottom of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sentence.
    pub text: String,
    /// Whether something went wrong.
    pub is_error: bool,
}

/// The pixel under the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hovered {
    /// Which slot's picture.
    pub slot: usize,
    /// Row and column of the pixel, from 0.
    pub pixel: (usize, usize),
    /// The map whose value is told.
    pub map: Which,
}

/// Everything the user can change.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the View menu")]
#[derive(Debug, Clone)]
pub struct State {
    /// How the centre is divided.
    pub layout: Layout,
    /// The tile that fills the centre alone.
    pub full_tile: Option<usize>,
    /// The tile that commands act on.
    pub active_tile: usize,
    /// The series in view: 0 the main one, then axial, coronal and sagittal of the three-plane layout.
    pub slots: [Slot; 4],
    /// Model, method, layer, class, colours.
    pub explain: Explain,
    /// How densities are drawn, and the pinned image.
    pub density: DensityView,
    /// What is chosen of the inside of the network.
    pub inside: Inside,
    /// What the left mouse button does.
    pub tool: Tool,
    /// Cine.
    pub cine: Cine,
    /// Whether the study browser is shown.
    pub browser_shown: bool,
    /// Whether the inspector is shown.
    pub inspector_shown: bool,
    /// Whether texts are laid over the images.
    pub annotations_shown: bool,
    /// Whether the list of commands is shown.
    pub help_shown: bool,
    /// What has been typed into the command palette; `None` while it is closed.
    pub palette: Option<String>,
    /// Whether the card about the demo study has been dismissed.
    pub explanation_dismissed: bool,
    /// Whether the light theme is on.
    pub light: bool,
    /// The latest sentence for the user.
    pub message: Option<Message>,
    /// The pixel under the pointer.
    pub hovered: Option<Hovered>,
    /// The list of layers; `None` while it is closed.
    pub layer_tree: Option<LayerTree>,
    /// The region that is being drawn.
    pub drawing: Option<Drawing>,
    /// What is covered.
    pub cover: Covering,
}

impl State {
    /// Nothing open, the image beside its overlay.
    #[must_use]
    pub fn new(explain: Explain) -> Self {
        Self {
            layout: Layout::SideBySide,
            full_tile: None,
            active_tile: 0,
            slots: Default::default(),
            explain,
            density: DensityView::default(),
            inside: Inside::default(),
            tool: Tool::Window,
            cine: Cine { playing: false, frames_per_second: 10.0 },
            browser_shown: true,
            inspector_shown: true,
            annotations_shown: true,
            help_shown: false,
            palette: None,
            explanation_dismissed: false,
            light: false,
            message: None,
            hovered: None,
            layer_tree: None,
            drawing: None,
            cover: Covering::default(),
        }
    }

    /// The model that explains a slot's series: that of the exam's task on its plane, else the chosen one.
    #[must_use]
    pub fn model_of(&self, slot: usize) -> Option<ModelPath> {
        match &self.explain.exam {
            Some(choice) => {
                choice.member_for(self.slots[slot].series()).map(|(member, _)| ModelPath(member.card.clone()))
            }
            None => self.explain.model.clone(),
        }
    }

    /// The slot that commands act on.
    #[must_use]
    pub fn active_slot(&self) -> usize {
        let tiles = self.layout.tiles();
        let tile = tiles.get(self.active_tile).or(tiles.first());
        match tile {
            Some(tile) if tile.content.is_picture() => tile.slot,
            _ => tiles.iter().find(|tile| tile.content.is_picture()).map_or(0, |tile| tile.slot),
        }
    }

    /// The active slot itself.
    #[must_use]
    pub fn active(&self) -> &Slot {
        &self.slots[self.active_slot()]
    }

    /// Tiles in view with their indices in the layout.
    pub fn visible_tiles(&self) -> impl Iterator<Item = (usize, Tile)> + use<> {
        let full = self.full_tile;
        self.layout.tiles().iter().copied().enumerate().filter(move |(index, _)| full.is_none_or(|full| full == *index))
    }

    /// Slots in view, the active one first, each once.
    #[must_use]
    pub fn visible_slots(&self) -> Vec<usize> {
        let mut slots = vec![self.active_slot()];
        for (_, tile) in self.visible_tiles() {
            if tile.content.is_picture() && !slots.contains(&tile.slot) {
                slots.push(tile.slot);
            }
        }
        slots
    }

    /// The maps that visible tiles show, each once.
    #[must_use]
    pub fn shown_maps(&self) -> Vec<Which> {
        let mut shown = Vec::new();
        for which in self.visible_tiles().filter_map(|(_, tile)| tile.content.map()) {
            if !shown.contains(&which) {
                shown.push(which);
            }
        }
        shown
    }

    /// Whether some visible tile shows how sure the network is, as a density or as maps over draws of the weights.
    #[must_use]
    pub fn shows_draws(&self) -> bool {
        self.shows(Content::Density) || self.shown_maps().into_iter().any(Which::is_over_draws)
    }

    /// Whether some visible tile shows this.
    #[must_use]
    pub fn shows(&self, content: Content) -> bool {
        self.visible_tiles().any(|(_, tile)| tile.content == content)
    }
}
