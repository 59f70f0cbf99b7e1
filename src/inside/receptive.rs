//! The receptive field: which pixels of the network's input a unit is computed from.
//!
//! Sizes and strides follow Araujo, Norris and Sim 2019 ("Computing receptive fields of convolutional neural networks",
//! Distill). Beside that arithmetic the exact window of each unit is followed through the layers, so that borders,
//! pooling in ceil mode, dilation and branches of different strides are right to the pixel.

use crate::graph::{Graph, GraphError, INPUT, NodeId, Span, Support, ops::Binary};

/// First and last pixel along an axis; `None` for a unit that sees no pixel.
type Window = Option<(usize, usize)>;

/// What the units of a layer see of the network's input. For each unit the field is the smallest rectangle around all
/// pixels that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceptiveField {
    /// Rows and columns that a unit sees where no border of the picture cuts them off.
    pub size: [usize; 2],
    /// Distance in pixels between the fields of neighbouring units, along rows and columns.
    pub stride: [f64; 2],
    /// First row and column of the first unit's field before it is cut off; negative in the padding.
    pub offset: [i64; 2],
    /// Rows and columns of the network's input.
    pub input: [usize; 2],
    /// Whether a gate (squeeze and excitation) or a normalisation over the picture lets the whole input scale the units
    /// as well, beyond the field.
    pub scaled_by_all: bool,
    windows: [Vec<Window>; 2],
}

impl ReceptiveField {
    /// The fields of `node`'s units for an input `[batch, channels, rows, columns]`; `None` where every unit may depend
    /// on the whole input (behind a dense layer, or where rows and columns are given up).
    ///
    /// # Errors
    /// When the graph cannot take an input of this shape or has no such node.
    pub fn of(graph: &Graph, node: NodeId, input: &[usize]) -> Result<Option<Self>, GraphError> {
        let count = graph.nodes().len();
        if node >= count {
            return Err(GraphError::NoNode { node, count });
        }
        Ok(Self::of_all(graph, input)?.swap_remove(node))
    }

    /// The same for each node of the graph.
    ///
    /// # Errors
    /// When the graph cannot take an input of this shape.
    pub fn of_all(graph: &Graph, input: &[usize]) -> Result<Vec<Option<Self>>, GraphError> {
        let shapes = graph.shapes(input)?;
        let size = [shapes[INPUT][2], shapes[INPUT][3]];
        let mut fields: Vec<Option<Field>> = Vec::with_capacity(shapes.len());
        for (id, node) in graph.nodes().iter().enumerate() {
            if id == INPUT {
                fields.push(Some(Field::of_input(size)));
                continue;
            }
            let inputs: Vec<&[usize]> = node.inputs.iter().map(|&source| shapes[source].as_slice()).collect();
            let branches: Vec<Option<Field>> = (0..inputs.len())
                .map(|which| {
                    let before = fields[node.inputs[which]].as_ref()?;
                    let &[_, _, rows, columns] = shapes[id].as_slice() else { return None };
                    before.through(&node.op.support(&inputs, which), [rows, columns])
                })
                .collect();
            let gated = node.op_as::<Binary>().is_some().then(|| gate(&branches, &inputs)).flatten();
            fields.push(gated.or_else(|| united(branches)));
        }
        Ok(fields.into_iter().map(|field| Some(field?.named(size))).collect())
    }

    /// Units along rows and columns.
    #[must_use]
    pub fn units(&self) -> [usize; 2] {
        [self.windows[0].len(), self.windows[1].len()]
    }

    /// The rectangle that the unit at this row and column depends on, as the first row, first column, last row and last
    /// column inside the input; `None` when there is no such unit or it sees no pixel.
    #[must_use]
    pub fn pixels(&self, (row, column): (usize, usize)) -> Option<[usize; 4]> {
        let window = |axis: usize, index: usize| self.windows[axis].get(index).copied().flatten();
        let ((top, bottom), (left, right)) = (window(0, row)?, window(1, column)?);
        Some([top, left, bottom, right])
    }

    /// The same as corners `x0, y0, x1, y1` in input pixels, where the centre of the first pixel is (0, 0): the rectangle
    /// reaches to the outer edges of its pixels.
    #[must_use]
    pub fn corners(&self, unit: (usize, usize)) -> Option<[f64; 4]> {
        let [top, left, bottom, right] = self.pixels(unit)?.map(|place| place as f64);
        Some([left - 0.5, top - 0.5, right + 0.5, bottom + 0.5])
    }

    /// Whether a unit in the middle sees the whole input.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        let middle = self.pixels((self.windows[0].len() / 2, self.windows[1].len() / 2));
        middle == Some([0, 0, self.input[0] - 1, self.input[1] - 1])
    }
}

/// A node's field while the graph is gone through.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    axes: [Axis; 2],
    scaled_by_all: bool,
}

/// One axis: the arithmetic of the literature, and each unit's exact window.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    size: f64,
    stride: f64,
    start: f64,
    windows: Vec<Window>,
}

