//! Model cards, weight files and the zoo of architectures; all become a [`crate::graph::Graph`].
