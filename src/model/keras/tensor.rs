//! A tensor on its way through the network, and how its order differs from Keras's.
//!
//! Keras keeps an image as rows, columns, channels; the graph as channels, rows, columns. Tensors of other ranks are
//! the same in both, but for the order of features that were an image once.

use std::sync::Arc;

use crate::graph::NodeId;

/// The output of a node.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub node: NodeId,
    /// The shape in the graph, with a batch of 1.
    pub shape: Vec<usize>,
    /// The order of flat features.
    pub order: Order,
}

/// In which order the features of a flat tensor lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// In Keras's; also that of tensors that are not flat.
    #[default]
    Keras,
    /// Those of an image of these channels, rows, columns, channels first.
    Image([usize; 3]),
    /// Several after each other; for each feature its number in Keras.
    Mixed(Arc<Vec<u32>>),
}

impl At {
    /// A tensor whose features lie as in Keras.
    pub fn new(node: NodeId, shape: Vec<usize>) -> Self {
        Self { node, shape, order: Order::Keras }
    }

    /// The same with its features in this order.
    pub fn ordered(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The shape without the batch as Keras has it.
    pub fn keras_shape(&self) -> Vec<usize> {
        match self.shape.as_slice() {
            &[_, channels, rows, columns] => vec![rows, columns, channels],
            [_, rest @ ..] => rest.to_vec(),
            [] => Vec::new(),
        }
    }

    /// Channels, rows and columns of an image.
    pub fn image(&self) -> Result<[usize; 3], String> {
        match self.shape.as_slice() {
            &[_, channels, rows, columns] => Ok([channels, rows, columns]),
            _ => Err(format!("it takes an image, not a tensor of the shape {:?}", self.keras_shape())),
        }
    }

    /// How many channels or features the last dimension of Keras has.
    pub fn features(&self) -> Result<usize, String> {
        self.keras_shape().last().copied().ok_or_else(|| "it takes a tensor with features".to_owned())
    }

    /// The dimension in the graph of a dimension of Keras, the batch being 0; negative ones count from the end.
    pub fn dimension(&self, axis: i64) -> Result<usize, String> {
        let rank = self.shape.len() as i64;
        let positive = if axis < 0 { axis + rank } else { axis };
        if !(1..rank).contains(&positive) {
            return Err(format!("axis {axis} is none of a tensor of the shape {:?}", self.keras_shape()));
        }
        Ok(graph_dimension(rank as usize, positive as usize))
    }
}

/// The dimension in the graph of a dimension of Keras.
pub(super) fn graph_dimension(rank: usize, dimension: usize) -> usize {
    match (rank, dimension) {
        (4, 3) => 1,
        (4, 1 | 2) => dimension + 1,
        _ => dimension,
    }
}

impl Order {
    /// The order of an image's features, once it is flat.
    pub fn of_image(channels: usize, rows: usize, columns: usize) -> Self {
        if channels == 1 || rows * columns == 1 { Self::Keras } else { Self::Image([channels, rows, columns]) }
    }

    /// For each feature its number in Keras; `None` where the two are the same.
    pub fn in_keras(&self) -> Option<Vec<u32>> {
        match self {
            Self::Keras => None,
            Self::Mixed(numbers) => Some(numbers.to_vec()),
            &Self::Image([channels, rows, columns]) => {
                let mut numbers = Vec::with_capacity(channels * rows * columns);
                for channel in 0..channels {
                    numbers.extend((0..rows * columns).map(|place| (place * channels + channel) as u32));
                }
                Some(numbers)
            }
        }
    }

    /// The order of flat tensors after each other, of which the lengths are given.
    pub fn joined(parts: &[(usize, Self)]) -> Self {
        if parts.iter().all(|(_, order)| *order == Self::Keras) {
            return Self::Keras;
        }
        let mut numbers = Vec::new();
        let mut start = 0_u32;
        for (length, order) in parts {
            match order.in_keras() {
                Some(part) => numbers.extend(part.into_iter().map(|number| start + number)),
                None => numbers.extend(start..start + *length as u32),
            }
            start += *length as u32;
        }
        Self::Mixed(Arc::new(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_images_are_reordered() {
        // Two channels of 1 × 2: Keras has (place 0: a, b; place 1: a, b), the graph has (a: 0, 1; b: 0, 1).
        assert_eq!(Order::of_image(2, 1, 2).in_keras().unwrap(), [0, 2, 1, 3]);
        assert_eq!(Order::of_image(5, 1, 1), Order::Keras);
        let joined = Order::joined(&[(1, Order::Keras), (4, Order::of_image(2, 1, 2))]);
        assert_eq!(joined.in_keras().unwrap(), [0, 1, 3, 2, 4]);
    }

    #[test]
    fn axes_of_images_are_those_of_channels_first() {
        let image = At::new(0, vec![1, 8, 5, 7]);
        assert_eq!([-1, 1, 2, 3].map(|axis| image.dimension(axis).unwrap()), [1, 2, 3, 1]);
        assert_eq!(image.keras_shape(), [5, 7, 8]);
        assert_eq!(At::new(0, vec![1, 8]).dimension(-1).unwrap(), 1);
        assert!(image.dimension(4).is_err() && image.dimension(0).is_err());
    }
}
