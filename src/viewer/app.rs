//! The program in its window: `logic` takes what has come back and runs commands, `ui` lays out what is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::Frame;
use egui::{Context, Rect, Ui};

use super::command::Command;
use super::dialog::{Answer, Dialogs};
use super::facts::Facts;
use super::keymap::{Focus, KeyMap};
use super::models_used::ModelsUsed;
use super::paint::Painter;
use super::panels::browser;
use super::plotter::Plotter;
use super::scene::{LastShown, Scene};
use super::screenshot::{self, Request, Screenshots};
use super::state::{Effect, Explain, Message, SeriesHandle, State, Surroundings};
use super::textures::{TextureKey, Textures};
use super::trace::Trace;
use super::wants::Wants;
use super::{ViewerError, ViewerOptions, divide, theme};
use crate::display::colormap::COLORMAPS;
use crate::engine::{Config, Engine, Library, SourceList};
use crate::explain::METHODS;
use crate::study::{Source, Study};

/// The program in its window.
pub struct App {
    engine: Engine,
    library: Arc<Library>,
    state: State,
    facts: Facts,
    keys: KeyMap,
    textures: Textures,
    painter: Painter,
    plots: Plotter,
    wants: Wants,
    last_shown: HashMap<usize, LastShown>,
    commands: Vec<Command>,
    dialogs: Dialogs,
    screenshots: Screenshots,
    /// What a picture that is to be saved shows, while the dialog asks where to.
    saving: Option<Saving>,
    tile_rects: Vec<(usize, Rect)>,
    /// Images that the last frame would have shown small.
    pictures_wanted: Vec<Source>,
    models_used: ModelsUsed,
    /// Something has been opened and none of it has been shown yet.
    shows_next_study: bool,
    trace: Trace,
    cine_due: Option<Instant>,
    message_until: Option<Instant>,
}

struct Saving {
    area: Rect,
    provenance: Vec<(String, String)>,
}

impl App {
    /// Starts the engine and the painter, and opens what the options name (without any path: the demo study).
    ///
    /// # Errors
    /// When the engine or a thread can't be started.
    pub fn new(ctx: &Context, options: ViewerOptions) -> Result<Self, ViewerError> {
        theme::install(ctx);
        let mut config: Config = options.engine;
        let waker = ctx.clone();
        config.wake = Arc::new(move || waker.request_repaint_after(Duration::from_millis(10)));
        let engine = Engine::start(config)?;
        let waker = ctx.clone();
        let max_side = ctx.input(|input| input.max_texture_side);
        let painter = Painter::start(max_side, move || waker.request_repaint()).map_err(ViewerError::Thread)?;
        let waker = ctx.clone();
        let plots = Plotter::start(move || waker.request_repaint()).map_err(ViewerError::Thread)?;
        let first_method = METHODS.iter().find(|method| method.name() == "gradcam").or(METHODS.first());
        let facts = Facts { catalogue: engine.catalogue(), ..Facts::default() };
        let mut app = Self {
            engine,
            library: Arc::default(),
            state: State::new(Explain::new(&COLORMAPS[0], first_method.map_or("", |method| method.name()))),
            facts,
            keys: KeyMap::default(),
            textures: Textures::new(options.texture_bytes),
            painter,
            plots,
            wants: Wants::default(),
            last_shown: HashMap::new(),
            commands: Vec::new(),
            dialogs: Dialogs::default(),
            screenshots: Screenshots::default(),
            saving: None,
            tile_rects: Vec::new(),
            pictures_wanted: Vec::new(),
            models_used: ModelsUsed::default(),
            shows_next_study: false,
            trace: Trace::new(options.started, options.trace),
            cine_due: None,
            message_until: None,
        };
        app.state.explain.model = options.model;
        app.trace.opening();
        if options.paths.is_empty() {
            app.engine.open_demo();
        } else {
            app.engine.open(options.paths);
        }
        Ok(app)
    }

    /// What is shown, for tests.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is known, for tests.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What is open, for tests.
    #[must_use]
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// What frames have cost, for tests.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What curves are shown, for tests.
    #[must_use]
    pub fn plots(&self) -> &Plotter {
        &self.plots
    }