impl Field {
    /// Each pixel sees itself.
    fn of_input(size: [usize; 2]) -> Self {
        let axis = |length: usize| Axis {
            size: 1.0,
            stride: 1.0,
            start: 0.0,
            windows: (0..length).map(|place| Some((place, place))).collect(),
        };
        Self { axes: size.map(axis), scaled_by_all: false }
    }

    /// The field of an operation's output, whose rows and columns are given, as far as it depends on this input.
    fn through(&self, support: &Support, output: [usize; 2]) -> Option<Self> {
        let same = [Span::SAME, Span::SAME];
        let (spans, scaled) = match support {
            Support::Same => (&same, false),
            Support::Normalised => (&same, true),
            Support::Windows(spans) => (spans, false),
            Support::Everything => return None,
        };
        let axes = [0, 1].map(|axis| self.axes[axis].through(&spans[axis], output[axis]));
        Some(Self { axes, scaled_by_all: self.scaled_by_all || scaled })
    }

    fn named(self, input: [usize; 2]) -> ReceptiveField {
        let [rows, columns] = self.axes;
        let whole = |size: f64| size.round().max(0.0) as usize;
        ReceptiveField {
            size: [whole(rows.size), whole(columns.size)],
            stride: [rows.stride, columns.stride],
            offset: [rows.start.floor() as i64, columns.start.floor() as i64],
            input,
            scaled_by_all: self.scaled_by_all,
            windows: [rows.windows, columns.windows],
        }
    }
}

impl Axis {
    fn through(&self, span: &Span, outputs: usize) -> Self {
        let length = self.windows.len();
        // What has one place is stretched over all of them.
        let stretched = length == 1 && outputs > 1 && *span == Span::SAME;
        let windows: Vec<Window> = (0..outputs)
            .map(|index| {
                let (first, last) = if stretched { (0, 0) } else { span.window(index, length)? };
                hull((first..=last).filter_map(|place| self.windows.get(place).copied().flatten()))
            })
            .collect();
        match *span {
            _ if stretched => Self::measured(windows),
            Span::Regular { kernel, stride, before, dilation } => Self {
                size: self.size + (kernel.saturating_sub(1) * dilation) as f64 * self.stride,
                stride: self.stride * stride as f64,
                start: self.start - before as f64 * self.stride,
                windows,
            },
            Span::Listed(_) => Self::measured(windows),
        }
    }

    /// Where the windows are not regular: the size of the largest one, the mean distance of their centres.
    fn measured(windows: Vec<Window>) -> Self {
        let seen: Vec<(usize, (usize, usize))> =
            windows.iter().enumerate().filter_map(|(index, window)| Some((index, (*window)?))).collect();
        let size = seen.iter().map(|(_, (first, last))| last - first + 1).max().unwrap_or(0);
        let centre = |(first, last): (usize, usize)| (first + last) as f64 / 2.0;
        let stride = match (seen.first(), seen.last()) {
            (Some(&(from, first)), Some(&(to, last))) if to > from => {
                (centre(last) - centre(first)) / (to - from) as f64
            }
            _ => 1.0,
        };
        let start = seen.first().map_or(0.0, |&(index, (first, _))| first as f64 - index as f64 * stride);
        Self { size: size as f64, stride, start, windows }
    }

    fn united(&self, other: &Self) -> Self {
        let both = |(a, b): (&Window, &Window)| hull([*a, *b].into_iter().flatten());
        let windows: Vec<Window> = self.windows.iter().zip(&other.windows).map(both).collect();
        if (self.stride - other.stride).abs() > 1e-9 {
            return Self::measured(windows);
        }
        let start = self.start.min(other.start);
        let end = (self.start + self.size).max(other.start + other.size);
        Self { size: end - start, stride: self.stride, start, windows }
    }
}

/// The field of all branches together; `None` when one of them may depend on everything.
fn united(branches: Vec<Option<Field>>) -> Option<Field> {
    let mut branches = branches.into_iter();
    let first = branches.next()??;
    branches.try_fold(first, |all, next| {
        let next = next?;
        let axes = [0, 1].map(|axis| all.axes[axis].united(&next.axes[axis]));
        Some(Field { axes, scaled_by_all: all.scaled_by_all || next.scaled_by_all })
    })
}

/// Where one of two operands has a single place, or gave up its places, and the other has many: the field of the other,
/// scaled by all. `None` where this is not so.
fn gate(branches: &[Option<Field>], inputs: &[&[usize]]) -> Option<Field> {
    let [a, b] = inputs else { return None };
    let is_wide = |shape: &[usize]| matches!(shape, [_, _, rows, columns] if rows * columns > 1);
    let wide = match (is_wide(a), is_wide(b)) {
        (true, false) => 0,
        (false, true) => 1,
        _ => return None,
    };
    let mut field = branches[wide].clone()?;
    field.scaled_by_all = true;
    Some(field)
}

/// From the first to the last of all.
fn hull(windows: impl Iterator<Item = (usize, usize)>) -> Window {
    windows.reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
}

#[cfg(test)]
mod tests;
