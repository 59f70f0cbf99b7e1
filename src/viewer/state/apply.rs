//! What each command changes.

use std::sync::Arc;

use super::{Content, DensityView, Layout, Message, Pinned, SeriesHandle, State, name_of};
use crate::display::Picture;
use crate::display::colormap::Colormap;
use crate::engine::{Library, UncertaintyKey, UncertaintyResult};
use crate::explain;
use crate::inside::Projection;
use crate::model::Catalogue;
use crate::viewer::command::{Command, Tool};
use crate::viewer::inside::sorted::Sorted;
use crate::viewer::layer_tree::{LayerTree, Purpose};
use crate::viewer::region::{Drawing, Outline, Stroke};
use crate::viewer::transform::View;
use crate::viewer::window;

/// What a command asks of the world outside the state.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Show the dialog for files, or for a folder.
    ChooseToOpen {
        /// A folder rather than files.
        folder: bool,
    },
    /// Open these paths.
    Open(Vec<std::path::PathBuf>),
    /// Open the demo study.
    OpenDemo,
    /// Close a study.
    Close(String),
    /// Save a picture of the active viewport, or of all of them.
    Save {
        /// All tiles rather than the active one.
        all: bool,
    },
    /// Stop what is computed.
    Cancel,
    /// Leave.
    Quit,
}

/// What commands have to know beyond the state.
pub struct Surroundings<'a> {
    /// What is open.
    pub library: &'a Library,
    /// The picture in view of the active slot.
    pub picture: Option<&'a Picture>,
    /// The slice that decides the explained class of the active slot's stack.
    pub deciding_slice: Option<usize>,
    /// The explained layer, and that of the activation grid.
    pub layers: [Option<&'a str>; 2],
    /// What has been drawn of the slice in view of the main slot, and its key.
    pub draws: Option<(&'a UncertaintyKey, &'a Arc<UncertaintyResult>)>,
    /// The channels of the activation grid in their order.
    pub channels: &'a Sorted,
    /// Models and exams to choose from.
    pub catalogue: &'a Catalogue,
    /// The model's classes; empty without a model.
    pub classes: &'a [String],
    /// The explained class.
    pub class: Option<usize>,
    /// Whether the model classifies each pixel; `None` without a model.
    pub segmentation: Option<bool>,
}