    /// Leaves a command, as a control would, for tests.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn take_inputs(&mut self, ctx: &Context) {
        let focus = if ctx.text_edit_focused() {
            Focus::Text
        } else if ctx.egui_wants_keyboard_input() {
            Focus::Control
        } else {
            Focus::Nothing
        };
        ctx.input_mut(|input| self.keys.consume(input, focus, &mut self.commands));
        let dropped: Vec<_> =
            ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
        if !dropped.is_empty() {
            self.commands.push(Command::Open(dropped));
        }
        for answer in self.dialogs.answers() {
            match answer {
                Answer::Open(paths) => self.commands.push(Command::Open(paths)),
                Answer::Save(path) => {
                    if let Some(Saving { area, provenance }) = self.saving.take() {
                        self.screenshots.take(ctx, Request { area, path, provenance });
                    }
                }
                Answer::Failed(text) => self.state.message = Some(Message { text, is_error: true }),
            }
        }
        for written in self.screenshots.written() {
            let message = match written {
                Ok(path) => Message { text: format!("Written: {}", path.display()), is_error: false },
                Err(text) => Message { text, is_error: true },
            };
            self.state.message = Some(message);
            self.message_until = Some(Instant::now() + Duration::from_secs(6));
        }
    }

    fn run_commands(&mut self, ctx: &Context) {
        for command in std::mem::take(&mut self.commands) {
            log::trace!("Command: {command:?}");
            let facts = &self.facts.slots[self.state.active_slot()];
            let around = Surroundings {
                library: &self.library,
                picture: facts.picture.value.as_deref(),
                deciding_slice: facts.deciding_slice(),
                draws: self.facts.slots[0].draws.pinnable(),
                layers: [self.facts.layer.as_deref(), self.facts.activation_layer.as_deref()],
                channels: &self.facts.inside.sorted,
                catalogue: &self.facts.catalogue,
                classes: self.facts.model.value.as_ref().map_or(&[][..], |model| model.classes.as_slice()),
                class: facts.class,
                segmentation: self.facts.model.value.as_ref().map(|model| model.segmentation),
            };
            let stops = matches!(command, Command::CancelJobs | Command::Resume);
            if let Some(effect) = self.state.apply(command, &around) {
                self.run_effect(ctx, effect);
            }
            if stops {
                self.wants.forget();
            }
        }
        ctx.set_theme(if self.state.light { egui::Theme::Light } else { egui::Theme::Dark });
    }

    fn run_effect(&mut self, ctx: &Context, effect: Effect) {
        match effect {
            Effect::ChooseToOpen { folder } => self.dialogs.open(ctx, folder),
            Effect::Open(paths) => {
                self.shows_next_study = true;
                self.trace.opening();
                self.engine.open(paths);
            }
            Effect::OpenDemo => {
                self.shows_next_study = true;
                self.engine.open_demo();
            }
            Effect::Close(uid) => self.engine.close_study(&uid),
            Effect::Save { all } => self.save(ctx, all),
            Effect::Cancel => self.engine.cancel(),
            Effect::Quit => ctx.send_viewport_cmd(egui::ViewportCommand::Close),
        }
    }

    fn save(&mut self, ctx: &Context, all: bool) {
        let rects = self.tile_rects.iter();
        let area = if all {
            rects.map(|(_, rect)| *rect).reduce(Rect::union)
        } else {
            let active = self.state.active_tile;
            rects.clone().find(|(index, _)| *index == active).or(self.tile_rects.first()).map(|(_, rect)| *rect)
        };
        let Some(area) = area else { return };
        self.saving = Some(Saving { area, provenance: screenshot::provenance(&self.state, &self.facts) });
        let series = self.state.active().series().map(|series| series.description.clone()).unwrap_or_default();
        let name: String =
            series.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).take(40).collect();
        self.dialogs.save(ctx, &format!("glassbox_{name}_{}.png", self.state.active().position + 1));
    }

    /// Follows the library: new studies, studies that have grown, studies that are gone.
    fn follow_library(&mut self) {
        let library = self.engine.library();
        if library.generation == self.library.generation && library.studies.len() == self.library.studies.len() {
            self.library = library;
            return;
        }
        let is_new = |study: &&Arc<Study>| !self.library.studies.iter().any(|known| known.uid == study.uid);
        if self.shows_next_study
            && let Some(study) = library.studies.iter().find(is_new)
            && !study.series.is_empty()
        {
            // What has just been opened is what one wants to see; of several studies the first.
            self.state.show(SeriesHandle { study: Arc::clone(study), index: 0 });
            self.shows_next_study = false;
        }
        self.library = library;
        self.state.follow(&self.library);
        if self.library.studies.is_empty() {
            self.last_shown.clear();
            self.textures.clear();
        }
    }

    fn play(&mut self, ctx: &Context) {
        if !self.state.cine.playing {
            self.cine_due = None;
            return;
        }
        let step = Duration::from_secs_f32(1.0 / self.state.cine.frames_per_second.max(1.0));
        let now = Instant::now();
        let due = self.cine_due.unwrap_or(now);
        if now >= due {
            let slot = self.state.active_slot();
            let count = self.state.slots[slot].positions();
            if count > 1 {
                let position = (self.state.slots[slot].position + 1) % count;
                self.commands.push(Command::SetPosition { slot, position });
            }
            // A late frame is not made up for.
            self.cine_due = Some(if now > due + step { now + step } else { due + step });
        }
        let next = self.cine_due.map_or(step, |due| due.saturating_duration_since(now));
        ctx.request_repaint_after(next);
    }

    fn tell_wants(&mut self) {
        if let Some(wanted) = self.wants.results(&self.state, &self.facts, &self.library) {
            self.engine.want(wanted);
        }
        let around: Vec<(SourceList, usize)> = self
            .state
            .visible_slots()
            .into_iter()
            .map(|slot| (self.facts.slots[slot].sources.clone(), self.state.slots[slot].position))
            .collect();
        self.engine.look_ahead(&around);
        let textures = &self.textures;
        let missing: Vec<Source> = self
            .library
            .studies
            .iter()
            .flat_map(|study| &study.series)
            .filter_map(browser::thumbnail_source)
            .filter(|source| !textures.contains(&TextureKey::Thumbnail((*source).clone())))
            .take(64)
            .cloned()
            .collect();
        let missing: Vec<Source> = self.pictures_wanted.iter().cloned().chain(missing).collect();
        if let Some(wanted) = self.wants.pictures(&self.state, &self.library, &missing) {
            self.engine.want_pictures(wanted);
        }
    }

    fn lay_out(&mut self, ui: &mut Ui) {
        let mut picture_shown = false;
        self.tile_rects.clear();
        self.pictures_wanted.clear();
        let mut scene = Scene {
            state: &self.state,
            facts: &self.facts,
            library: &self.library,
            engine: &self.engine,
            textures: &mut self.textures,
            painter: &mut self.painter,
            plots: &mut self.plots,
            keys: &self.keys,
            last_shown: &mut self.last_shown,
            commands: &mut self.commands,
            tile_rects: &mut self.tile_rects,
            pictures_wanted: &mut self.pictures_wanted,
            picture_shown: &mut picture_shown,
        };
        divide::show(ui, &mut scene);
        scene.paint_ahead();
        if picture_shown {
            self.trace.picture();
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, frame: &mut Frame) {
        let started = Instant::now();
        if let Some(seconds) = frame.info().cpu_usage {
            self.trace.frame(Duration::from_secs_f32(seconds.max(0.0)));
        }
        self.take_inputs(ctx);
        self.follow_library();
        if let Some(model) = self.models_used.follow(&self.state, &self.facts) {
            self.commands.push(Command::SetModel(model));
        }
        self.play(ctx);
        self.run_commands(ctx);
        self.facts.inside.follow_images(&self.library, &self.state);
        self.facts.update(&self.engine, &self.state);
        self.tell_wants();
        self.plots.take_finished();
        let painted = self.painter.finished();
        if self.textures.accept(ctx, painted.into_iter()) {
            ctx.request_repaint();
        }
        if self.message_until.is_some_and(|until| Instant::now() >= until) {
            self.message_until = None;
            self.state.message = None;
        }
        if let Some(until) = self.message_until {
            ctx.request_repaint_after(until.saturating_duration_since(Instant::now()));
        }
        self.trace.logic(started.elapsed());
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut Frame) {
        let started = Instant::now();
        self.lay_out(ui);
        self.trace.layout(started.elapsed());
        if !self.commands.is_empty() {
            // What was asked for in this frame is shown in the next.
            ui.ctx().request_repaint();
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.trace.log();
    }
}
