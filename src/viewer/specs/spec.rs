//! A row of the table of commands, and the menus.

use egui::{Key, Modifiers};

use super::SPECS;
use crate::viewer::command::Command;

/// Where a command stands in the menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// Opening, saving.
    File,
    /// Layouts and panels.
    View,
    /// What is done to the picture.
    Image,
    /// What is asked of the network.
    Explain,
    /// Moving through studies.
    Go,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 6] = [Self::File, Self::View, Self::Image, Self::Explain, Self::Go, Self::Help];

    /// The word in the menu bar.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Image => "Image",
            Self::Explain => "Explain",
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

pub(super) const fn spec(
    command: Command,
    text: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
    menu: Menu,
) -> Spec {
    Spec { command, text, tooltip, shortcuts, menu }
}

pub(super) const fn plain(key: Key) -> Shortcut {
    (Modifiers::NONE, key)
}

pub(super) const fn ctrl(key: Key) -> Shortcut {
    (Modifiers::COMMAND, key)
}

pub(super) const fn ctrl_shift(key: Key) -> Shortcut {
    (Modifiers { shift: true, ..Modifiers::COMMAND }, key)
}

impl Command {
    /// How the command presents itself; `None` for changes that only a control of its own makes.
    #[must_use]
    pub fn spec(&self) -> Option<&'static Spec> {
        SPECS.iter().find(|spec| spec.command == *self)
    }
}
