//! How sure the network is of each slice of the stack: the 90 % interval of the class as a band over the scores.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke};

use crate::viewer::draws::BAND_PASSES;

/// Paints the band; slices whose interval is not known yet are left out.
pub fn paint(painter: &Painter, graph: Rect, step: f32, band: &[Option<[f32; 2]>], colour: Color32) {
    let height = graph.height() - 2.0;
    let y = |probability: f32| graph.bottom() - height * probability.clamp(0.0, 1.0);
    let fill = colour.gamma_multiply(0.22);
    let edge = Stroke::new(1.0, colour.gamma_multiply(0.8));
    for run in runs(band) {
        // A slice is as wide as its bar, so a band of single slices is seen as well.
        for (position, [low, high]) in &run {
            let left = graph.left() + *position as f32 * step;
            painter.rect_filled(Rect::from_x_y_ranges(left..=left + step, y(*high)..=y(*low)), 0.0, fill);
        }
        for end in [0, 1] {
            let outline = run.iter().flat_map(|(position, interval)| {
                let left = graph.left() + *position as f32 * step;
                [left, left + step].map(|x| Pos2::new(x, y(interval[end])))
            });
            painter.add(Shape::line(outline.collect(), edge));
        }
    }
}

/// Neighbouring slices whose interval is known.
fn runs(band: &[Option<[f32; 2]>]) -> Vec<Vec<(usize, [f32; 2])>> {
    let mut runs: Vec<Vec<(usize, [f32; 2])>> = Vec::new();
    let mut is_open = false;
    for (position, interval) in band.iter().enumerate() {
        let Some(interval) = interval.filter(|interval| interval.iter().all(|end| end.is_finite())) else {
            is_open = false;
            continue;
        };
        match runs.last_mut().filter(|_| is_open) {
            Some(run) => run.push((position, interval)),
            None => runs.push(vec![(position, interval)]),
        }
        is_open = true;
    }
    runs
}

/// The interval of a slice in words, for the tooltip.
pub fn words([low, high]: [f32; 2], passes: usize) -> String {
    let passes = passes.min(BAND_PASSES);
    format!("\n90 % of {passes} passes between {:.1} and {:.1} %", low * 100.0, high * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_band_is_drawn_in_runs_of_known_slices() {
        let known = Some([0.2, 0.4]);
        let runs = runs(&[None, known, known, Some([f32::NAN, 0.1]), None, known]);
        let positions: Vec<Vec<usize>> = runs.iter().map(|run| run.iter().map(|(at, _)| *at).collect()).collect();
        assert_eq!(positions, [vec![1, 2], vec![5]]);
        assert!(super::runs(&[]).is_empty());
    }

    #[test]
    fn the_interval_is_told_in_per_cent() {
        assert_eq!(words([0.125, 0.5], 1000), "\n90 % of 100 passes between 12.5 and 50.0 %");
    }
}
