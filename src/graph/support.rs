//! Which places of its inputs a place of an operation's output is computed from.

/// Where an operation looks, seen along rows and columns; channels are not told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Support {
    /// At the same place of the input; an input with one place in space is seen from everywhere.
    Same,
    /// At the places inside a window, along rows and along columns.
    Windows([Span; 2]),
    /// At its own place, but scaled by what is seen of the whole input: normalisation over a picture.
    Normalised,
    /// Anywhere.
    Everything,
}

/// The windows along one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Window `i` takes the places `i · stride − before + k · dilation`, `k` below `kernel`, as far as they are inside
    /// the input.
    Regular {
        /// How many places a window has.
        kernel: usize,
        /// The distance between neighbouring windows.
        stride: usize,
        /// How far the first window begins before the input.
        before: usize,
        /// The distance between neighbouring places of a window.
        dilation: usize,
    },
    /// For each window its first and last place; `None` for one that takes nothing.
    Listed(Vec<Option<(usize, usize)>>),
}

impl Span {
    /// Each place by itself.
    pub const SAME: Self = Self::Regular { kernel: 1, stride: 1, before: 0, dilation: 1 };

    /// The first and last place of window `index` in an input of `length`; `None` when it takes nothing.
    #[must_use]
    pub fn window(&self, index: usize, length: usize) -> Option<(usize, usize)> {
        match self {
            Self::Listed(windows) => windows.get(index).copied().flatten(),
            &Self::Regular { kernel, stride, before, dilation } => {
                let places = super::ops::inside(index * stride, before, dilation, kernel, length);
                let last = places.end.checked_sub(1)?;
                let place = |k: usize| (index * stride + k * dilation).checked_sub(before);
                if places.is_empty() { None } else { Some((place(places.start)?, place(last)?)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_the_input() {
        let span = Span::Regular { kernel: 3, stride: 2, before: 1, dilation: 1 };
        assert_eq!([0, 1, 2].map(|i| span.window(i, 5)), [Some((0, 1)), Some((1, 3)), Some((3, 4))]);
        // Places −1, 1, 3: the first one that is inside is 1.
        let dilated = Span::Regular { kernel: 3, stride: 1, before: 1, dilation: 2 };
        assert_eq!(dilated.window(0, 8), Some((1, 3)));
        assert_eq!(Span::Regular { kernel: 1, stride: 1, before: 3, dilation: 1 }.window(0, 4), None);
        assert_eq!(Span::Listed(vec![Some((2, 3)), None]).window(1, 4), None);
    }
}
