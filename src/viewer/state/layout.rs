//! How the centre of the window is divided.

use egui::{Pos2, Rect, Vec2};

use crate::viewer::theme;

/// What fills the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One picture.
    One,
    /// The picture beside itself with the map laid over it.
    SideBySide,
    /// Picture, overlay, activation grid and density.
    Four,
    /// Axial, coronal and sagittal with reference lines, and the verdict of each.
    Planes,
    /// Picture, the map of a class, that of another, and the difference.
    Contrast,
    /// Maps of an early, a middle and a late layer, and the three as one.
    Layers,
    /// Density, mean and standard deviation of the map over the draws, and why the network is unsure.
    Uncertainty,
    /// A channel over the picture, all channels of its layer, their filters, and the images that excite it.
    Inside,
    /// The picture beside all images in the plane.
    Embedding,
    /// What weights and activations say about the training, beside the channels.
    Check,
}

impl Layout {
    /// All layouts, in the order of the toolbar.
    pub const ALL: [Self; 10] = [
        Self::One,
        Self::SideBySide,
        Self::Four,
        Self::Planes,
        Self::Contrast,
        Self::Layers,
        Self::Uncertainty,
        Self::Inside,
        Self::Embedding,
        Self::Check,
    ];

    /// The name people see.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::One => "One image",
            Self::SideBySide => "Image | overlay",
            Self::Four => "Image | overlay | activations | density",
            Self::Planes => "Knee: three planes",
            Self::Contrast => "Image | class | other class | difference",
            Self::Layers => "Early | middle | late layer | fused",
            Self::Uncertainty => "Density | mean map | its deviation | why unsure",
            Self::Inside => "Inside: channel | activations | filters | strongest images",
            Self::Embedding => "Image | embedding",
            Self::Check => "Network check | activations",
        }
    }

    /// The tiles of the layout, in reading order.
    #[must_use]
    pub fn tiles(self) -> &'static [Tile] {
        const fn tile(slot: usize, content: Content) -> Tile {
            Tile { slot, content }
        }
        const ONE: [Tile; 1] = [tile(0, Content::Overlay(Which::Class))];
        const TWO: [Tile; 2] = [tile(0, Content::Image), tile(0, Content::Overlay(Which::Class))];
        const FOUR: [Tile; 4] = [
            tile(0, Content::Image),
            tile(0, Content::Overlay(Which::Class)),
            tile(0, Content::Activations),
            tile(0, Content::Density),
        ];
        const PLANES: [Tile; 4] = [
            tile(1, Content::Overlay(Which::Class)),
            tile(2, Content::Overlay(Which::Class)),
            tile(3, Content::Overlay(Which::Class)),
            tile(0, Content::Verdict),
        ];
        const CONTRAST: [Tile; 4] = [
            tile(0, Content::Image),
            tile(0, Content::Overlay(Which::Class)),
            tile(0, Content::Overlay(Which::Other)),
            tile(0, Content::Overlay(Which::Difference)),
        ];
        const LAYERS: [Tile; 4] = [
            tile(0, Content::Overlay(Which::Early)),
            tile(0, Content::Overlay(Which::Middle)),
            tile(0, Content::Overlay(Which::Late)),
            tile(0, Content::Overlay(Which::Fused)),
        ];
        const UNCERTAINTY: [Tile; 4] = [
            tile(0, Content::Density),
            tile(0, Content::Overlay(Which::Mean)),
            tile(0, Content::Overlay(Which::Deviation)),
            tile(0, Content::Overlay(Which::Unsureness)),
        ];
        const INSIDE: [Tile; 4] = [
            tile(0, Content::Channel),
            tile(0, Content::Activations),
            tile(0, Content::Filters),
            tile(0, Content::Strongest),
        ];
        const EMBEDDING: [Tile; 2] = [tile(0, Content::Overlay(Which::Class)), tile(0, Content::Embedding)];
        const CHECK: [Tile; 2] = [tile(0, Content::Check), tile(0, Content::Activations)];
        match self {
            Self::One => &ONE,
            Self::SideBySide => &TWO,
            Self::Four => &FOUR,
            Self::Planes => &PLANES,
            Self::Contrast => &CONTRAST,
            Self::Layers => &LAYERS,
            Self::Uncertainty => &UNCERTAINTY,
            Self::Inside => &INSIDE,
            Self::Embedding => &EMBEDDING,
            Self::Check => &CHECK,
        }
    }

    /// Where each tile lies in `area`, in the order of [`Layout::tiles`].
    #[must_use]
    pub fn rects(self, area: Rect) -> Vec<Rect> {
        match self {
            Self::One => vec![area],
            // Side by side, or one above the other where the area is tall.
            Self::SideBySide if area.width() >= area.height() => grid(area, 2, 1),
            Self::SideBySide => grid(area, 1, 2),
            Self::Four | Self::Planes | Self::Contrast | Self::Layers | Self::Inside => grid(area, 2, 2),
            Self::Uncertainty => beside_three(area),
            Self::Embedding => beside(area, 0.4),
            Self::Check => beside(area, 0.6),
        }
    }
}

