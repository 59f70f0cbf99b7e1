//! Every change of the viewer's state is a [`Command`]. Menus, toolbar, palette, keys and the list under F1 are all
//! made from [`SPECS`].

use std::path::PathBuf;
use std::sync::Arc;

use egui::{Key, Modifiers};

use super::state::{Layout, Scale};
use super::transform::View;
use crate::display::Voi;
use crate::engine::ModelPath;

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
    /// Stop what is being computed.
    CancelJobs,

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
    /// Method, by registry name.
    SetMethod(&'static str),
    /// Layer; `None` = the model's default.
    SetLayer(Option<Arc<str>>),
    /// Class; `None` = the strongest.
    SetClass(Option<usize>),
    /// Opacity of maps, 0 ..= 1.
    SetOpacity(f32),
    /// Threshold of maps, 0 ..= 1.
    SetThreshold(f32),
    /// Colour map, by name.
    SetColormap(&'static str),
    /// What colours are scaled to.
    SetScale(Scale),
    /// Passes through a stochastic head.
    SetPasses(usize),
    /// Seed of its draws.
    SetSeed(u64),
    /// Scale of the activation grid.
    SetChannelsShareScale(bool),
    /// Cine speed, slices a second.
    SetCineSpeed(f32),
    /// What has been typed into the palette.
    SetPalette(Option<String>),
    /// The card about the demo study is not needed any more.
    DismissExplanation,
    /// The sentence at the bottom is not needed any more.
    DismissMessage,
}

/// Where a command stands in the menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Opening, saving.
    File,
    /// Layouts and panels.
    View,
    /// What is done to the picture.
    Image,
    /// Moving through studies.
    Go,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 5] = [Self::File, Self::View, Self::Image, Self::Go, Self::Help];

    /// The word in the menu bar.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Image => "Image",
            Self::Go => "Go",
            Self::Help => "Help",
        }
    }
}

/// A key with its modifiers.
pub type Shortcut = (Modifiers, Key);

/// How a command presents itself.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The command.
    pub command: Command,
    /// Its name in menus.
    pub text: &'static str,
    /// What it does, in a sentence.
    pub tooltip: &'static str,
    /// Keys it has unless the user binds others.
    pub shortcuts: &'static [Shortcut],
    /// Its menu.
    pub menu: Menu,
}

const fn spec(
    command: Command,
    text: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
    menu: Menu,
) -> Spec {
    Spec { command, text, tooltip, shortcuts, menu }
}

const fn plain(key: Key) -> Shortcut {
    (Modifiers::NONE, key)
}

