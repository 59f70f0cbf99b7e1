//! What a map says in words and numbers: its title in the corner, its colours with what they stand for.

use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2};

use super::annotations::{INSET, LINE, shortened, text};
use super::facts::{MapFacts, SlotFacts};
use super::scene::Scene;
use super::state::{State, Which};
use super::theme;
use super::window::number;
use crate::display::colormap::Colormap;
use crate::engine::ModelInfo;
use crate::explain::{Method, Reading};

/// What the colours of a map stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Legend {
    /// The colours.
    pub colormap: &'static Colormap,
    /// What lies below is not drawn.
    pub threshold: f32,
    /// The numbers at the strip's ends.
    pub ends: [String; 2],
    /// Whether 0 lies in the middle.
    pub is_signed: bool,
    /// What the ends of a signed scale mean.
    pub sides: Option<[String; 2]>,
    /// Unit, kind and extent of the scale.
    pub note: String,
}

impl Legend {
    /// The legend of a map that is there, whole or in part.
    #[must_use]
    pub fn of(state: &State, facts: &SlotFacts, model: Option<&ModelInfo>, which: Which) -> Option<Self> {
        let known = facts.map(which);
        let (_, map) = known.visible()?;
        let attribution = &map.attribution;
        let explain = &state.explain;
        let (low, high) = known.range.unwrap_or_else(|| map.range());
        let is_signed = attribution.reading == Reading::Signed;
        let most = low.abs().max(high.abs());
        let (low, high) = if is_signed { (-most, most) } else { (low.max(0.0), high) };
        let name =
            |class: Option<usize>| class.and_then(|class| model?.classes.get(class)).cloned().unwrap_or_default();
        let sides = match which {
            _ if !is_signed => None,
            Which::Difference => Some([name(facts.other), name(facts.class)]),
            _ => Some(["against".to_owned(), "for".to_owned()]),
        };
        let scale = (facts.sources.len() > 1).then(|| explain.scale.label());
        let kind = match (attribution.reading, &attribution.segments) {
            (_, Some(segments)) => {
                let shown = explain.superpixels.of(segments).len();
                format!("{shown} of {} superpixels", segments.weights.len())
            }
            (_, None) if which == Which::Deviation => "standard deviation".to_owned(),
            (Reading::Magnitude, None) => "magnitude".to_owned(),
            (_, None) if scale.is_none() => "arbitrary units".to_owned(),
            (_, None) => String::new(),
        };
        let note = [kind.as_str(), scale.unwrap_or_default()].into_iter().filter(|words| !words.is_empty());
        Some(Self {
            colormap: explain.colormap_for(attribution.reading),
            threshold: if attribution.segments.is_some() { 0.0 } else { explain.threshold },
            ends: [number(f64::from(low)), number(f64::from(high))],
            is_signed,
            sides,
            note: note.collect::<Vec<_>>().join(", "),
        })
    }

    /// Paints it into the lower right corner of a picture.
    pub fn paint(&self, painter: &Painter, rect: Rect) {
        let width = (rect.width() * 0.34).clamp(88.0, 176.0);
        let note = if width > 130.0 { self.note.as_str() } else { "" };
        let lines = 1 + usize::from(self.sides.is_some()) + usize::from(!note.is_empty());
        let strip = Rect::from_min_size(
            rect.right_bottom() - Vec2::new(width + INSET, INSET + lines as f32 * LINE + 10.0),
            Vec2::new(width, 8.0),
        );
        colour_strip(painter, strip, self.colormap, self.threshold);
        let mut below = strip.bottom() + 2.0;
        let [low, high] = &self.ends;
        text(painter, Pos2::new(strip.left(), below), Align2::LEFT_TOP, low, theme::ANNOTATION);
        text(painter, Pos2::new(strip.right(), below), Align2::RIGHT_TOP, high, theme::ANNOTATION);
        if self.is_signed {
            text(painter, Pos2::new(strip.center().x, below), Align2::CENTER_TOP, "0", theme::ANNOTATION);
        }
        if let Some([left, right]) = &self.sides {
            below += LINE;
            let half = Rect::from_min_size(strip.min, Vec2::new(width * 1.1, 1.0));
            text(painter, Pos2::new(strip.left(), below), Align2::LEFT_TOP, &shortened(left, half), theme::ANNOTATION);
            let right = shortened(right, half);
            text(painter, Pos2::new(strip.right(), below), Align2::RIGHT_TOP, &right, theme::ANNOTATION);
        }
        text(painter, Pos2::new(strip.right(), below + LINE), Align2::RIGHT_TOP, note, theme::ANNOTATION_QUIET);
    }
}

