//! Superpixels in one piece each.

/// Relabels so that each label is one 4-connected piece, as scikit-image does: pieces of fewer than `least` pixels
/// take the label of a neighbouring piece that was made before them (the last one met), and a piece ends at `most`
/// pixels.
pub(super) fn connected(labels: &[usize], [rows, columns]: [usize; 2], least: usize, most: usize) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let mut pieces = vec![NEW; labels.len()];
    let mut next = 0;
    let mut members = Vec::new();
    for start in 0..labels.len() {
        if pieces[start] != NEW {
            continue;
        }
        // Without a neighbour a piece that is too small joins the first.
        let mut adjacent = 0;
        members.clear();
        members.push(start);
        pieces[start] = next;
        let mut visited = 0;
        while visited < members.len() && members.len() < most {
            let place = members[visited];
            let (row, column) = (place / columns, place % columns);
            let neighbours = [
                (column + 1 < columns).then(|| place + 1),
                column.checked_sub(1).map(|_| place - 1),
                (row + 1 < rows).then(|| place + columns),
                row.checked_sub(1).map(|_| place - columns),
            ];
            for other in neighbours.into_iter().flatten() {
                if pieces[other] == NEW {
                    if labels[other] == labels[start] {
                        pieces[other] = next;
                        members.push(other);
                        if members.len() >= most {
                            break;
                        }
                    }
                } else if pieces[other] != next {
                    adjacent = pieces[other];
                }
            }
            visited += 1;
        }
        if members.len() < least {
            for &place in &members {
                pieces[place] = adjacent;
            }
        } else {
            next += 1;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::connected;

    #[test]
    fn islands_become_pieces_and_crumbs_join_their_neighbour() {
        // Label 0 on both sides of label 1: two pieces; the single 2 joins what lies beside it.
        let labels = [0, 0, 1, 1, 0, 0, 0, 0, 1, 2, 0, 0];
        assert_eq!(connected(&labels, [2, 6], 2, 100), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(connected(&[5; 4], [1, 4], 1, 2), [0, 0, 1, 1], "a piece ends at the largest size");
        assert_eq!(connected(&[3], [1, 1], 5, 9), [0], "a crumb without a neighbour stays itself");
    }
}
