//! File dialogs of the operating system, on a thread of their own: some of them block until they are closed.

use std::path::PathBuf;
use std::sync::mpsc;

/// What a dialog has been used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These are to be opened.
    Open(Vec<PathBuf>),
    /// The picture is to be written here.
    Save(PathBuf),
    /// The dialog could not be shown.
    Failed(String),
}

/// Dialogs in use.
pub struct Dialogs {
    sender: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
}

impl Default for Dialogs {
    fn default() -> Self {
        let (sender, answers) = mpsc::channel();
        Self { sender, answers }
    }
}

impl Dialogs {
    /// Answers since the last call.
    pub fn answers(&self) -> impl Iterator<Item = Answer> + '_ {
        self.answers.try_iter()
    }

    /// Asks what to open: files, or a folder.
    pub fn open(&self, ctx: &egui::Context, folder: bool) {
        self.ask(ctx, move || {
            let dialog = rfd::FileDialog::new();
            if folder {
                dialog.set_title("Open a folder").pick_folders().map(Answer::Open)
            } else {
                dialog.set_title("Open files").pick_files().map(Answer::Open)
            }
        });
    }

    /// Asks where to write a picture.
    pub fn save(&self, ctx: &egui::Context, name: &str) {
        let name = name.to_owned();
        self.ask(ctx, move || {
            let dialog = rfd::FileDialog::new().set_title("Save the picture").set_file_name(name);
            dialog.add_filter("PNG", &["png"]).save_file().map(Answer::Save)
        });
    }

    fn ask(&self, ctx: &egui::Context, dialog: impl FnOnce() -> Option<Answer> + Send + 'static) {
        let (sender, ctx) = (self.sender.clone(), ctx.clone());
        let answer = self.sender.clone();
        let thread = std::thread::Builder::new().name("glassbox-dialog".to_owned()).spawn(move || {
            if let Some(answer) = dialog() {
                // Nobody listens any more only when the window has been closed.
                let _ = sender.send(answer);
            }
            ctx.request_repaint();
        });
        if let Err(error) = thread {
            let _ = answer.send(Answer::Failed(format!("The file dialog could not be opened: {error}")));
        }
    }
}