/// The title of a map in the upper right corner: what it shows, how it was made, and how far it has come.
pub fn title(ui: &Ui, painter: &Painter, rect: Rect, scene: &Scene<'_>, facts: &SlotFacts, which: Which) {
    let mut at = rect.right_top() + Vec2::new(-INSET, INSET);
    let mut lines = Rect::NOTHING;
    let mut line = |words: &str, colour: Color32| {
        lines = lines.union(text(painter, at, Align2::RIGHT_TOP, &shortened(words, rect), colour));
        at.y += LINE;
    };
    let known = facts.map(which);
    line(heading(which), theme::ANNOTATION);
    line(&made_by(scene, known), theme::ANNOTATION_QUIET);
    line(&explained(facts, which), theme::ANNOTATION_QUIET);
    if which.is_over_draws() {
        line(&format!("over {} draws of the weights", scene.state.explain.map_passes), theme::ANNOTATION_QUIET);
    }
    let reason = known.held.failure.as_deref().or_else(|| absence(scene, known, which));
    if let Some(reason) = reason {
        let galley = painter.layout(
            reason.to_owned(),
            FontId::proportional(theme::ANNOTATION_SIZE),
            theme::ANNOTATION_WARNING,
            (rect.width() * 0.45).max(120.0),
        );
        let at = Pos2::new(at.x - galley.size().x, at.y);
        painter.rect_filled(Rect::from_min_size(at, galley.size()).expand(3.0), 2.0, Color32::from_black_alpha(170));
        painter.galley(at, galley, theme::ANNOTATION);
    } else if known.current().is_none() {
        line(&progress(scene, known), theme::ANNOTATION_WARNING);
    }
    if let Some(sentence) = meaning(which)
        && lines.is_positive()
    {
        ui.interact(lines, ui.scope_id().with(("title", which, rect.min.x as i32, rect.min.y as i32)), Sense::hover())
            .on_hover_text(sentence);
    }
}

/// What a map shows, in a few words.
fn heading(which: Which) -> &'static str {
    match which {
        Which::Difference => "Where the classes differ",
        Which::Mean => "Where it looked, on average",
        Which::Deviation => "Where the map varies",
        Which::Unsureness => "Why it is unsure here",
        _ => "Where the network looked",
    }
}

/// What a map over draws of the weights says, in a sentence.
fn meaning(which: Which) -> Option<&'static str> {
    match which {
        Which::Mean => Some(
            "The mean of the maps that as many networks give, each with weights drawn anew. What it shows, most of \
             them looked at.",
        ),
        Which::Deviation => Some(
            "The standard deviation of these maps, place by place, in the map's own units. Bright: whether the \
             network looked there depends on the draw, so the map is not to be relied on there.",
        ),
        Which::Unsureness => Some(
            "What the disagreement of the draws (the mutual information of answer and weights) is attributed to. \
             Bright: what lies there makes the networks disagree.",
        ),
        _ => None,
    }
}

/// The method, and the layer or layers where it takes one.
fn made_by(scene: &Scene<'_>, known: &MapFacts) -> String {
    let explain = &scene.state.explain;
    let Some(method) = explain.method() else { return explain.method.to_owned() };
    match &known.key {
        Some(key) if method.needs_layer() && key.recipe.fused.is_empty() => {
            format!("{}  {}", method.label(), key.recipe.layer)
        }
        Some(key) if method.needs_layer() => {
            format!("{}  {} layers as one", method.label(), key.recipe.fused.len() + 1)
        }
        _ => method.label().to_owned(),
    }
}