/// One cell of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// Which series it shows: index into the slots.
    pub slot: usize,
    /// What of it.
    pub content: Content,
}

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// The picture alone.
    Image,
    /// The picture with a map over it, while the overlay is on.
    Overlay(Which),
    /// The picture with the followed channel over it.
    Channel,
    /// The channels of the chosen layer.
    Activations,
    /// The learned weights of the chosen layer.
    Filters,
    /// The images that excite the followed channel most.
    Strongest,
    /// Many images as points.
    Embedding,
    /// The network check.
    Check,
    /// The densities of the class probabilities.
    Density,
    /// What the network says on each plane.
    Verdict,
}

impl Content {
    /// Whether the tile is a picture (and scrolls, pans, zooms).
    #[must_use]
    pub fn is_picture(self) -> bool {
        matches!(self, Self::Image | Self::Overlay(_) | Self::Channel)
    }

    /// The map that the tile shows, if it shows one.
    #[must_use]
    pub fn map(self) -> Option<Which> {
        if let Self::Overlay(which) = self { Some(which) } else { None }
    }
}

/// Which map of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// Of the explained class at the chosen layer.
    Class,
    /// Of the class it is held against.
    Other,
    /// The first minus the second.
    Difference,
    /// Of the explained class at an early layer.
    Early,
    /// At a middle layer.
    Middle,
    /// At a late layer.
    Late,
    /// The mean of these three, each on its own scale.
    Fused,
    /// Of the explained class, the mean over draws of the weights.
    Mean,
    /// Its standard deviation over these draws.
    Deviation,
    /// What the mutual information of answer and weights is attributed to.
    Unsureness,
}

impl Which {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// Its place in a list of all.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is made from several draws of a stochastic network's weights.
    #[must_use]
    pub const fn is_over_draws(self) -> bool {
        matches!(self, Self::Mean | Self::Deviation | Self::Unsureness)
    }

    /// A word for it in front of the tile's name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Class => "overlay",
            Self::Other => "other class",
            Self::Difference => "difference",
            Self::Early => "early layer",
            Self::Middle => "middle layer",
            Self::Late => "late layer",
            Self::Fused => "fused layers",
            Self::Mean => "mean over draws",
            Self::Deviation => "deviation over draws",
            Self::Unsureness => "why unsure",
        }
    }
}

/// Two tiles side by side, the left one of a `part` of the width.
fn beside(area: Rect, part: f32) -> Vec<Rect> {
    let gap = theme::GAP / 2.0;
    let left = ((area.width() - gap) * part).floor();
    let (first, rest) = area.split_left_right_at_x(area.left() + left);
    vec![first, rest.with_min_x(rest.left() + gap)]
}

/// One tall tile on the left, as what it says in numbers needs the height, and three on the right.
fn beside_three(area: Rect) -> Vec<Rect> {
    /// What the table of numbers takes, in points.
    const LEAST: f32 = 432.0;
    let gap = theme::GAP / 2.0;
    let left = (area.width() * 0.5).max(LEAST.min(area.width() * 0.66)).floor();
    let edge = area.left() + left;
    let tall = Rect::from_min_max(area.min, Pos2::new(edge, area.max.y));
    let right = Rect::from_min_max(Pos2::new(edge + gap, area.min.y), area.max);
    std::iter::once(tall).chain(grid(right, 1, 3)).collect()
}

fn grid(area: Rect, columns: usize, rows: usize) -> Vec<Rect> {
    let gap = theme::GAP / 2.0;
    let size = Vec2::new(
        ((area.width() - gap * (columns as f32 - 1.0)) / columns as f32).floor(),
        ((area.height() - gap * (rows as f32 - 1.0)) / rows as f32).floor(),
    );
    (0..rows * columns)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let corner = area.min + Vec2::new(column as f32 * (size.x + gap), row as f32 * (size.y + gap));
            // The last column and row take what rounding left over.
            let end = Pos2::new(
                if column + 1 == columns { area.max.x } else { corner.x + size.x },
                if row + 1 == rows { area.max.y } else { corner.y + size.y },
            );
            Rect::from_min_max(corner, end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_the_area_without_overlapping() {
        let area = Rect::from_min_max(Pos2::new(251.0, 41.0), Pos2::new(1290.0, 833.0));
        for layout in Layout::ALL {
            let rects = layout.rects(area);
            assert_eq!(rects.len(), layout.tiles().len());
            assert_eq!(rects[0].min, area.min);
            assert_eq!(rects[rects.len() - 1].max, area.max);
            for (index, a) in rects.iter().enumerate() {
                assert!(rects[index + 1..].iter().all(|b| !a.shrink(0.5).intersects(*b)), "{layout:?}");
            }
        }
    }
}
