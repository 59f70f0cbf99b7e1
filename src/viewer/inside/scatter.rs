//! The points of an embedding in groups of one colour, and which of them the pointer means.

use std::collections::HashMap;

use egui::{Color32, Pos2};

use super::surveyed::Surveyed;
use crate::display::colormap::{COLORMAPS, Colormap};
use crate::inside::Embedding;
use crate::viewer::scene::Scene;
use crate::viewer::state::ColourBy;
use crate::viewer::theme;

/// Points drawn at most: as many as a plot can draw without a pause.
const MOST: usize = 2000;
/// Colours that a continuous scale is cut into.
const STEPS: usize = 10;

/// Points of one colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// Their colour.
    pub colour: Color32,
    /// Their places in the embedding.
    pub places: Vec<usize>,
}

/// The colours of probabilities.
#[must_use]
pub fn confidence_colours() -> &'static Colormap {
    Colormap::find("viridis").unwrap_or(&COLORMAPS[0])
}

/// The points that are drawn, in groups.
#[must_use]
pub fn groups(scene: &Scene<'_>, held: &Surveyed, embedding: &Embedding) -> Vec<Group> {
    let model = scene.facts.model.value.as_ref();
    let class = |class: usize| model.and_then(|model| model.classes.get(class)).cloned().unwrap_or_default();
    let label = |input: usize| held.sources.get(input).map(|source| scene.facts.inside.images.label(source).to_owned());
    grouped(embedding, scene.state.inside.colour_by, |input| label(input).unwrap_or_default(), class)
}

/// The same, from the names of images' labels and of classes.
fn grouped(
    embedding: &Embedding,
    by: ColourBy,
    label: impl Fn(usize) -> String,
    class: impl Fn(usize) -> String,
) -> Vec<Group> {
    // Evenly thinned out, so that no group loses more than another.
    let step = embedding.points.len().div_ceil(MOST).max(1);
    let mut groups: Vec<(usize, Group)> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for place in (0..embedding.points.len()).step_by(step) {
        let confidence = embedding.confidence[place];
        let (order, name, colour) = match by {
            ColourBy::Label => (0, label(embedding.inputs[place]), None),
            ColourBy::Prediction => {
                let predicted = embedding.predicted[place];
                (predicted, class(predicted), Some(theme::class_colour(predicted)))
            }
            ColourBy::Confidence => {
                let level = ((confidence * STEPS as f32) as usize).min(STEPS - 1);
                let [red, green, blue] = confidence_colours().rgb((level as f32 + 0.5) / STEPS as f32);
                (level, format!("{level}"), Some(Color32::from_rgb(red, green, blue)))
            }
        };
        if let Some(index) = at.get(&name) {
            groups[*index].1.places.push(place);
        } else {
            at.insert(name.clone(), groups.len());
            let colour = colour.unwrap_or(Color32::PLACEHOLDER);
            groups.push((order, Group { name, colour, places: vec![place] }));
        }
    }
    // Labels by name, so that each keeps its colour while points come.
    if by == ColourBy::Label {
        groups.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        for (index, (_, group)) in groups.iter_mut().enumerate() {
            group.colour = theme::class_colour(index);
        }
    } else {
        groups.sort_by_key(|(order, _)| *order);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The point nearest to the pointer, if it is within reach.
#[must_use]
pub fn nearest(points: impl Iterator<Item = (usize, Pos2)>, pointer: Pos2, reach: f32) -> Option<(usize, Pos2)> {
    let distance = |at: &Pos2| at.distance_sq(pointer);
    points.filter(|(_, at)| distance(at) <= reach * reach).min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedding(count: usize) -> Embedding {
        Embedding {
            layer: "fc".to_owned(),
            points: (0..count).map(|place| [place as f32, 0.0]).collect(),
            inputs: (0..count).collect(),
            predicted: (0..count).map(|place| place % 3).collect(),
            confidence: (0..count).map(|place| place as f32 / count as f32).collect(),
            explained: None,
            skipped: Vec::new(),
        }
    }

    #[test]
    fn groups_are_named_coloured_and_complete() {
        let label = |input: usize| if input < 4 { "naevi".to_owned() } else { "melanomas".to_owned() };
        let by = |by| grouped(&embedding(12), by, label, |class| format!("class {class}"));
        let names = |groups: &[Group]| groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
        let labels = by(ColourBy::Label);
        assert_eq!(names(&labels), ["melanomas", "naevi"]);
        assert_eq!(labels[1].places, [0, 1, 2, 3]);
        assert_ne!(labels[0].colour, labels[1].colour);
        let predicted = by(ColourBy::Prediction);
        assert_eq!(names(&predicted), ["class 0", "class 1", "class 2"]);
        assert_eq!(predicted[2].colour, theme::class_colour(2));
        let certain = by(ColourBy::Confidence);
        assert_eq!(certain.iter().map(|group| group.places.len()).sum::<usize>(), 12);
        assert_eq!(certain.len(), 10);
    }

    #[test]
    fn more_points_than_can_be_drawn_are_thinned_out_evenly() {
        let groups = grouped(&embedding(9000), ColourBy::Prediction, |_| String::new(), |class| class.to_string());
        let drawn: usize = groups.iter().map(|group| group.places.len()).sum();
        assert!(drawn <= MOST && drawn > MOST / 2, "{drawn}");
        assert_eq!(groups.len(), 3);
        assert!(grouped(&embedding(0), ColourBy::Label, |_| String::new(), |_| String::new()).is_empty());
    }

    #[test]
    fn the_pointer_means_the_nearest_point_within_reach() {
        let points = [(4, Pos2::new(0.0, 0.0)), (7, Pos2::new(10.0, 0.0)), (9, Pos2::new(40.0, 0.0))];
        let means = |x: f32| nearest(points.into_iter(), Pos2::new(x, 2.0), 8.0).map(|(place, _)| place);
        assert_eq!([means(1.0), means(6.0), means(25.0), means(36.0)], [Some(4), Some(7), None, Some(9)]);
    }
}
