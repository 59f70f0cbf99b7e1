//! What the passes say together: a verdict with its rule, and the entropies that the verdict never replaces.

use egui::{Grid, RichText, Ui};

use super::Image;
use crate::engine::ModelInfo;
use crate::uncertainty::Summary;
use crate::viewer::theme;

/// Height of a line, in points.
const LINE: f32 = 20.0;

/// What the words take, in points.
pub(super) fn height(images: &[Image], width: f32) -> f32 {
    /// What a letter takes, in points.
    const LETTER: f32 = 6.4;
    let lines = |words: &str| (words.chars().count() as f32 * LETTER / width.max(1.0)).ceil();
    let verdict = |image: &Image| {
        let verdict = &image.drawing.result.verdict;
        if images.len() > 1 { 1.0 + lines(&verdict.words) } else { lines(&verdict.words) + lines(&rule(&verdict.rule)) }
    };
    LINE * (4.0 + images.iter().map(verdict).sum::<f32>()) + 2.0 * theme::SPACE
}

/// One part of the uncertainty.
struct Part {
    name: &'static str,
    of: fn(&Summary) -> f32,
    meaning: &'static str,
}

const PARTS: [Part; 3] = [
    Part {
        name: "Predictive entropy",
        of: |summary| summary.entropy,
        meaning: "How undecided the mean of all passes is. It is the sum of the two parts below.",
    },
    Part {
        name: "from the image (aleatoric)",
        of: |summary| summary.aleatoric,
        meaning: "The mean entropy of the single passes: each of them is undecided by itself. The image does not tell \
                  the classes apart; more training data of the same kind would not help.",
    },
    Part {
        name: "from the network (epistemic)",
        of: |summary| summary.epistemic,
        meaning: "The mutual information of answer and weights: by how much the passes disagree. The network has \
                  learnt too little about images like this one; more training data like it could help.",
    },
];

/// Shows verdicts and entropies.
pub(super) fn show(ui: &mut Ui, model: &ModelInfo, images: &[Image]) {
    let palette = theme::palette(ui.ctx());
    ui.add_space(theme::GAP);
    for image in images {
        let verdict = &image.drawing.result.verdict;
        if images.len() > 1 {
            ui.add(egui::Label::new(RichText::new(&image.name).small().color(palette.quiet)).truncate());
        }
        let words = capitalised(&verdict.words);
        let colour = if verdict.sure { palette.text } else { palette.warning };
        ui.add(egui::Label::new(RichText::new(words).color(colour)).wrap()).on_hover_text(rule(&verdict.rule));
        if images.len() == 1 {
            ui.add(egui::Label::new(RichText::new(rule(&verdict.rule)).small().color(palette.quiet)).wrap());
        }
    }
    let number = |value: f32| RichText::new(format!("{value:>7.3}")).font(theme::numbers(12.0));
    Grid::new("entropies").num_columns(images.len() + 1).spacing([8.0, 0.0]).min_row_height(LINE).show(ui, |ui| {
        ui.label(RichText::new("in nats").small().color(palette.quiet)).on_hover_text(unit(model, images));
        for image in images {
            let title = match (images.len(), image.is_pinned) {
                (1, _) => "",
                (_, true) => "pinned",
                (_, false) => "in view",
            };
            ui.label(RichText::new(format!("{title:>7}")).font(theme::numbers(12.0)).color(palette.quiet));
        }
        ui.end_row();
        for part in PARTS {
            let words = format!("{}\n{}", part.meaning, unit(model, images));
            ui.add(egui::Label::new(part.name).extend()).on_hover_text(&words);
            for image in images {
                ui.label(number((part.of)(&image.drawing.result.summary))).on_hover_text(&words);
            }
            ui.end_row();
        }
    });
}

/// The words as a sentence begins.
fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The rule behind a verdict, as a sentence.
fn rule(rule: &str) -> String {
    format!("By the card's rule \"{rule}\". It sums up the numbers and does not replace them.")
}

/// What a nat is, and how many there can be.
fn unit(model: &ModelInfo, images: &[Image]) -> String {
    let sum: f32 = images.first().map_or(0.0, |image| image.drawing.result.summary.mean.iter().sum());
    let count = model.classes.len();
    if (sum - 1.0).abs() < 1e-3 && count > 1 {
        let most = (count as f32).ln();
        format!("Nats: 0 = one class is certain, {most:.3} = all {count} classes are equally likely.")
    } else {
        "Nats: the entropies of each class's yes or no, added up; 0 = all certain, 0.693 for each that is open."
            .to_owned()
    }
}