impl State {
    /// Changes what the command says, and returns what is left for others to do.
    pub fn apply(&mut self, command: Command, around: &Surroundings<'_>) -> Option<Effect> {
        use Command as C;
        let active = self.active_slot();
        if command.asks_anew() {
            self.explain.paused = false;
            // Every slice was asked of what was chosen before.
            self.explain.all_slices = command == C::ExplainAll;
        }
        match command {
            C::OpenFiles => return Some(Effect::ChooseToOpen { folder: false }),
            C::OpenFolder => return Some(Effect::ChooseToOpen { folder: true }),
            C::Open(paths) => return Some(Effect::Open(paths)),
            C::OpenDemo => {
                self.explanation_dismissed = false;
                return Some(Effect::OpenDemo);
            }
            C::CloseStudy => {
                return self.active().series.as_ref().map(|series| Effect::Close(series.study.uid.clone()));
            }
            C::SaveViewport => return Some(Effect::Save { all: false }),
            C::SaveLayout => return Some(Effect::Save { all: true }),
            C::CancelJobs => {
                self.explain.paused = true;
                self.explain.all_slices = false;
                return Some(Effect::Cancel);
            }
            C::Resume => self.explain.paused = false,
            C::Quit => return Some(Effect::Quit),

            C::SetLayout(layout) => {
                self.set_layout(layout);
                if layout == Layout::Planes && self.explain.exam.is_none() {
                    self.choose_exam(around);
                }
            }
            C::ToggleFull => {
                self.full_tile = if self.full_tile.is_some() { None } else { Some(self.active_tile) };
            }
            C::ShowFull(tile) => {
                self.active_tile = tile;
                self.full_tile = if self.full_tile.is_some() { None } else { Some(tile) };
            }
            C::Activate(tile) => self.active_tile = tile,

            C::NextSlice => self.slots[active].step(1),
            C::PreviousSlice => self.slots[active].step(-1),
            C::FirstSlice => self.slots[active].go_to(0),
            C::LastSlice => self.slots[active].go_to(usize::MAX),
            C::Scroll { slot, steps } => self.slots[slot].step(steps),
            C::SetPosition { slot, position } => self.slots[slot].go_to(position),
            C::SetTime { slot, time } => self.set_time(slot, time),
            C::NextTime => self.set_time(active, self.slots[active].time + 1),
            C::PreviousTime => self.set_time(active, self.slots[active].time.saturating_sub(1)),
            C::DecidingSlice => {
                if let Some(slice) = around.deciding_slice {
                    self.slots[active].go_to(slice);
                }
            }
            C::NextSeries => self.step_series(around.library, 1),
            C::PreviousSeries => self.step_series(around.library, -1),
            C::ShowSeries { study_uid, series_uid } => {
                if let Some(series) = SeriesHandle::find(&around.library.studies, &study_uid, &series_uid) {
                    self.show(series);
                }
            }
            C::PointTo { slot, x, y } => self.point_to(slot, x, y),

            C::Preset(number) => self.set_preset(number, around.picture),
            C::SetVoi { slot, voi } => self.slots[slot].voi = voi,
            C::SetView { slot, view } => self.slots[slot].view = view,
            C::FlipHorizontally => self.slots[active].view.flip_horizontally(),
            C::FlipVertically => self.slots[active].view.flip_vertically(),
            C::TurnRight => self.slots[active].view.turn(true),
            C::TurnLeft => self.slots[active].view.turn(false),
            C::Invert => self.slots[active].inverted = !self.slots[active].inverted,
            C::Reset => self.escape(active),
            C::SetTool(Tool::Region) if around.segmentation != Some(true) => {
                let text = "A region is for networks that classify each pixel; this one judges the whole picture";
                self.message = Some(Message { text: text.to_owned(), is_error: true });
            }
            C::SetTool(tool) => self.tool = tool,
            C::SetStroke(stroke) => {
                self.explain.stroke = stroke;
                self.tool = Tool::Region;
            }
            C::DrawRegion { slot, x, y } => match &mut self.drawing {
                Some(drawing) if drawing.slot == slot => drawing.way.push((x, y)),
                _ => self.drawing = Some(Drawing { slot, way: vec![(x, y)] }),
            },
            C::CloseRegion => self.close_region(),
            C::ClearRegion => {
                if let Some(slice) = self.slots[active].slice() {
                    self.explain.regions.remove(&slice.source);
                }
            }
            C::DragCover { slot, x, y, begins } => self.drag_cover(slot, (x, y), begins),
            C::DropCover => self.drop_cover(),
            C::MoveCover(right, down) => self.nudge_cover(right, down),
            C::ClearCover => self.cover.shown = None,
            C::SetCoverBaseline(baseline) => self.cover.baseline = baseline,
            C::Hover(hovered) => self.hovered = hovered,

            C::ToggleCine => self.cine.playing = !self.cine.playing,
            C::SetCineSpeed(speed) => self.cine.frames_per_second = speed.clamp(1.0, 60.0),

            C::ToggleOverlay => self.explain.overlay_on = !self.explain.overlay_on,
            C::SetModel(model) => {
                let leaves_exam = self.explain.exam.take().is_some();
                if self.explain.model.as_ref() != Some(&model) || leaves_exam {
                    self.explain.model = Some(model);
                    self.forget_network();
                }
            }
            C::SetExam(exam) => self.set_exam(exam),
            C::SetTask(task) => self.set_task(task),
            C::ShowCell { task, column, slice } => self.show_cell(task, column, slice),
            C::SetExamSeries { column, series } => {
                let study = self.study();
                if let Some(choice) = &mut self.explain.exam {
                    choice.assign(column, series, study.as_ref());
                    self.show_column(column);
                }
            }
            C::SetMethod(method) => self.explain.method = method,
            C::SetParameter { method, parameter, value } => self.set_parameter(method, parameter, value),
            C::UsePreset { method, label } => self.use_preset(method, label),
            C::ResetParameters(method) => drop(self.explain.settings.remove(method)),
            C::ExplainAll => {}
            C::SetLayer(layer) => {
                if self.explain.activation_layer.is_none() && self.explain.layer != layer {
                    self.inside.leave_layer();
                }
                self.explain.layer = layer;
            }
            C::SetActivationLayer(layer) => {
                if layer.as_deref() != around.layers[1] {
                    self.inside.leave_layer();
                }
                self.explain.activation_layer = layer;
            }
            C::SetLayerTree(tree) => self.layer_tree = tree,
            C::ToggleLayers if self.layer_tree.is_some() => self.layer_tree = None,
            C::ToggleLayers => self.open_layers(Purpose::Map, around),
            C::ChooseLayer(purpose) => self.open_layers(purpose, around),
            C::SetClass(class) => match class.and_then(|class| self.task_of(class, around.classes)) {
                Some(task) => self.set_task(task),
                None => self.explain.class = class,
            },
            C::SetAgainst(class) => {
                self.explain.against = class;
                if self.layout != Layout::Contrast {
                    self.set_layout(Layout::Contrast);
                }
            }
            C::SetSuperpixels(count) => self.explain.superpixels.count = count.max(1),
            C::SetEvidence(evidence) => self.explain.superpixels.evidence = evidence,
            C::SetOpacity(opacity) => self.explain.opacity = opacity.clamp(0.0, 1.0),
            C::SetThreshold(threshold) => self.explain.threshold = threshold.clamp(0.0, 1.0),
            C::SetColormap(name) => match Colormap::find(name) {
                Some(colormap) if colormap.diverging => self.explain.signed_colormap = colormap,
                Some(colormap) => self.explain.colormap = colormap,
                None => {}
            },
            C::SetScale(scale) => self.explain.scale = scale,
            C::SetPasses(passes) => self.explain.passes = passes.clamp(2, 100_000),
            C::SetMapPasses(passes) => self.explain.map_passes = passes.clamp(2, 10_000),
            C::SetSeed(seed) => self.explain.seed = seed,
            C::SetShowsSeen(shows) => self.explain.shows_seen = shows,
            C::SetWholeChannels(whole) => self.explain.whole_channels = whole,
            C::SetChannelOrder(order) => self.inside.order = order,
            C::SetChannelFilter(text) => self.inside.filter = text,
            C::FollowChannel(channel) => self.inside.follow(channel),
            C::NextChannel => self.inside.follow(around.channels.step(self.inside.channel, 1)),
            C::PreviousChannel => self.inside.follow(around.channels.step(self.inside.channel, -1)),
            C::GoToChannel { layer, channel } => {
                if Some(&*layer) != around.layers[1] {
                    self.inside.leave_layer();
                }
                self.explain.activation_layer = Some(layer);
                self.explain.shows_seen = false;
                self.inside.follow(channel);
                if !self.shows(Content::Activations) {
                    self.set_layout(Layout::Inside);
                }
            }
            C::SetScope(scope) => self.inside.scope = Some(scope),
            C::SetStrongest(count) => self.inside.strongest = count.clamp(1, 100),
            C::ShowImage { source, patch } => self.show_image(around.library, &source, patch),
            C::SetProjection(projection) => {
                self.inside.projection = projection;
                if let Projection::Tsne { perplexity } = projection {
                    self.inside.perplexity = perplexity;
                }
            }
            C::SetColourBy(by) => self.inside.colour_by = by,
            C::SetChannelsShareScale(share) => self.explain.channels_share_scale = share,

            C::PinDensity => self.pin(around),
            C::UnpinDensity => self.density.pinned = None,
            C::ToggleHistogram => self.density.histogram = !self.density.histogram,
            C::ToggleRug => self.density.rug = !self.density.rug,
            C::SetDensityClasses(classes) => self.density.classes = classes,
            C::SetBandwidth(width) => {
                let (least, most) = (*DensityView::BANDWIDTHS.start(), *DensityView::BANDWIDTHS.end());
                self.density.bandwidth = width.filter(|width| width.is_finite()).map(|width| width.clamp(least, most));
            }

            C::ToggleBrowser => self.browser_shown = !self.browser_shown,
            C::ToggleInspector => self.inspector_shown = !self.inspector_shown,
            C::ToggleAnnotations => self.annotations_shown = !self.annotations_shown,
            C::ToggleTheme => self.light = !self.light,
            C::ToggleHelp => self.help_shown = !self.help_shown,
            C::TogglePalette => self.palette = if self.palette.is_some() { None } else { Some(String::new()) },
            C::SetPalette(text) => self.palette = text,
            C::DismissExplanation => self.explanation_dismissed = true,
            C::DismissMessage => self.message = None,
        }
        None
    }

