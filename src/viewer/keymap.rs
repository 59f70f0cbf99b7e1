//! Which key runs which command.

use egui::Key;

use super::command::Command;
use super::specs::{SPECS, Shortcut};

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
