//! What a segmentation says of a slice as a whole.

use super::super::outcome::Scores;
use crate::model::Model;

/// One number a class from one a class and pixel, `output` being `[outputs, rows, columns]`.
///
/// The probability of a class is the share of the pixels that are predicted to be of it: those whose greatest logit
/// is the class's; with one output for two classes, the sign of the logit decides. The logit of an output is its mean
/// over the pixels of its class, or over all where there is none.
pub(super) fn scores(model: &Model, output: &[f32]) -> Scores {
    shares(output, model.outputs(), model.classes.len())
}

fn shares(output: &[f32], outputs: usize, classes: usize) -> Scores {
    let pixels = output.len() / outputs.max(1);
    let mut counts = vec![0_usize; classes];
    let mut sums = vec![0.0_f64; outputs];
    let mut members = vec![0_usize; outputs];
    for pixel in 0..pixels {
        let logit = |index: usize| output[index * pixels + pixel];
        let (class, index) = if outputs == 1 {
            let is_positive = logit(0) > 0.0;
            // The last class is the positive one, whether or not the negative one has a name.
            let class = if is_positive { Some(classes - 1) } else { classes.checked_sub(2) };
            (class, is_positive.then_some(0))
        } else {
            let best = (1..outputs).fold(0, |best, index| if logit(index) > logit(best) { index } else { best });
            (Some(best), Some(best))
        };
        if let Some(count) = class.and_then(|class| counts.get_mut(class)) {
            *count += 1;
        }
        if let Some(index) = index {
            sums[index] += f64::from(logit(index));
            members[index] += 1;
        }
    }
    let mean = |index: usize| {
        if members[index] > 0 {
            return sums[index] / members[index] as f64;
        }
        let all = &output[index * pixels..(index + 1) * pixels];
        all.iter().map(|&logit| f64::from(logit)).sum::<f64>() / pixels.max(1) as f64
    };
    Scores {
        logits: (0..outputs).map(|index| mean(index) as f32).collect(),
        probabilities: counts.into_iter().map(|count| count as f32 / pixels.max(1) as f32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_pixels_and_logits_of_the_class_s_own() {
        // Three classes, four pixels; the last pixel is a tie, which the first class wins.
        let output = [1.0, -1.0, 3.0, 2.0, 0.0, 5.0, 1.0, 2.0, -9.0, -9.0, -9.0, -6.0];
        let scores = shares(&output, 3, 3);
        assert_eq!(scores.probabilities, [0.75, 0.25, 0.0]);
        assert_eq!(scores.logits, [2.0, 5.0, -8.25], "a class of no pixel has the mean over all");
    }

    #[test]
    fn one_output_decides_by_its_sign() {
        let scores = shares(&[-1.0, 2.0, 4.0, -3.0, 0.0], 1, 2);
        assert_eq!((scores.probabilities, scores.logits), (vec![0.6, 0.4], vec![3.0]));
        assert_eq!(shares(&[-1.0, 2.0, 4.0, -3.0], 1, 1).probabilities, [0.5]);
    }
}
