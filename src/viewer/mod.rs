//! The window: studies, pictures, maps, and what the network says.
//!
//! [`App`](app::App) has two halves. `logic` takes what the engine, the painter and the dialogs have brought and runs
//! commands; `ui` lays out what is there. Panels are given a [`Scene`](scene::Scene) and leave
//! [`Command`](command::Command)s, which are the only way anything changes. No pixel is touched on this thread: the
//! [`Painter`](paint::Painter) makes screen pixels, the [engine](crate::engine) everything else.

pub mod anatomy;
pub mod annotations;
pub mod app;
pub mod command;
pub mod covering;
pub mod dialog;
pub mod divide;
pub mod draws;
pub mod exam_facts;
pub mod facts;
pub mod gathered;
pub mod icons;
pub mod inside;
pub mod keymap;
pub mod lay;
pub mod layer_tree;
pub mod legend;
pub mod linked;
pub mod models_used;
pub mod paint;
pub mod panels;
pub mod plotter;
pub mod region;
pub mod scene;
pub mod screenshot;
pub mod seen;
pub mod specs;
pub mod stack_scale;
pub mod state;
pub mod textures;
pub mod theme;
pub mod trace;
pub mod transform;
pub mod viewport;
pub mod wants;
pub mod window;

use std::path::PathBuf;
use std::time::Instant;

use crate::engine::{Config, EngineError, ModelPath};

/// How the viewer starts.
pub struct ViewerOptions {
    /// Files and folders to open; none = the embedded demo study.
    pub paths: Vec<PathBuf>,
    /// The model to begin with; `None` = one that fits the pictures.
    pub model: Option<ModelPath>,
    /// How the engine starts. The viewer sets `wake` itself.
    pub engine: Config,
    /// What textures may take on the graphics card, in bytes.
    pub texture_bytes: usize,
    /// Log frame times every second.
    pub trace: bool,
    /// When the program was started, for the log.
    pub started: Instant,
}

/// Why the viewer can't run.
#[derive(Debug, thiserror::Error)]
pub enum ViewerError {
    /// No window can be opened: no display, or no graphics driver.
    #[error("No window can be opened here ({0}). `glassbox explain` works without one")]
    Display(String),
    /// The engine can't be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The operating system gives no thread.
    #[error("The viewer could not start a thread: {0}")]
    Thread(std::io::Error),
}

/// Opens the window and stays until it is closed.
///
/// # Errors
/// [`ViewerError::Display`] where there is no display.
pub fn run(options: ViewerOptions) -> Result<(), ViewerError> {
    if !display_is_named() {
        return Err(ViewerError::Display("no display is named in DISPLAY or WAYLAND_DISPLAY".to_owned()));
    }
    let icon = eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon.png")).unwrap_or_default();
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Glassbox")
            .with_app_id("glassbox")
            .with_inner_size([1440.0, 900.0])
            .with_min_inner_size([960.0, 600.0])
            .with_icon(icon)
            .with_drag_and_drop(true),
        ..Default::default()
    };
    let created = eframe::run_native(
        "Glassbox",
        native,
        Box::new(move |creation| Ok(Box::new(app::App::new(&creation.egui_ctx, options)?))),
    );
    created.map_err(|error| match error {
        eframe::Error::AppCreation(error) => match error.downcast::<ViewerError>() {
            Ok(error) => *error,
            Err(error) => ViewerError::Display(error.to_string()),
        },
        other => ViewerError::Display(other.to_string()),
    })
}

/// Whether the environment names a display, where windows need one named; elsewhere the system knows.
fn display_is_named() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos")))
        || ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].into_iter().any(is_set)
}
