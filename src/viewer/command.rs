//! Every change of the viewer's state is a [`Command`].
//!
//! Menus, toolbar, palette, keys and the list under F1 are all made from the table [`SPECS`](super::specs::SPECS).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::layer_tree::{LayerTree, Purpose};
use super::region::Stroke;
use super::state::{ChannelOrder, ColourBy, Layout, Scale, Scope};
use super::transform::View;
use crate::display::Voi;
use crate::engine::ModelPath;
use crate::explain::parameters::Value;
use crate::explain::{Baseline, Evidence};
use crate::inside::Projection;
use crate::model::exam::Exam;
use crate::study::Source;

/// What dragging with the left mouse button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tool {
    /// Window width (left, right) and centre (up, down).
    Window,
    /// Move the picture.
    Pan,
    /// Enlarge.
    Zoom,
    /// Scroll through the stack.
    Scroll,
    /// Draw a region.
    Region,
    /// Cover a part of the slice.
    Cover,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Choose files to open.
    OpenFiles,
    /// Choose a folder to open.
    OpenFolder,
    /// Open the embedded demo study.
    OpenDemo,
    /// Close the study in view.
    CloseStudy,
    /// Save the active viewport as PNG.
    SaveViewport,
    /// Save all viewports as one PNG.
    SaveLayout,
    /// Leave.
    Quit,
    /// Divide the centre.
    SetLayout(Layout),
    /// The active tile alone, or back.
    ToggleFull,
    /// One slice up the stack.
    NextSlice,
    /// One slice down the stack.
    PreviousSlice,
    /// First slice.
    FirstSlice,
    /// Last slice.
    LastSlice,
    /// Next series of the library.
    NextSeries,
    /// Previous series of the library.
    PreviousSeries,
    /// Next time point.
    NextTime,
    /// Previous time point.
    PreviousTime,
    /// The slice that decides the stack's class.
    DecidingSlice,
    /// Window preset, from 1.
    Preset(u8),
    /// Mirror left to right.
    FlipHorizontally,
    /// Mirror top to bottom.
    FlipVertically,
    /// Quarter turn clockwise.
    TurnRight,
    /// Quarter turn against the clock.
    TurnLeft,
    /// Reverse grey levels.
    Invert,
    /// Play or stop.
    ToggleCine,
    /// Maps over pictures on or off.
    ToggleOverlay,
    /// Window, zoom, position back to the file's.
    Reset,
    /// Left mouse button.
    SetTool(Tool),
    /// Study browser.
    ToggleBrowser,
    /// Inspector.
    ToggleInspector,
    /// Texts over the images.
    ToggleAnnotations,
    /// Dark or light.
    ToggleTheme,
    /// List of commands.
    ToggleHelp,
    /// Command palette.
    TogglePalette,
    /// List of layers.
    ToggleLayers,
    /// Let a costly method explain every slice.
    ExplainAll,
    /// Stop what is being computed, until something new is asked for.
    CancelJobs,
    /// Go on with what was stopped.
    Resume,
    /// Forget the region drawn on the slice in view.
    ClearRegion,
    /// Take the cover off the slice.
    ClearCover,
    /// Move the cover, by steps to the right and down.
    MoveCover(i8, i8),
    /// Keep the distribution of the image in view in the density plot.
    PinDensity,
    /// Take the pinned image out of the density plot.
    UnpinDensity,
    /// Bars instead of curves in the density plot, or back.
    ToggleHistogram,
    /// A tick for each pass in the density plot.
    ToggleRug,

    /// Open these paths.
    Open(Vec<PathBuf>),
    /// Show a series in the main slot.
    ShowSeries {
        /// The study.
        study_uid: String,
        /// The series.
        series_uid: String,
    },
    /// Make a tile the one that commands act on.
    Activate(usize),
    /// A tile alone in the centre.
    ShowFull(usize),
    /// Go to a position of a slot's stack.
    SetPosition {
        /// Index of the slot.
        slot: usize,
        /// The position, from 0.
        position: usize,
    },
    /// Go to a time of a slot's stack.
    SetTime {
        /// Index of the slot.
        slot: usize,
        /// The time, from 0.
        time: usize,
    },
    /// Move by slices.
    Scroll {
        /// Index of the slot.
        slot: usize,
        /// Positions to move by, negative = back.
        steps: isize,
    },
    /// Zoom, pan, turns, flips.
    SetView {
        /// Index of the slot.
        slot: usize,
        /// The view.
        view: View,
    },
    /// Window.
    SetVoi {
        /// Index of the slot.
        slot: usize,
        /// The window; `None` = the file's own.
        voi: Option<Voi>,
    },
    /// The pixel under the pointer.
    Hover(Option<super::state::Hovered>),
    /// Slices of the other planes that meet in a slice position.
    PointTo {
        /// Index of the slot.
        slot: usize,
        /// Slice coordinate along columns.
        x: f32,
        /// Slice coordinate along rows.
        y: f32,
    },
    /// Model.
    SetModel(ModelPath),
    /// Exam; `None` = the model alone.
    SetExam(Option<Arc<Exam>>),
    /// The exam's task that is explained, by its place on the card.
    SetTask(usize),
    /// A cell of the exam's table: its task, its plane, and the slice that decided.
    ShowCell {
        /// The task, by its place on the card.
        task: usize,
        /// The column.
        column: usize,
        /// The slice that decided, where that is known.
        slice: Option<usize>,
    },
    /// Which series a column of the exam is.
    SetExamSeries {
        /// The column.
        column: usize,
        /// The series' UID; `None` = as the card finds it.
        series: Option<String>,
    },
    /// Method, by registry name.
    SetMethod(&'static str),
    /// A parameter of a method.
    SetParameter {
        /// Registry name of the method.
        method: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// Its value.
        value: Value,
    },
    /// A preset of a method, by its label.
    UsePreset {
        /// Registry name of the method.
        method: &'static str,
        /// The preset.
        label: &'static str,
    },
    /// All parameters of a method back to their defaults.
    ResetParameters(&'static str),
    /// Layer; `None` = the model's default.
    SetLayer(Option<Arc<str>>),
    /// Layer of the activation grid; `None` = that of the map.
    SetActivationLayer(Option<Arc<str>>),
    /// The list of layers with what has been typed into it; `None` = closed.
    SetLayerTree(Option<LayerTree>),
    /// The list of layers, for a purpose.
    ChooseLayer(Purpose),
    /// Class; `None` = the strongest.
    SetClass(Option<usize>),
    /// Class to hold it against; `None` = the strongest of the others.
    SetAgainst(Option<usize>),
    /// How many superpixels are shown, from the most decisive on.
    SetSuperpixels(usize),
    /// Which of them.
    SetEvidence(Evidence),
    /// How regions are drawn.
    SetStroke(Stroke),
    /// The pointer draws a region.
    DrawRegion {
        /// Index of the slot.
        slot: usize,
        /// Slice coordinate along columns.
        x: f32,
        /// Slice coordinate along rows.
        y: f32,
    },
    /// The region is closed.
    CloseRegion,
    /// The pointer drags a cover.
    DragCover {
        /// Index of the slot.
        slot: usize,
        /// Slice coordinate along columns.
        x: f32,
        /// Slice coordinate along rows.
        y: f32,
        /// Whether the drag begins here.
        begins: bool,
    },
    /// The pointer lets go of the cover.
    DropCover,
    /// What lies under a cover.
    SetCoverBaseline(Baseline),
    /// Opacity of maps, 0 ..= 1.
    SetOpacity(f32),
    /// Threshold of maps, 0 ..= 1.
    SetThreshold(f32),
    /// Colour map, by name; diverging ones are for maps with a sign, the others for those without.
    SetColormap(&'static str),
    /// What colours are scaled to.
    SetScale(Scale),
    /// Passes through a stochastic head.
    SetPasses(usize),
    /// Seed of its draws.
    SetSeed(u64),
    /// Draws that maps over draws are made from.
    SetMapPasses(usize),
    /// Classes of the density plot; `None` = the two likeliest.
    SetDensityClasses(Option<BTreeSet<usize>>),
    /// Bandwidth of the density plot; `None` = by Silverman's rule.
    SetBandwidth(Option<f32>),
    /// Scale of the activation grid.
    SetChannelsShareScale(bool),
    /// The grid of channels: what they have seen, or their activations.
    SetShowsSeen(bool),
    /// What they have seen as a whole, or what their strongest unit has.
    SetWholeChannels(bool),
    /// What the channels of the grid are sorted by.
    SetChannelOrder(ChannelOrder),
    /// What has been typed to find channels.
    SetChannelFilter(String),
    /// The followed channel; `None` = none.
    FollowChannel(Option<usize>),
    /// The next channel in the grid's order.
    NextChannel,
    /// The previous channel in the grid's order.
    PreviousChannel,
    /// A channel of a layer, in the activation grid.
    GoToChannel {
        /// The layer.
        layer: Arc<str>,
        /// The channel, from 0; `None` = none of them.
        channel: Option<usize>,
    },
    /// Which images are looked at.
    SetScope(Scope),
    /// How many of the strongest images are shown.
    SetStrongest(usize),
    /// An image that is open, with the patch that a unit sees of it.
    ShowImage {
        /// The image.
        source: Source,
        /// `x0, y0, x1, y1` in slice pixels; `None` = no patch.
        patch: Option<[f32; 4]>,
    },
    /// How codes are brought into the plane.
    SetProjection(Projection),
    /// What the points of the embedding are coloured by.
    SetColourBy(ColourBy),
    /// Cine speed, slices a second.
    SetCineSpeed(f32),
    /// What has been typed into the palette.
    SetPalette(Option<String>),
    /// The card about the demo study is not needed any more.
    DismissExplanation,
    /// The sentence at the bottom is not needed any more.
    DismissMessage,
}

impl Command {
    /// Whether the command asks the networks for something new, so that what was stopped goes on.
    #[must_use]
    pub fn asks_anew(&self) -> bool {
        matches!(
            self,
            Self::SetModel(_)
                | Self::SetExam(_)
                | Self::SetTask(_)
                | Self::ShowCell { .. }
                | Self::SetExamSeries { .. }
                | Self::SetMethod(_)
                | Self::SetParameter { .. }
                | Self::UsePreset { .. }
                | Self::ResetParameters(_)
                | Self::SetLayer(_)
                | Self::SetClass(_)
                | Self::SetAgainst(_)
                | Self::SetSeed(_)
                | Self::SetPasses(_)
                | Self::SetMapPasses(_)
                | Self::ShowSeries { .. }
                | Self::CloseRegion
                | Self::ClearRegion
                | Self::ExplainAll
                | Self::GoToChannel { .. }
                | Self::SetScope(_)
                | Self::SetStrongest(_)
                | Self::SetProjection(_)
        )
    }
}
