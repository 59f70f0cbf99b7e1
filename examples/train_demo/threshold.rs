//! Where to draw the line between two kinds of answers.

/// The score above which answers are best called positive: the middle of the range in which the fewest are wrong, and
/// of several such ranges the widest. `answers` holds scores and whether each is truly positive; 0 where both kinds are
/// not there.
pub fn best(answers: &[(f32, bool)]) -> f32 {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut wrong = sorted.iter().filter(|(_, positive)| !positive).count();
    if wrong == 0 || wrong == sorted.len() {
        return 0.0;
    }
    // Below the lowest score everything is called positive; each score passed is called negative from there on.
    let mut found = (usize::MAX, 0.0, 0.0);
    for pair in sorted.windows(2) {
        let [(low, positive), (high, _)] = [pair[0], pair[1]];
        wrong = if positive { wrong + 1 } else { wrong - 1 };
        let width = high - low;
        if wrong < found.0 || (wrong == found.0 && width > found.1) {
            found = (wrong, width, low + width / 2.0);
        }
    }
    found.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_lies_where_the_fewest_are_wrong() {
        assert_eq!(best(&[(3.0, true), (-1.0, false), (0.0, false), (2.0, true)]), 1.0);
        // One is wrong whether the line lies at −0.5 or at 3: the wider range wins.
        assert_eq!(best(&[(-1.0, false), (0.0, true), (2.0, false), (4.0, true)]), 3.0);
        assert_eq!(best(&[(1.0, true), (2.0, true)]), 0.0);
    }
}