/// The class or classes, with the probability.
fn explained(facts: &SlotFacts, which: Which) -> String {
    let Some(model) = facts.network.as_ref().map(|network| &network.model) else { return String::new() };
    let name = |class: Option<usize>| class.and_then(|class| model.classes.get(class)).map_or("", String::as_str);
    let class = match which {
        Which::Difference => return format!("{} minus {}", name(facts.class), name(facts.other)),
        Which::Other => facts.other,
        // The doubt is one over all classes.
        Which::Unsureness => return unsureness(facts),
        _ => facts.class,
    };
    let Some(index) = class else { return String::new() };
    let probability = facts.scores.current().and_then(|scores| scores.probabilities.get(index));
    let of_pixels = if model.segmentation { " of the pixels" } else { "" };
    match probability {
        Some(probability) => format!("for {}  {:.1} %{of_pixels}", name(class), probability * 100.0),
        None => format!("for {}", name(class)),
    }
}

/// The disagreement of the draws that is attributed.
fn unsureness(facts: &SlotFacts) -> String {
    let drawn = facts.draws.in_view();
    drawn.map_or(String::new(), |result| format!("epistemic part {:.3} nats", result.summary.epistemic))
}

/// Why there is no such map at all.
fn absence(scene: &Scene<'_>, known: &MapFacts, which: Which) -> Option<&'static str> {
    if known.key.is_some() || scene.facts.model.current().is_none() {
        return None;
    }
    let needs_layer = scene.state.explain.method().is_some_and(Method::needs_layer);
    match which {
        Which::Class => None,
        Which::Other | Which::Difference => Some("The model has one class: there is no other to hold it against"),
        Which::Mean | Which::Deviation | Which::Unsureness => Some(
            "This network gives the same map in every run: it has no stochastic layer. Choose a model with a Flipout \
             or dropout layer, or an ensemble",
        ),
        _ if needs_layer => Some("The network has fewer than three layers to compare"),
        _ => Some("This method takes no layer; choose one of the class activation maps to compare layers"),
    }
}

/// How far a map has come that is not there yet.
fn progress(scene: &Scene<'_>, known: &MapFacts) -> String {
    if scene.state.explain.paused {
        return "stopped".to_owned();
    }
    let Some(done) = known.held.progress.filter(|done| *done > 0.0) else { return "computing …".to_owned() };
    let word = if known.interim.is_some() { "forming …" } else { "computing …" };
    match scene.facts.activity.seconds_left {
        Some(seconds) => format!("{word} {:.0} %, {} left", done * 100.0, duration(seconds)),
        None => format!("{word} {:.0} %", done * 100.0),
    }
}

/// "12 s", "3 min".
#[must_use]
pub fn duration(seconds: f32) -> String {
    if seconds < 90.0 { format!("{:.0} s", seconds.max(1.0)) } else { format!("{:.0} min", seconds / 60.0) }
}

/// A strip of a colour map; what lies under the threshold is shown dark.
pub fn colour_strip(painter: &Painter, strip: Rect, colormap: &Colormap, threshold: f32) {
    const STEPS: u32 = 48;
    let mut mesh = Mesh::default();
    for step in 0..=STEPS {
        let part = step as f32 / STEPS as f32;
        let [red, green, blue] = colormap.rgb(part);
        let strength = if colormap.diverging { (2.0 * part - 1.0).abs() } else { part };
        let colour = if strength < threshold { Color32::from_gray(30) } else { Color32::from_rgb(red, green, blue) };
        let x = strip.left() + strip.width() * part;
        mesh.colored_vertex(Pos2::new(x, strip.top()), colour);
        mesh.colored_vertex(Pos2::new(x, strip.bottom()), colour);
        if step > 0 {
            let corner = step * 2;
            mesh.add_triangle(corner - 2, corner - 1, corner);
            mesh.add_triangle(corner - 1, corner, corner + 1);
        }
    }
    painter.add(Shape::mesh(mesh));
    painter.rect_stroke(strip, 0.0, Stroke::new(1.0, Color32::from_gray(70)), egui::StrokeKind::Outside);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!([0.2, 12.4, 89.0, 200.0].map(duration), ["1 s", "12 s", "89 s", "3 min"]);
    }
}