const fn ctrl(key: Key) -> Shortcut {
    (Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> Shortcut {
    (Modifiers { shift: true, ..Modifiers::COMMAND }, key)
}

/// The commands that stand in menus, palette and key list, in that order.
pub static SPECS: &[Spec] = {
    use Command as C;
    use Menu as M;
    &[
        spec(C::OpenFiles, "Open files…", "Open DICOM, image, NIfTI or NumPy files", &[ctrl(Key::O)], M::File),
        spec(C::OpenFolder, "Open folder…", "Open everything in a folder", &[ctrl_shift(Key::O)], M::File),
        spec(
            C::OpenDemo,
            "Open the demo study",
            "Open the synthetic study that comes with the program",
            &[ctrl(Key::D)],
            M::File,
        ),
        spec(C::CloseStudy, "Close study", "Close the study in view", &[ctrl(Key::W)], M::File),
        spec(
            C::SaveViewport,
            "Save viewport as PNG…",
            "Save the active viewport with its provenance",
            &[ctrl(Key::S)],
            M::File,
        ),
        spec(
            C::SaveLayout,
            "Save all viewports as PNG…",
            "Save what stands side by side with its provenance",
            &[ctrl_shift(Key::S)],
            M::File,
        ),
        spec(C::Quit, "Quit", "Leave the program", &[ctrl(Key::Q)], M::File),
        spec(C::SetLayout(Layout::One), "One image", "One picture fills the centre", &[plain(Key::F2)], M::View),
        spec(
            C::SetLayout(Layout::SideBySide),
            "Image | overlay",
            "The picture beside the map over it",
            &[plain(Key::F3)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Four),
            "Image | overlay | activations | density",
            "Picture, map, what the layer saw, and how sure the network is",
            &[plain(Key::F4)],
            M::View,
        ),
        spec(
            C::SetLayout(Layout::Planes),
            "Knee: three planes",
            "Axial, coronal and sagittal with reference lines",
            &[plain(Key::F5)],
            M::View,
        ),
        spec(
            C::ToggleFull,
            "Full size",
            "The active viewport alone, or back (double-click)",
            &[plain(Key::Enter)],
            M::View,
        ),
        spec(C::ToggleOverlay, "Overlay", "Show or hide where the network looked", &[plain(Key::O)], M::View),
        spec(
            C::ToggleAnnotations,
            "Texts over images",
            "Show or hide the texts in the corners",
            &[plain(Key::T)],
            M::View,
        ),
        spec(C::ToggleBrowser, "Study browser", "Show or hide the list of studies", &[plain(Key::F9)], M::View),
        spec(C::ToggleInspector, "Inspector", "Show or hide model, classes and colours", &[plain(Key::F10)], M::View),
        spec(C::ToggleTheme, "Light theme", "Switch between the dark and the light theme", &[], M::View),
        spec(
            C::SetTool(Tool::Window),
            "Window tool",
            "Left drag sets window width and centre",
            &[plain(Key::W)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Pan),
            "Pan tool",
            "Left drag moves the picture (also: middle drag)",
            &[plain(Key::P)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Zoom),
            "Zoom tool",
            "Left drag enlarges (also: right drag, Ctrl + wheel)",
            &[plain(Key::Z)],
            M::Image,
        ),
        spec(
            C::SetTool(Tool::Scroll),
            "Scroll tool",
            "Left drag scrolls through the slices (also: wheel)",
            &[plain(Key::S)],
            M::Image,
        ),
        spec(C::Preset(1), "Window preset 1", "The window that the file asks for", &[plain(Key::Num1)], M::Image),
        spec(C::Preset(2), "Window preset 2", "The whole range of values", &[plain(Key::Num2)], M::Image),
        spec(
            C::Preset(3),
            "Window preset 3",
            "Third window of the list for this modality",
            &[plain(Key::Num3)],
            M::Image,
        ),
        spec(
            C::Preset(4),
            "Window preset 4",
            "Fourth window of the list for this modality",
            &[plain(Key::Num4)],
            M::Image,
        ),
        spec(
            C::Preset(5),
            "Window preset 5",
            "Fifth window of the list for this modality",
            &[plain(Key::Num5)],
            M::Image,
        ),
        spec(
            C::Preset(6),
            "Window preset 6",
            "Sixth window of the list for this modality",
            &[plain(Key::Num6)],
            M::Image,
        ),
        spec(
            C::Preset(7),
            "Window preset 7",
            "Seventh window of the list for this modality",
            &[plain(Key::Num7)],
            M::Image,
        ),
        spec(
            C::Preset(8),
            "Window preset 8",
            "Eighth window of the list for this modality",
            &[plain(Key::Num8)],
            M::Image,
        ),
        spec(
            C::Preset(9),
            "Window preset 9",
            "Ninth window of the list for this modality",
            &[plain(Key::Num9)],
            M::Image,
        ),
        spec(C::Invert, "Invert", "Reverse the grey levels", &[plain(Key::I)], M::Image),
        spec(C::FlipHorizontally, "Flip left–right", "Mirror the picture left to right", &[plain(Key::H)], M::Image),
        spec(C::FlipVertically, "Flip top–bottom", "Mirror the picture top to bottom", &[plain(Key::V)], M::Image),
        spec(C::TurnRight, "Turn right", "Quarter turn clockwise", &[plain(Key::R)], M::Image),
        spec(C::TurnLeft, "Turn left", "Quarter turn against the clock", &[plain(Key::L)], M::Image),
        spec(C::Reset, "Reset view", "Window, zoom and position as the file has them", &[plain(Key::Escape)], M::Image),
        spec(C::NextSlice, "Next slice", "One slice on (also: wheel)", &[plain(Key::ArrowDown)], M::Go),
        spec(C::PreviousSlice, "Previous slice", "One slice back (also: wheel)", &[plain(Key::ArrowUp)], M::Go),
        spec(C::FirstSlice, "First slice", "To the beginning of the stack", &[plain(Key::Home)], M::Go),
        spec(C::LastSlice, "Last slice", "To the end of the stack", &[plain(Key::End)], M::Go),
        spec(C::NextSeries, "Next series", "The next series in the browser", &[plain(Key::PageDown)], M::Go),
        spec(C::PreviousSeries, "Previous series", "The previous series in the browser", &[plain(Key::PageUp)], M::Go),
        spec(C::NextTime, "Next time", "The same position at the next time", &[plain(Key::Period)], M::Go),
        spec(C::PreviousTime, "Previous time", "The same position at the previous time", &[plain(Key::Comma)], M::Go),
        spec(
            C::DecidingSlice,
            "Deciding slice",
            "The slice that decides the class of the stack",
            &[plain(Key::D)],
            M::Go,
        ),
        spec(C::ToggleCine, "Cine", "Play through the slices, or stop", &[plain(Key::C), plain(Key::Space)], M::Go),
        spec(C::TogglePalette, "Command palette…", "Find a command by its name", &[ctrl(Key::K)], M::Help),
        spec(C::ToggleHelp, "Mouse and keys", "The list of all commands and keys", &[plain(Key::F1)], M::Help),
        spec(C::CancelJobs, "Stop computing", "Stop what the networks are computing", &[ctrl(Key::Period)], M::Help),
    ]
};

impl Command {
    /// How the command presents itself; `None` for changes that only a control of its own makes.
    #[must_use]
    pub fn spec(&self) -> Option<&'static Spec> {
        SPECS.iter().find(|spec| spec.command == *self)
    }
}

/// What the keyboard goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// To the commands.
    Nothing,
    /// A button or slider, which Enter and Space work.
    Control,
    /// A text field, which all plain keys write in.
    Text,
}