    fn set_preset(&mut self, number: u8, picture: Option<&Picture>) {
        let slot = &mut self.slots[self.active_slot()];
        let (Some(series), Some(slice)) = (slot.series(), slot.slice()) else { return };
        let choice = window::choices(series, slice).into_iter().nth(usize::from(number) - 1);
        if let Some((choice, picture)) = choice.zip(picture) {
            slot.voi = choice.voi(picture);
        }
    }

    /// Closes what lies on top, then takes the cover off, then leaves full size, then resets the view.
    fn escape(&mut self, active: usize) {
        if self.palette.take().is_some() {
            return;
        }
        if self.drawing.take().is_some() || self.layer_tree.take().is_some() {
            return;
        }
        if self.help_shown {
            self.help_shown = false;
        } else if self.covered(active).is_some() {
            self.cover.shown = None;
        } else if self.full_tile.is_some() && self.slots[active].view == View::default() {
            self.full_tile = None;
        } else {
            self.slots[active].reset();
        }
    }

    fn set_parameter(&mut self, method: &'static str, name: &str, value: explain::parameters::Value) {
        let parameters = explain::find(method).map_or(&[][..], |method| method.parameters());
        if let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) {
            self.explain.settings.entry(method).or_default().set(parameter, value);
        }
    }

    fn use_preset(&mut self, method: &'static str, label: &str) {
        let Some(known) = explain::find(method) else { return };
        if let Some(preset) = known.presets().iter().find(|preset| preset.label == label) {
            self.explain.settings.insert(method, explain::Settings::of(preset, known.parameters()));
        }
    }

    fn open_layers(&mut self, purpose: Purpose, around: &Surroundings<'_>) {
        let [of_map, of_activations] = around.layers;
        let layer = if purpose == Purpose::Map { of_map } else { of_activations };
        self.layer_tree = layer.map(|layer| LayerTree::leading_to(layer, purpose));
    }

    /// Keeps the distribution of the image in view in the density plot.
    fn pin(&mut self, around: &Surroundings<'_>) {
        if let Some((key, result)) = around.draws {
            let name = name_of(&self.slots[0]);
            self.density.pinned = Some(Pinned { name, key: key.clone(), result: Arc::clone(result) });
        } else {
            let text = "There is nothing to pin yet: open a density plot with a stochastic model first";
            self.message = Some(Message { text: text.to_owned(), is_error: true });
        }
    }

    /// Keeps what has been drawn, unless the pointer has hardly moved.
    fn close_region(&mut self) {
        let Some(drawing) = self.drawing.take() else { return };
        let Some(slice) = self.slots[drawing.slot].slice() else { return };
        let corners = drawing.corners(self.explain.stroke);
        let span = |of: fn(&(f32, f32)) -> f32| {
            let (low, high) = corners
                .iter()
                .map(of)
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
            high - low
        };
        let least = if self.explain.stroke == Stroke::Rectangle { 4 } else { 3 };
        if corners.len() >= least && span(|corner| corner.0) >= 1.0 && span(|corner| corner.1) >= 1.0 {
            let outline = Outline { slice: [slice.rows, slice.columns], corners };
            let source = slice.source.clone();
            self.explain.regions.insert(source, Arc::new(outline));
        }
    }
}