/// Which key runs which command. Data, so that bindings can be changed.
#[derive(Debug, Clone)]
pub struct KeyMap {
    bindings: Vec<(Shortcut, Command)>,
}

impl Default for KeyMap {
    fn default() -> Self {
        let mut bindings: Vec<(Shortcut, Command)> = SPECS
            .iter()
            .flat_map(|spec| spec.shortcuts.iter().map(|shortcut| (*shortcut, spec.command.clone())))
            .collect();
        // Ctrl+Shift+O also matches Ctrl+O: those with more modifiers are tried first.
        bindings.sort_by_key(|((modifiers, _), _)| {
            std::cmp::Reverse([modifiers.command, modifiers.shift, modifiers.alt].into_iter().filter(|on| *on).count())
        });
        Self { bindings }
    }
}

impl KeyMap {
    /// Takes the keys of bound commands out of the input, but for those that belong to what has the focus.
    pub fn consume(&self, input: &mut egui::InputState, focus: Focus, commands: &mut Vec<Command>) {
        if !input.events.iter().any(|event| matches!(event, egui::Event::Key { pressed: true, .. })) {
            return;
        }
        for ((modifiers, key), command) in &self.bindings {
            let function_key = key.name().starts_with('F') && key.name().len() > 1;
            let belongs_to_focus = match focus {
                Focus::Nothing => false,
                Focus::Control => modifiers.is_none() && matches!(key, Key::Enter | Key::Space),
                Focus::Text => modifiers.is_none() && !function_key && *key != Key::Escape,
            };
            if belongs_to_focus {
                continue;
            }
            for _ in 0..input.count_and_consume_key(*modifiers, *key) {
                commands.push(command.clone());
            }
        }
    }

    /// The keys of a command as text ("Ctrl+O"), empty where it has none.
    #[must_use]
    pub fn text(&self, command: &Command) -> String {
        let names: Vec<String> = self
            .bindings
            .iter()
            .filter(|(_, bound)| bound == command)
            .map(|((modifiers, key), _)| {
                egui::KeyboardShortcut::new(*modifiers, *key)
                    .format(&egui::ModifierNames::NAMES, cfg!(target_os = "macos"))
            })
            .collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_has_two_commands_and_no_command_stands_twice() {
        let mut keys = HashSet::new();
        let mut texts = HashSet::new();
        for spec in SPECS {
            assert!(texts.insert((spec.text, spec.menu.label())), "{} stands twice", spec.text);
            assert!(!spec.tooltip.is_empty());
            for (modifiers, key) in spec.shortcuts {
                let name = format!("{modifiers:?} {key:?}");
                assert!(keys.insert(name.clone()), "{name} has two commands, one is {}", spec.text);
            }
        }
    }

    #[test]
    fn the_key_map_names_keys() {
        let keys = KeyMap::default();
        assert_eq!(keys.text(&Command::OpenFolder), "Ctrl+Shift+O");
        assert_eq!(keys.text(&Command::Invert), "I");
        assert_eq!(keys.text(&Command::DismissMessage), "");
    }
}
